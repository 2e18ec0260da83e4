import { describe, expect, test } from "vitest";
import type { Connector } from "../../../../shared/connectors/connector.ts";
import type { AzureView } from "../../../../shared/connectors/ports.ts";
import { findConnector, openContainer, openStorageAccount } from "../../../../shared/connectors/use.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { utc } from "../../../../shared/time.ts";
import { connector, NOW, NOW_TEXT, OWN_ACCOUNTS, registerParts, SUBSCRIPTION, signIn } from "../../../support/fakes.ts";

function parts(changes: Partial<Connector> = {}) {
  const made = registerParts();
  const stored = connector(changes);
  made.store.rows.set(stored.name, stored);
  return { ...made, stored };
}

describe("openContainer", () => {
  test("gives the container and how to sign in for it, by name and by id", async () => {
    const { deps, stored } = parts();
    const byName = await openContainer(deps, stored.name, "az://data");
    expect(byName).toMatchObject({
      connector: { id: stored.id, name: stored.name, expiresAt: null },
      displayName: "az://data",
      container: { subscriptionId: SUBSCRIPTION, resourceGroup: "group", account: "accountone", container: "data" },
    });
    expect((await openContainer(deps, stored.id, "az://data")).resourceId).toBe(byName.resourceId);
  });

  test("the secret is read when a sign-in asks for it, at the stored version", async () => {
    const { deps, journal, stored } = parts();
    const { signIn } = await openContainer(deps, stored.name, "data");
    expect(journal).not.toContain("secrets.get");
    await signIn.secret?.read();
    expect(journal).toContain("secrets.get");
    expect(signIn.key).toContain(stored.id);
  });

  test("another version of the secret is another sign-in", async () => {
    const [one, two] = [parts(), parts({ secret: { kind: "clientSecret", name: "s", version: "v2", endsAt: null } })];
    const first = await openContainer(one.deps, one.stored.name, "data");
    const second = await openContainer(two.deps, two.stored.name, "data");
    expect(first.signIn.key).not.toBe(second.signIn.key);
  });

  test.each<[string, Partial<Connector>, string]>([
    ["expired now", { expiresAt: NOW_TEXT }, "CONNECTOR_EXPIRED"],
    ["expired before", { expiresAt: "2020-01-01T00:00:00Z" }, "CONNECTOR_EXPIRED"],
    [
      "expired, at an offset that sorts otherwise as text",
      { expiresAt: "2026-11-21T09:59:59.999Z" },
      "CONNECTOR_EXPIRED",
    ],
    ["disabled", { state: "disabled" }, "CONNECTOR_DISABLED"],
  ])("one that is %s is refused before Azure is asked", async (_what, changes, code) => {
    const { deps, journal, stored, signIns } = parts(changes);
    await expect(openContainer(deps, stored.name, "data")).rejects.toMatchObject({ code });
    expect([journal, signIns]).toEqual([[], []]);
  });

  test("one that expires in a second still works", async () => {
    const expiresAt = utc(new Date(NOW.getTime() + 1000));
    const { deps, stored } = parts({ expiresAt });
    expect(await openContainer(deps, stored.name, "data")).toMatchObject({
      connector: { expiresAt },
      displayName: "az://data",
    });
  });

  test("the connector's own limits hold", async () => {
    const elsewhere = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/other/blobServices/default/containers/data`;
    const { deps, stored } = parts({ resourceId: elsewhere });
    const id = elsewhere.replace("/other/", "/accountone/");
    await expect(openContainer(deps, stored.name, id)).rejects.toMatchObject({ code: "DENIED" });
  });

  test.each(OWN_ACCOUNTS)("the service's own account %s is never opened", async (own) => {
    const id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/${own}/blobServices/default/containers/data`;
    for (const changes of [{}, { resourceId: id }]) {
      const { deps, journal, stored } = parts(changes);
      await expect(openContainer(deps, stored.name, id)).rejects.toMatchObject({ code: "DENIED" });
      expect(journal).toEqual([]);
    }
  });
});

describe("openStorageAccount, for ending what was lent", () => {
  const OTHER = "99999999-2222-4333-8444-555555555555";
  const throttled = new UpstreamError("UPSTREAM_REFUSED", "429", { retryable: true });

  function withBrokenSubscription(changes: Partial<Connector> = {}) {
    const made = parts(changes);
    const opened = made.deps.openAzure(signIn());
    const view: AzureView = {
      ...opened,
      subscriptions: async () => [...(await opened.subscriptions()), { subscriptionId: OTHER, displayName: "Other" }],
      storageAccounts: (subscriptionId, ...rest) =>
        subscriptionId === OTHER ? Promise.reject(throttled) : opened.storageAccounts(subscriptionId, ...rest),
    };
    return { ...made, deps: { ...made.deps, openAzure: () => view } };
  }

  test("an account that was found is opened, whatever else cannot be listed; also through a disabled connector", async () => {
    const { deps, stored } = withBrokenSubscription({ state: "disabled" });
    const { account } = await openStorageAccount(deps, stored.name, "accountone");
    expect(account).toMatchObject({ subscriptionId: SUBSCRIPTION, account: "accountone" });
  });

  test("one that was not found may be where nobody could look", async () => {
    const { deps, stored } = withBrokenSubscription();
    await expect(openStorageAccount(deps, stored.name, "accounttwo")).rejects.toBe(throttled);
    const whole = parts();
    await expect(openStorageAccount(whole.deps, whole.stored.name, "accounttwo")).rejects.toMatchObject({
      code: "RESOURCE_NOT_FOUND",
    });
  });
});

test("findConnector: nobody by that name or id is NOT_FOUND", async () => {
  const { deps } = parts();
  await expect(findConnector(deps.store, "nobody")).rejects.toMatchObject({ code: "NOT_FOUND" });
});
