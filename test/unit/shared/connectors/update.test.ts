import { describe, expect, test } from "vitest";
import { endOf } from "../../../../shared/connectors/connector-life.ts";
import { registerConnector } from "../../../../shared/connectors/register.ts";
import { type ConnectorPatch, connectorPatchSchema, updateConnector } from "../../../../shared/connectors/update.ts";
import { signInOf } from "../../../../shared/connectors/use.ts";
import { InputError } from "../../../../shared/errors.ts";
import {
  ADMIN,
  azureView,
  connectorRequest,
  NOW_TEXT,
  registerParts,
  SECRET,
  TENANT,
  unavailable,
} from "../../../support/fakes.ts";

const CONTEXT = { verify: true, rule: "role:Latchkey.Admin", correlationId: "c-1" };
const NEW_SECRET = "n3w-s3cret~that-must-not-be-seen";
const NAME = "azure-service-principal";

/** A registered service principal; `fails` makes every later look at Azure fail. */
async function parts(fails: Error | null = null) {
  let isDown = false;
  const made = registerParts((journal) => {
    const view = azureView({ "group/accountone": ["data"] }, journal);
    return { ...view, signIn: () => (isDown && fails !== null ? Promise.reject(fails) : view.signIn()) };
  });
  const { etag, connector } = await registerConnector(made.deps, connectorRequest(), ADMIN, CONTEXT);
  isDown = true;
  made.journal.length = 0;
  made.audited.length = 0;
  made.signIns.length = 0;
  const update = (patch: ConnectorPatch, seen = etag, options = CONTEXT) =>
    updateConnector(made.deps, NAME, connectorPatchSchema.parse(patch), seen, ADMIN, options);
  return { ...made, etag, before: connector, update, stored: () => made.store.rows.get(NAME) };
}

