/** Vault secrets through the whole system: read, mounted, renewed, refused, recorded. */
import { beforeAll, describe, expect, it } from "vitest";
import { applicationOf, createApi, type Problem } from "../support/api.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";

const VAULT = "https://examplevault.vault.azure.net/secrets";
const FIRST_VERSION = "5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02";
const VALUES = { first: "local-example-secret-first-value", latest: "local-example-secret-value" };
const PLACE = { project: "secrets-e2e", domain: "production" };

type Body = Problem & {
  readonly leaseId: string;
  readonly resourceId: string;
  readonly credential: { readonly value: string; readonly version: string; readonly mount: object | null };
};

const system = sharedSystem();
const api = createApi(system);
const create = async (path: string, body: object) => {
  const answer = await api.call("PUT", path, { body, headers: { "if-none-match": "*" } });
  expect(answer.status, answer.text).toBe(200);
};
const read = (changes: object = {}) =>
  api.call<Body>("POST", "secrets/read", {
    body: { group: `${VAULT}/example-secret`, mountRequirement: "FILE", ...PLACE, ...changes },
  });

beforeAll(async () => {
  for (const name of ["secrets-one", "secrets-two"]) {
    expect((await api.register(name, { resourceTypes: ["key-vault-secret"] })).status).toBe(201);
  }
  const limited = { ...configuration(), resourceGroup: "examples" };
  // No type is named: none of a vault is served under these limits, and naming it would be refused.
  expect((await api.register("secrets-limited", { configuration: limited, resourceTypes: [] })).status).toBe(201);
  const app = applicationOf(system, "platform-automation").objectId;
  await create("memberships/secrets-e2e", { principals: [`app:${system.seed.tenant.id}/${app}`], ...PLACE });
  const grant = { access: ["read"], ...PLACE };
  const granted = ["example-secret", "expired-secret", "early-secret", "disabled-secret", "unshared-secret", "missing"];
  for (const name of granted) {
    const resourceId = `${VAULT}/${name}`;
    await create(`grants/secrets-e2e-${name}`, { ...grant, resourceId, connector: "secrets-one" });
  }
  for (const connector of ["secrets-two", "secrets-limited"]) {
    await create(`grants/${connector}`, { ...grant, resourceId: `${VAULT}/expired-secret`, connector });
  }
  const own = "https://latchkey-vault.vault.azure.net/secrets/audit-credential-mac";
  await create("grants/secrets-e2e-own", { ...grant, resourceId: own, connector: "secrets-one" });
  await policyIsRead();
});

function configuration() {
  return { tenantId: system.seed.tenant.id, clientId: applicationOf(system, "zenml-connector").clientId };
}

/** A process goes by the policy that it has read for up to 10 s. */
async function policyIsRead() {
  for (let tries = 0; tries < 60; tries++) {
    const answer = await read({ group: `${VAULT}/missing`, connector: "secrets-one" });
    if (answer.body.code !== "DENIED") return;
    await new Promise((done) => setTimeout(done, 500));
  }
  throw new Error("the policy was not read in time");
}

