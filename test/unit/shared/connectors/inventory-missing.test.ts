import { describe, expect, test } from "vitest";
import { connector, SUBSCRIPTION } from "../../../support/fakes.ts";
import { accounts, refused, world } from "../../../support/inventory-world.ts";

const limited = (limits: object) => ({ configuration: { ...connector().configuration, ...limits } });

describe("a limit that shows nothing is told, not an empty list alone", () => {
  test.each([
    ["an account that is not there", { storageAccount: "nowhere" }, "/storageAccounts/nowhere"],
    [
      "an account that is not in the subscription",
      { storageAccount: "nowhere", subscriptionId: SUBSCRIPTION },
      `/subscriptions/${SUBSCRIPTION}/storageAccounts/nowhere`,
    ],
    ["a group that is not there", { resourceGroup: "nowhere" }, "/resourceGroups/nowhere"],
    [
      "a group that is not in the subscription",
      { resourceGroup: "nowhere", subscriptionId: SUBSCRIPTION },
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/nowhere`,
    ],
  ])("%s", async (_what, limits, place) => {
    const { ask, stored, azure } = world(accounts(2));
    if ("resourceGroup" in limits) azure.accounts = [];
    const { items, pending, pendingCount } = await ask([stored(limited(limits))]);
    expect([items, pendingCount]).toEqual([[], 1]);
    expect(pending).toMatchObject([{ place, code: "RESOURCE_NOT_FOUND", retryAfterSeconds: null, takenAt: null }]);
  });

  test.each(["docker-registry", "kubernetes-cluster"] as const)("%s in a group that shows none", async (type) => {
    const { ask, stored } = world([]);
    const { pending } = await ask([stored({ resourceTypes: [type], ...limited({ resourceGroup: "nowhere" }) })]);
    expect(pending).toMatchObject([{ resourceType: type, code: "RESOURCE_NOT_FOUND" }]);
  });

  test("a subscription and a registry that are not seen", async () => {
    const { ask, stored } = world([]);
    const absent = "99999999-9999-4999-8999-999999999999";
    const registry = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/images`;
    const one = stored({ resourceTypes: ["azure-generic"], ...limited({ subscriptionId: absent }) });
    expect((await ask([one])).pending).toMatchObject([
      { place: `/subscriptions/${absent}`, code: "RESOURCE_NOT_FOUND" },
    ]);
    const other = stored({ name: "other", id: "o", resourceTypes: ["docker-registry"], resourceId: registry });
    expect((await ask([other])).pending).toMatchObject([{ place: registry, code: "RESOURCE_NOT_FOUND" }]);
  });
});

describe("nothing is missing", () => {
  test("where there is an account, even without containers", async () => {
    const { ask, stored } = world(accounts(1, []));
    for (const limits of [{ storageAccount: "account0000" }, { resourceGroup: "g" }]) {
      expect(await ask([stored(limited(limits))])).toMatchObject({ items: [], pending: [] });
    }
  });

  test("without limits", async () => {
    const { ask, stored } = world([]);
    expect(await ask([stored()])).toMatchObject({ items: [], pending: [] });
  });

  test("when it was not listed: then that is told, once", async () => {
    const { ask, stored } = world(accounts(1), {
      onCall: (text) => {
        if (text.startsWith("accounts")) throw refused(503);
      },
    });
    const { pending } = await ask([stored(limited({ resourceGroup: "g" }))]);
    expect(pending).toMatchObject([{ code: "UPSTREAM_REFUSED" }]);
  });
});