describe("updateConnector", () => {
  test("a new secret is verified first, then kept as a new version, then switched to, on record in between", async () => {
    const { update, journal, stored, before, signIns, secrets, audited } = await parts();
    const { connector, verification } = await update({ secrets: { clientSecret: NEW_SECRET } });
    expect(journal).toEqual([
      "sign-in",
      ...journal.slice(1, -4),
      "secrets.put",
      "verifications.put",
      "audit connector.updated ok",
      "store.replace",
    ]);
    expect(await signIns[0]?.secret?.read()).toBe(NEW_SECRET);
    expect(signIns[0]?.key).toBeNull();
    expect(connector.secret).toEqual({ kind: "clientSecret", name: before.secret?.name, version: "v2", endsAt: null });
    expect(await secrets.get(before.secret?.name ?? "", "v1")).toBe(SECRET);
    expect([stored(), verification?.state]).toEqual([connector, "healthy"]);
    expect(audited).toMatchObject([
      {
        resourceId: before.id,
        detail: { name: NAME, changed: ["secrets"], isVerified: true, secretVersion: ['"v1"', '"v2"'] },
      },
    ]);
    expect(JSON.stringify([audited, stored(), verification])).not.toContain(NEW_SECRET);
  });

  test.each([
    ["a sign-in that fails", new InputError("SIGN_IN_FAILED", "no"), "SIGN_IN_FAILED"],
    ["an outage", unavailable("STATE_UNAVAILABLE"), "STATE_UNAVAILABLE"],
  ])("%s changes nothing: the old secret serves, nothing is on record", async (_what, failure, code) => {
    const { update, stored, before, journal } = await parts(failure);
    await expect(update({ secrets: { clientSecret: NEW_SECRET } })).rejects.toMatchObject({ code });
    expect(stored()).toEqual(before);
    expect(journal).toEqual([]);
  });

  test("what says nothing of the sign-in asks nothing of Azure", async () => {
    const { update, journal, stored, before } = await parts(new InputError("SIGN_IN_FAILED", "no"));
    const users = [`user:${ADMIN.tenantId}/${ADMIN.subject}`];
    const patch = {
      labels: { team: "vision" },
      visibility: "shared" as const,
      users,
      expiresAt: "2027-01-01T00:00:00Z",
    };
    const { verification } = await update(patch);
    expect(journal).toEqual(["audit connector.updated ok", "store.replace"]);
    expect(stored()).toEqual({ ...before, ...patch, updatedAt: NOW_TEXT });
    expect(verification).toBeNull();
  });

  test("another limit keeps the secret, and is looked at with it", async () => {
    const { update, signIns, stored, before } = await parts();
    await update({ configuration: { resourceGroup: "group" } });
    expect(await signIns[0]?.secret?.read()).toBe(SECRET);
    expect(stored()).toMatchObject({
      secret: before.secret,
      configuration: { ...before.configuration, resourceGroup: "group" },
    });
  });

  test.each<[string, ConnectorPatch]>([
    ["another method's configuration", { configuration: { token: "x" } }],
    ["a tenant that is none", { configuration: { tenantId: "common" } }],
    ["two secrets", { secrets: { clientSecret: "a", certificate: "b" } }],
    ["a token for a service principal", { secrets: { token: "a" } }],
    ["a time that has passed", { expiresAt: "2026-11-21T09:00:00Z" }],
  ])("refuses %s and changes nothing", async (_what, patch) => {
    const { update, stored, before, journal } = await parts();
    await expect(update(patch)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect([stored(), journal]).toEqual([before, []]);
  });

  test.each(["name", "authMethod", "cloud", "id", "owner", "state", "secret"])("the body cannot name %s", (member) => {
    expect(connectorPatchSchema.safeParse({ [member]: "x" }).success).toBe(false);
  });

  test("somebody else's change is not lost: neither when it was seen, nor when it comes in between", async () => {
    const { update, journal, deps, store, before, audited } = await parts();
    await expect(update({ labels: {} }, 'W/"0"')).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(journal).toEqual([]);
    const append = deps.appendAudit;
    Object.assign(deps, {
      async appendAudit(event: Parameters<typeof append>[0]) {
        if (event.outcome === "ok") await store.replace({ ...before, labels: { by: "another" } }, 'W/"1"');
        await append(event);
      },
    });
    await expect(update({ labels: { by: "me" } })).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(store.rows.get(NAME)?.labels).toEqual({ by: "another" });
    expect(audited.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
  });

  test("without an audit record nothing is switched", async () => {
    const { update, deps, stored, before } = await parts();
    Object.assign(deps, { appendAudit: () => Promise.reject(unavailable("AUDIT_UNAVAILABLE")) });
    await expect(update({ secrets: { clientSecret: NEW_SECRET } })).rejects.toMatchObject({
      code: "AUDIT_UNAVAILABLE",
    });
    expect(stored()).toEqual(before);
  });

  test("disabled it stays disabled whatever is changed; enabled it is verified", async () => {
    const { update, stored, journal } = await parts();
    const { etag } = await update({ enabled: false });
    expect([stored()?.state, journal.includes("sign-in")]).toEqual(["disabled", false]);
    const again = await update({ secrets: { clientSecret: NEW_SECRET } }, etag);
    expect(stored()?.state).toBe("disabled");
    await update({ enabled: true }, again.etag);
    expect(stored()?.state).toBe("healthy");
  });

  test("the trail says what each member was and is, so that another identity under the same name shows", async () => {
    const { update, audited } = await parts();
    const tenantId = "b27e5d10-64c3-4f0e-9a71-3c8d5e6f7a90";
    await update({ configuration: { tenantId }, users: [`group:${tenantId}`] });
    expect(audited[0]?.detail).toMatchObject({
      tenantId: [JSON.stringify(TENANT), JSON.stringify(tenantId)],
      users: ["[]", `["group:${tenantId}"]`],
    });
    expect(Object.keys(audited[0]?.detail ?? {})).not.toContain("clientId");
  });

  test("what signs in differently is another sign-in: nothing of the one before serves", async () => {
    const { update, before, deps } = await parts();
    const { connector } = await update({ configuration: { clientId: "b27e5d10-64c3-4f0e-9a71-3c8d5e6f7a90" } });
    expect(connector.secret).toEqual(before.secret);
    expect(signInOf(deps.secrets, connector).key).not.toBe(signInOf(deps.secrets, before).key);
  });

  test("an end that was asked for holds when the secret is replaced, and nothing outlives a certificate", async () => {
    const { update, stored, store } = await parts();
    await update({ expiresAt: "2026-12-01T00:00:00Z" });
    const asked = stored();
    if (asked?.secret == null) throw new Error("no secret");
    store.rows.set(NAME, { ...asked, secret: { ...asked.secret, endsAt: "2028-01-01T00:00:00Z" } });
    const { connector } = await update({ secrets: { clientSecret: NEW_SECRET } }, 'W/"2"');
    expect([connector.expiresAt, connector.secret?.endsAt]).toEqual(["2026-12-01T00:00:00Z", null]);
    const certified = { ...connector, secret: { ...asked.secret, endsAt: "2026-11-25T00:00:00Z" } };
    store.rows.set(NAME, certified);
    const free = await update({ expiresAt: null }, 'W/"3"');
    expect(endOf(free.connector)).toBe("2026-11-25T00:00:00Z");
  });

  test("unverified on demand, then it says so", async () => {
    const { update, stored, journal } = await parts(new InputError("SIGN_IN_FAILED", "no"));
    await update({ secrets: { clientSecret: NEW_SECRET } }, undefined, { ...CONTEXT, verify: false });
    expect([stored()?.state, stored()?.checkedAt, journal.includes("sign-in")]).toEqual(["unverified", null, false]);
  });
});