describe("POST /secrets/read", () => {
  it("gives the latest version as a file, through a lease that has no end", async () => {
    const { status, body, headers } = await read({ reason: "train 42" });
    expect(status).toBe(201);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({
      connector: { name: "secrets-one" },
      resourceType: "key-vault-secret",
      resourceId: `${VAULT}/example-secret`,
      form: "secret",
      expiresAt: null,
      refreshAfter: null,
      revocation: "expiry-only",
      exposedUntil: null,
      rule: "grant:secrets-e2e-example-secret",
      credential: {
        kind: "secret",
        value: VALUES.latest,
        contentType: "text/plain",
        mount: { kind: "FILE", path: "/etc/secrets/example-secret", name: "example-secret" },
      },
      env: {},
    });
    const lease = await api.call("GET", `leases/${body.leaseId}`);
    expect(lease.body).toMatchObject({
      state: "active",
      exposedUntil: null,
      upstream: { version: body.credential.version },
    });
    expect(lease.text).not.toContain(VALUES.latest);
  });

  it("gives the version that is named, as a variable", async () => {
    const { status, body } = await read({ groupVersion: FIRST_VERSION, mountRequirement: "ENV_VAR" });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      scope: { version: FIRST_VERSION },
      credential: {
        value: VALUES.first,
        version: FIRST_VERSION,
        mount: { kind: "ENV_VAR", variable: "EXAMPLE_SECRET" },
      },
      env: { EXAMPLE_SECRET: VALUES.first },
    });
  });

  it("renews: the pinned version again, the latest otherwise; and ends, saying what cannot be done", async () => {
    for (const [changes, value] of [
      [{}, VALUES.latest],
      [{ groupVersion: FIRST_VERSION }, VALUES.first],
    ] as const) {
      const { body } = await read(changes);
      const renewed = await api.call<Body>("POST", `leases/${body.leaseId}/renew`, { body: {} });
      expect([renewed.status, renewed.body.leaseId, renewed.body.credential.value]).toEqual([200, body.leaseId, value]);
      const timed = await api.call("POST", `leases/${body.leaseId}/renew`, { body: { ttlSeconds: 600 } });
      expect([timed.status, timed.body.code]).toEqual([400, "INVALID_REQUEST"]);
      const ended = await api.call<{ notDone: string[] }>("DELETE", `leases/${body.leaseId}`);
      expect([ended.status, ended.body.notDone.length]).toEqual([200, 1]);
      const again = await api.call("POST", `leases/${body.leaseId}/renew`, { body: {} });
      expect([again.status, again.body.code]).toEqual([409, "LEASE_CLOSED"]);
    }
  });

  it.each<[string, object, number, string]>([
    ["expired", { group: `${VAULT}/expired-secret`, connector: "secrets-one" }, 403, "DENIED"],
    ["not valid yet", { group: `${VAULT}/early-secret` }, 403, "DENIED"],
    ["disabled", { group: `${VAULT}/disabled-secret` }, 502, "UPSTREAM_REFUSED"],
    ["without a role", { group: `${VAULT}/unshared-secret` }, 502, "UPSTREAM_REFUSED"],
    // A vault looks at rights first: whether it is there, who may not read it does not learn.
    ["not there", { group: `${VAULT}/missing` }, 502, "UPSTREAM_REFUSED"],
    ["in no such version", { groupVersion: "5f0c" }, 404, "RESOURCE_NOT_FOUND"],
    ["not granted", { group: `${VAULT}/other` }, 403, "DENIED"],
    ["for another project", { project: "other" }, 403, "DENIED"],
    ["through another connector", { connector: "secrets-two" }, 403, "DENIED"],
    [
      "through a connector with limits",
      { group: `${VAULT}/expired-secret`, connector: "secrets-limited" },
      403,
      "DENIED",
    ],
    [
      "of the service itself",
      { group: "https://latchkey-vault.vault.azure.net/secrets/audit-credential-mac" },
      403,
      "DENIED",
    ],
    ["on another host", { group: `${VAULT}/example-secret`.replace(".net", ".net.evil.example") }, 403, "DENIED"],
    ["with a version that climbs", { groupVersion: "../x" }, 400, "INVALID_REQUEST"],
    ["mounted otherwise", { mountRequirement: "ANY" }, 400, "INVALID_REQUEST"],
  ])("a secret that is %s is refused", async (_what, changes, status, code) => {
    const answer = await read(changes);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.text).not.toMatch(/local-[a-z-]*-value/);
  });

  it("names the connectors to choose from when several grants fit", async () => {
    const { status, body } = await read({ group: `${VAULT}/expired-secret` });
    expect([status, body.code]).toEqual([409, "AMBIGUOUS_RESOURCE"]);
    expect(body.candidates).toEqual(["secrets-limited", "secrets-one", "secrets-two"]);
  });
});

describe("records", () => {
  it("name the version, and neither the value nor anything by which it could be guessed", async () => {
    const { body } = await read();
    const state = openStateAccount(system);
    const audit = (await state.rows("Audit")).find(({ leaseId }) => leaseId === body.leaseId);
    expect(audit?.credentialMac ?? null).toBeNull();
    expect(JSON.parse(String(audit?.detailJson))).toMatchObject({ version: body.credential.version });
    const lease = (await state.rows("Leases")).find(({ rowKey }) => rowKey === body.leaseId);
    expect(lease).toMatchObject({ upstreamJson: JSON.stringify({ version: body.credential.version }) });
    expect(JSON.stringify([audit, lease])).not.toContain(VALUES.latest);
  });
});

describe("PUT /grants", () => {
  it.each([
    ["a secret's version as resource", { resourceId: `${VAULT}/example-secret/${FIRST_VERSION}` }, "/resourceId"],
    ["an alias", { resourceId: "az://datasets" }, "/resourceId"],
    ["another type's right", { resourceId: `${VAULT}/example-secret`, access: ["write"] }, "/access"],
  ])("refuses %s", async (_what, changes, path) => {
    const body = { connector: "secrets-one", access: ["read"], ...PLACE, ...changes };
    const answer = await api.call("PUT", "grants/secrets-misfit", { body, headers: { "if-none-match": "*" } });
    expect([answer.status, answer.body.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(answer.body.problems?.map((problem) => problem.path)).toEqual([path]);
  });
});
