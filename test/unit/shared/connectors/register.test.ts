import { describe, expect, test } from "vitest";

import type { ConnectorStore } from "../../../../shared/connectors/ports.ts";
import { type RegisterDeps, registerConnector } from "../../../../shared/connectors/register.ts";
import { ConflictError, InputError } from "../../../../shared/errors.ts";
import { utc } from "../../../../shared/time.ts";
import {
  ADMIN,
  azureView,
  connector,
  connectorRequest,
  HOST_ACCOUNT,
  NOW,
  NOW_TEXT,
  OWN_ACCOUNT,
  registerParts,
  SECRET,
  SUBSCRIPTION,
  unavailable,
} from "../../../support/fakes.ts";

const CONTEXT = { verify: true, rule: "role:Latchkey.Admin", correlationId: "c-1" };
const DATA = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone/blobServices/default/containers/data`;
const OWN = DATA.replace("accountone", OWN_ACCOUNT);
const register = (deps: RegisterDeps, changes: Parameters<typeof connectorRequest>[0] = {}, context = CONTEXT) =>
  registerConnector(deps, connectorRequest(changes), ADMIN, context);

describe("registerConnector", () => {
  test("signs in, verifies, keeps the secret, then the audit, and the record last", async () => {
    const { deps, journal, store, secrets, verifications, audited } = registerParts();
    const { connector: made, etag, verification } = await register(deps);
    expect(journal).toEqual([
      "sign-in",
      "subscriptions",
      "accounts *",
      "containers accountone",
      "secrets.put",
      "verifications.put",
      "audit connector.registered ok",
      "store.insert",
    ]);
    expect(made).toMatchObject({
      state: "healthy",
      checkedAt: NOW_TEXT,
      secret: { kind: "clientSecret", version: "v1" },
    });
    expect(made).toMatchObject({ createdAt: NOW_TEXT, updatedAt: NOW_TEXT });
    expect([etag, verification?.state, verifications.ids.has(made.id)]).toEqual(['W/"1"', "healthy", true]);
    expect(secrets.values.get(made.secret?.name ?? "")).toBe(SECRET);
    expect(made.secret?.name).toBe(`connector-${made.id}`);
    expect(audited).toMatchObject([
      {
        principalId: `app:${ADMIN.tenantId}/${ADMIN.subject}`,
        resourceId: made.id,
        rule: CONTEXT.rule,
        correlationId: "c-1",
      },
    ]);
    expect(JSON.stringify([...store.rows.values(), audited, made, verification])).not.toContain(SECRET);
  });

  test("signs in with the secret that came, and nothing of it is shared", async () => {
    const { deps, signIns } = registerParts();
    await register(deps);
    expect(signIns).toHaveLength(1);
    expect(signIns[0]?.key).toBeNull();
    expect(await signIns[0]?.secret?.read()).toBe(SECRET);
  });

  test("an alias becomes the ARM id that it means", async () => {
    const { deps } = registerParts();
    expect((await register(deps, { resourceId: "az://data" })).connector.resourceId).toBe(DATA);
  });

  test("what cannot be verified is stored as failed, with the reason", async () => {
    const { deps } = registerParts((journal) => azureView({}, journal));
    const { connector: made, verification } = await register(deps, { resourceTypes: ["blob-container"] });
    expect([made.state, verification?.resourceTypes[0]?.error?.code]).toEqual(["failed", "RESOURCE_NOT_FOUND"]);
  });

  test("verify=false: Azure is not asked, nothing is verified", async () => {
    const { deps, journal, signIns } = registerParts();
    const made = await register(deps, { resourceId: DATA.toUpperCase() }, { ...CONTEXT, verify: false });
    expect(made).toMatchObject({ verification: null, connector: { state: "unverified", checkedAt: null } });
    expect(made.connector.resourceId?.toLowerCase()).toBe(DATA.toLowerCase());
    expect(signIns).toEqual([]);
    expect(journal).toEqual(["secrets.put", "audit connector.registered ok", "store.insert"]);
  });
});

describe("registerConnector refuses before anything is kept", () => {
  const taken = registerParts();
  taken.store.rows.set("taken", connector({ name: "taken" }));
  const later = utc(new Date(NOW.getTime() + 1000));
  test.each<[string, Parameters<typeof connectorRequest>[0], typeof CONTEXT, string]>([
    ["an expiry that is now", { expiresAt: NOW_TEXT }, CONTEXT, "INVALID_REQUEST"],
    ["an expiry in the past", { expiresAt: "2020-01-01T00:00:00Z" }, CONTEXT, "INVALID_REQUEST"],
    ["a name that is taken", { name: "taken" }, CONTEXT, "NAME_TAKEN"],
    ["a resource that is not there", { resourceId: "nothing" }, CONTEXT, "RESOURCE_NOT_FOUND"],
    ["a resource that is no name", { resourceId: "az://../x" }, CONTEXT, "INVALID_REQUEST"],
    ["the service's own account", { resourceId: OWN }, CONTEXT, "DENIED"],
    ["the host's account", { resourceId: DATA.replace("accountone", HOST_ACCOUNT) }, CONTEXT, "DENIED"],
    ["an alias that nobody looks up", { resourceId: "data" }, { ...CONTEXT, verify: false }, "INVALID_REQUEST"],
  ])("%s", async (_what, changes, context, code) => {
    const { deps, journal, secrets } = taken;
    await expect(register(deps, changes, context)).rejects.toMatchObject({ code });
    expect(journal.filter((entry) => /put|insert|audit/.test(entry))).toEqual([]);
    expect([secrets.values.size, taken.store.rows.size]).toEqual([0, 1]);
  });

  test("a sign-in that Entra refuses", async () => {
    const failure = new InputError("SIGN_IN_FAILED", "no");
    const { deps, journal } = registerParts(() => ({ ...azureView({}), signIn: () => Promise.reject(failure) }));
    await expect(register(deps)).rejects.toBe(failure);
    expect(journal).toEqual([]);
  });

  test("takes an expiry in the future", async () => {
    const { deps } = registerParts();
    expect((await register(deps, { expiresAt: later })).connector.expiresAt).toBe(later);
  });
});

describe("registerConnector takes everything back", () => {
  type Parts = ReturnType<typeof registerParts>;
  const fail = (code: Parameters<typeof unavailable>[0]) => () => Promise.reject(unavailable(code));
  const undo = ["store.remove", "secrets.remove", "verifications.remove"];
  test.each<[string, (parts: Parts) => RegisterDeps, string, string[]]>([
    [
      "the vault",
      ({ deps, secrets }) => ({ ...deps, secrets: { ...secrets, put: fail("VAULT_UNAVAILABLE") } }),
      "VAULT_UNAVAILABLE",
      [],
    ],
    [
      "the verification",
      ({ deps, verifications }) => ({ ...deps, verifications: { ...verifications, put: fail("STATE_UNAVAILABLE") } }),
      "STATE_UNAVAILABLE",
      undo,
    ],
    [
      "the record",
      ({ deps, store }) => ({ ...deps, store: { ...store, insert: fail("STATE_UNAVAILABLE") } }),
      "STATE_UNAVAILABLE",
      undo,
    ],
    ["the audit", ({ deps }) => ({ ...deps, appendAudit: fail("AUDIT_UNAVAILABLE") }), "AUDIT_UNAVAILABLE", undo],
  ])("when %s fails", async (_what, broken, code, expected) => {
    const parts = registerParts();
    await expect(register(broken(parts))).rejects.toMatchObject({ code });
    expect(parts.journal.filter((entry) => entry.endsWith(".remove"))).toEqual(expected);
    expect([parts.store.rows.size, parts.secrets.values.size, parts.verifications.ids.size]).toEqual([0, 0, 0]);
  });

  test("an audit record that may have arrived is withdrawn; one that was never tried is not", async () => {
    const lost = registerParts();
    const events: string[] = [];
    const appendAudit: RegisterDeps["appendAudit"] = async ({ outcome }) => {
      events.push(outcome);
      if (outcome === "ok") throw unavailable("AUDIT_UNAVAILABLE");
    };
    await expect(register({ ...lost.deps, appendAudit })).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(events).toEqual(["ok", "withdrawn"]);

    const untried = registerParts();
    const verifications = { ...untried.verifications, put: fail("STATE_UNAVAILABLE") };
    await expect(register({ ...untried.deps, verifications })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(untried.audited).toEqual([]);
  });

  test("a name that was taken in between: the other's record stays", async () => {
    const parts = registerParts();
    const other = connector();
    const store = {
      ...parts.store,
      async insert() {
        parts.store.rows.set(other.name, other);
        throw new ConflictError("NAME_TAKEN", "taken");
      },
    };
    await expect(register({ ...parts.deps, store })).rejects.toMatchObject({ code: "NAME_TAKEN" });
    expect([...parts.store.rows.values()]).toEqual([other]);
    expect(parts.secrets.values.size).toBe(0);
  });

  test("the trail says so once the record is gone, and says it of the same registration", async () => {
    const parts = registerParts();
    const store = { ...parts.store, insert: fail("STATE_UNAVAILABLE") };
    await expect(register({ ...parts.deps, store })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(parts.journal.slice(-5)).toEqual([
      "audit connector.registered ok",
      "store.remove",
      "audit connector.registered withdrawn",
      "secrets.remove",
      "verifications.remove",
    ]);
    const [ok, withdrawn] = parts.audited;
    expect(withdrawn).toEqual({ ...ok, outcome: "withdrawn" });
  });

  test("a record that cannot be taken back keeps its secret and its audit record, and the first failure is told", async () => {
    const parts = registerParts();
    const store: ConnectorStore = {
      ...parts.store,
      async insert(added) {
        await parts.store.insert(added);
        throw unavailable("AUDIT_UNAVAILABLE");
      },
      remove: fail("STATE_UNAVAILABLE"),
    };
    await expect(register({ ...parts.deps, store })).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect([parts.store.rows.size, parts.secrets.values.size, parts.verifications.ids.size]).toEqual([1, 1, 1]);
    expect(parts.audited.map(({ outcome }) => outcome)).toEqual(["ok"]);
  });

  test.each(["secrets", "verifications"] as const)(
    "what %s cannot take back now stays, and the rest is taken back",
    async (place) => {
      const parts = registerParts();
      const deps = {
        ...parts.deps,
        store: { ...parts.store, insert: fail("STATE_UNAVAILABLE") },
        [place]: { ...parts[place], remove: fail("VAULT_UNAVAILABLE") },
      };
      await expect(register(deps)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
      expect(parts.audited.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
      expect([parts.secrets.values.size, parts.verifications.ids.size].filter((left) => left > 0)).toHaveLength(1);
    },
  );
});
