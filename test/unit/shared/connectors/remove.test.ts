import { describe, expect, test } from "vitest";
import type { LeasesThrough } from "../../../../shared/connectors/ports.ts";
import { registerConnector } from "../../../../shared/connectors/register.ts";
import { type RemoveConnectorDeps, removeConnector } from "../../../../shared/connectors/remove.ts";
import { ADMIN, connectorRequest, registerParts, unavailable } from "../../../support/fakes.ts";

const CONTEXT = { rule: "role:Latchkey.Admin", correlationId: "c-1" };
const NAME = "azure-service-principal";

async function parts(leases: Awaited<ReturnType<LeasesThrough>> = "none") {
  const made = registerParts();
  const { etag, connector } = await registerConnector(made.deps, connectorRequest(), ADMIN, {
    ...CONTEXT,
    verify: true,
  });
  const forgotten: string[] = [];
  const deps: RemoveConnectorDeps = {
    ...made.deps,
    leasesThrough: async (id) => (id === connector.id ? leases : "none"),
    removeInventory: async (id) => void forgotten.push(id),
  };
  made.journal.length = 0;
  const remove = (force = false, seen = etag, changed: Partial<RemoveConnectorDeps> = {}) =>
    removeConnector({ ...deps, ...changed }, NAME, seen, ADMIN, { ...CONTEXT, force });
  return { ...made, connector, remove, forgotten };
}

describe("removeConnector", () => {
  test("on record first, then nobody can use it, then its secret and all that is known of it go, and it last", async () => {
    const { remove, journal, store, secrets, verifications, connector, forgotten, audited } = await parts();
    await remove();
    expect(journal).toEqual([
      "audit connector.deleted ok",
      "store.replace",
      "secrets.remove",
      "verifications.remove",
      "store.removeIf",
    ]);
    expect([store.rows.size, secrets.values.size, verifications.ids.size, forgotten]).toEqual([
      0,
      0,
      0,
      [connector.id],
    ]);
    expect(audited.at(-1)).toMatchObject({ resourceId: connector.id, detail: { name: NAME, force: false } });
  });

  test("while leases are active it is refused, unless forced", async () => {
    const { remove, store, journal } = await parts("active");
    await expect(remove()).rejects.toMatchObject({ code: "CONNECTOR_IN_USE" });
    expect([store.rows.size, journal]).toEqual([1, []]);
    await remove(true);
    expect(store.rows.size).toBe(0);
  });

  test("while something of its leases must be removed in Azure it is refused, also by force", async () => {
    const { remove, store, journal } = await parts("leaving");
    await expect(remove(true)).rejects.toMatchObject({ code: "CONNECTOR_IN_USE" });
    expect([store.rows.size, journal]).toEqual([1, []]);
  });

  test("one that was changed meanwhile stays, with its secret", async () => {
    const { remove, store, secrets, journal, audited, connector } = await parts();
    await expect(remove(false, 'W/"9"')).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(journal).toEqual([]);
    const leasesThrough = async () => {
      await store.replace({ ...connector, labels: { by: "another" } }, 'W/"1"');
      return "none" as const;
    };
    await expect(remove(false, undefined, { leasesThrough })).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect([store.rows.size, secrets.values.size]).toEqual([1, 1]);
    expect(audited.slice(-2).map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
  });

  test("while its secret cannot be deleted it stays, disabled, to be deleted again", async () => {
    const { remove, store, secrets, deps, audited } = await parts();
    const broken = { ...deps.secrets, remove: () => Promise.reject(unavailable("VAULT_UNAVAILABLE")) };
    await expect(remove(false, undefined, { secrets: broken })).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
    expect([...store.rows.values()].map(({ state }) => state)).toEqual(["disabled"]);
    expect([secrets.values.size, audited.slice(-2).map(({ outcome }) => outcome)]).toEqual([1, ["ok", "withdrawn"]]);
    await remove(false, 'W/"2"');
    expect([store.rows.size, secrets.values.size]).toEqual([0, 0]);
  });

  test("a reply that is lost at the very end withdraws nothing: it may be gone", async () => {
    const { remove, store, audited } = await parts();
    const lost = { ...store, removeIf: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) };
    await expect(remove(false, undefined, { store: lost })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(audited.map(({ event, outcome }) => [event, outcome]).at(-1)).toEqual(["connector.deleted", "ok"]);
  });

  test("without an audit record nothing is deleted", async () => {
    const { remove, store } = await parts();
    const appendAudit = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    await expect(remove(false, undefined, { appendAudit })).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(store.rows.size).toBe(1);
  });

  test("what is not known to be unused is not deleted", async () => {
    const { remove, store } = await parts();
    const leasesThrough = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
    await expect(remove(false, undefined, { leasesThrough })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(store.rows.size).toBe(1);
  });

  test("one that is not there", async () => {
    const { remove } = await parts();
    await remove();
    await expect(remove()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
