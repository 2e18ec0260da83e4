import { describe, expect, test } from "vitest";
import { INVENTORY_MAX_AGE_MS } from "../../../../shared/connectors/inventory-index.ts";
import { connector, NOW, OWN_ACCOUNT, OWN_VAULT, SUBSCRIPTION } from "../../../support/fakes.ts";
import { accounts, namesOf, OTHER, world } from "../../../support/inventory-world.ts";

describe("what is answered", () => {
  test("everything within the limits, by place, and never the service's own", async () => {
    const { ask, stored } = world([
      ...accounts(2, ["b", "a"]),
      { subscription: OTHER, account: "far", containers: ["x"] },
      { subscription: OTHER, account: OWN_ACCOUNT, containers: ["latchkey"] },
    ]);
    const page = await ask([stored()]);
    expect(namesOf(page)).toEqual(["account0000/a", "account0000/b", "account0001/a", "account0001/b", "far/x"]);
    expect(page.items[0]).toEqual({
      connector: "azure-service-principal",
      resourceType: "blob-container",
      resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account0000/blobServices/default/containers/a`,
      displayName: "az://a",
    });
    const types = [
      {
        connector: "azure-service-principal",
        resourceType: "blob-container",
        takenAt: NOW.toISOString(),
        error: null,
      },
    ];
    expect(page).toMatchObject({ next: null, types, pending: [], pendingCount: 0 });
  });

  test("all types, side by side", async () => {
    const place = { subscriptionId: SUBSCRIPTION, resourceGroup: "g" };
    const details = {
      loginServer: "r.azurecr.io",
      tier: "Standard",
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
    } as const;
    const { ask, stored } = world(accounts(1), {
      registries: async () => [{ ...place, registry: "r", ...details }],
      vaults: async () => [
        { ...place, vault: "kept", hasRbac: true },
        { ...place, vault: OWN_VAULT, hasRbac: true },
      ],
    });
    const page = await ask([stored({ resourceTypes: [] })]);
    expect(page.items.map(({ resourceType, displayName }) => `${resourceType} ${displayName}`)).toEqual([
      `azure-generic ${SUBSCRIPTION}`,
      "blob-container az://data",
      "docker-registry r.azurecr.io",
      "key-vault-secret kept",
    ]);
  });

  test("what an access token cannot list is told, and Azure is not asked", async () => {
    const { ask, stored, calls } = world(accounts(1));
    const page = await ask([stored({ authMethod: "access-token", resourceTypes: ["blob-container"] })]);
    const message =
      "connector authorization failure: the 'access-token' authentication method is not supported for blob storage resources";
    expect(page.types).toMatchObject([{ error: { code: "UNSUPPORTED_BY_METHOD", message } }]);
    expect(calls).toEqual([]);
  });

  test("limited to one container: one read, no list", async () => {
    const id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account0000/blobServices/default/containers/data`;
    const { ask, stored, calls } = world(accounts(1), { container: async (asked) => asked });
    expect(namesOf(await ask([stored({ resourceId: id })]))).toEqual(["account0000/data"]);
    expect(calls).toEqual([]);
  });
});

describe("how old it is", () => {
  test("for a quarter of an hour Azure is not asked again, then it is", async () => {
    const { ask, stored, calls, pass, azure } = world(accounts(2));
    const one = stored();
    await ask([one]);
    const before = calls.length;
    pass(INVENTORY_MAX_AGE_MS - 1);
    azure.accounts = accounts(1);
    expect((await ask([one])).items).toHaveLength(2);
    expect(calls).toHaveLength(before);
    pass(1);
    expect((await ask([one])).items).toHaveLength(1);
  });

  test("refresh lists at once", async () => {
    const { ask, stored, azure } = world(accounts(2));
    const one = stored();
    await ask([one]);
    azure.accounts = accounts(1);
    expect((await ask([one], { isForced: true })).items).toHaveLength(1);
  });

  test("other limits or another sign-in know nothing of it", async () => {
    const { ask, stored } = world([...accounts(1), ...accounts(1, ["else"], OTHER)]);
    const one = stored();
    expect((await ask([one])).items).toHaveLength(2);
    const narrowed = { ...one, configuration: { ...one.configuration, subscriptionId: OTHER } };
    expect((await ask([narrowed])).items).toHaveLength(1);
    const changed = { ...one, secret: { kind: "clientSecret", name: "s", version: "v9", endsAt: null } } as const;
    const { calls, ...fresh } = world([]);
    expect((await fresh.ask([fresh.stored(changed)])).items).toEqual([]);
    expect(calls).toEqual(["subscriptions"]);
  });

  test("callers at the same time share one refresh", async () => {
    const { ask, stored, calls } = world(accounts(3));
    const one = stored();
    await Promise.all([ask([one]), ask([one]), ask([one])]);
    expect(calls.filter((call) => call === "subscriptions")).toHaveLength(1);
  });

  test("a connector that was removed meanwhile leaves nothing behind", async () => {
    const { ask, deps } = world(accounts(1));
    await ask([connector({ resourceTypes: ["blob-container"], name: "gone", id: OTHER })]);
    expect([...deps.inventories.blobs.keys()]).toEqual([]);
  });

  test("remove: forgets one connector, and no other", async () => {
    const { ask, stored, deps } = world(accounts(1));
    await ask([stored(), stored({ name: "second", id: OTHER })]);
    await deps.inventories.remove(OTHER);
    const left = [...deps.inventories.blobs.keys()];
    expect(left.length).toBeGreaterThan(1);
    expect(left.filter((name) => name.includes(OTHER))).toEqual([]);
  });

  test("no secret is in what is stored", async () => {
    const { ask, stored, deps } = world(accounts(1));
    const one = stored();
    await ask([one]);
    const text = [...deps.inventories.blobs.values()].join();
    expect(text).toContain("az://data");
    for (const secret of ["sh-secret", one.secret?.version ?? "-", one.configuration.clientId ?? "-"]) {
      expect(text).not.toContain(secret);
    }
  });
});
