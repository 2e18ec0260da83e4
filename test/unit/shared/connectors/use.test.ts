import { describe, expect, test } from "vitest";
import type { Connector } from "../../../../shared/connectors/connector.ts";
import { findConnector, openContainer } from "../../../../shared/connectors/use.ts";
import { utc } from "../../../../shared/time.ts";
import { connector, NOW, NOW_TEXT, OWN_ACCOUNTS, registerParts, SUBSCRIPTION } from "../../../support/fakes.ts";

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

test("findConnector: nobody by that name or id is NOT_FOUND", async () => {
  const { deps } = parts();
  await expect(findConnector(deps.store, "nobody")).rejects.toMatchObject({ code: "NOT_FOUND" });
});
