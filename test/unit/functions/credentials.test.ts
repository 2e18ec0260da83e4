import { describe, expect, test } from "vitest";
import { connector, SUBSCRIPTION, USER } from "../../support/fakes.ts";
import { containerId, grant } from "../../support/fakes-access.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes, SAS } from "../../support/fakes-routes.ts";

const body = { resourceType: "blob-container", resourceId: "az://data", access: ["read", "list"], ttlSeconds: 600 };
/** What a token request and its grant share; the request has no life of its own. */
const TOKEN = {
  resourceId: `/subscriptions/${SUBSCRIPTION}`,
  access: ["use"],
  scope: { audience: "arm" },
};
const ASKED_TOKEN = { ...TOKEN, resourceType: "azure-generic", ttlSeconds: null };

function parts(denied?: readonly string[]) {
  const product = productRoutes(undefined, denied);
  const stored = connector({ name: "azure" });
  product.store.rows.set(stored.name, stored);
  const runtime = runtimeOf(product.routes, { verifyCaller: async () => USER });
  const issue = (changes: object = {}, nameOrId = "azure", query = "") =>
    runtime.call(
      "credentials-issue",
      jsonRequest({ ...body, ...changes }, { params: { nameOrId }, url: `https://latchkey.example/api/c${query}` }),
    );
  return { ...product, ...runtime, stored, issue };
}

describe("POST /connectors/{c}/credentials", () => {
  test("201 with exactly the agreed members, the lease on record, the credential in the answer alone", async () => {
    const { issue, stored, leases, audited, logged } = parts();
    const { status, headers, json } = await issue();
    expect(status).toBe(201);
    expect(json).toEqual({
      leaseId: [...leases.keys()][0],
      connector: { id: stored.id, name: "azure" },
      resourceType: "blob-container",
      resourceId: expect.stringMatching(/^\/subscriptions\/.*\/containers\/data$/),
      displayName: "az://data",
      access: ["read", "list"],
      scope: {},
      form: "sas",
      issuedAt: "2026-11-21T10:00:00Z",
      expiresAt: "2026-11-21T10:10:00Z",
      refreshAfter: "2026-11-21T10:08:00Z",
      revocation: "expiry-only",
      exposedUntil: "2026-11-21T10:10:00Z",
      rule: "grant:lend",
      warnings: [],
      credential: {
        kind: "sas",
        accountUrl: "https://accountone.blob.core.windows.net",
        containerUrl: "https://accountone.blob.core.windows.net/data",
        sasToken: SAS,
      },
      env: {
        AZURE_STORAGE_ACCOUNT: "accountone",
        AZURE_STORAGE_ACCOUNT_NAME: "accountone",
        AZURE_STORAGE_SAS_TOKEN: SAS,
        AZURE_STORAGE_CONTAINER: "data",
      },
    });
    expect(headers["cache-control"]).toBe("no-store");
    expect(JSON.stringify([...leases.values(), audited, logged])).not.toContain("signature");
    expect(logged).toMatchObject([{ connector: "azure", leaseId: json.leaseId, resourceId: json.resourceId }]);
    expect(audited).toMatchObject([{ correlationId: headers["x-correlation-id"], leaseId: json.leaseId }]);
  });

  test.each<[string, object, string, string, number, string]>([
    ["a plan that is neither", {}, "azure", "?plan=maybe", 400, "INVALID_REQUEST"],
    ["a life over the limit", { ttlSeconds: 86_401 }, "azure", "", 400, "INVALID_REQUEST"],
    ["an unknown field", { principal: "other" }, "azure", "", 400, "INVALID_REQUEST"],
    ["a project that is no name", { project: "a/b" }, "azure", "", 400, "INVALID_REQUEST"],
    ["a reason with a line break", { reason: "a\nb" }, "azure", "", 400, "INVALID_REQUEST"],
    ["a connector of no grant", {}, "nobody", "", 403, "DENIED"],
    ["a granted connector that is gone", {}, "gone", "", 404, "NOT_FOUND"],
    ["an id that is no connector's", {}, "99999999-2222-4333-8444-555555555555", "", 404, "NOT_FOUND"],
    ["a container of no grant", { resourceId: "nothing" }, "azure", "", 403, "DENIED"],
    ["a granted container that is gone", { resourceId: "gone" }, "azure", "", 404, "RESOURCE_NOT_FOUND"],
    ["what the operator never lends", { resourceId: "operators-own" }, "azure", "", 403, "DENIED"],
    ["a right that is not granted", { access: ["write"] }, "azure", "", 403, "SCOPE_TOO_WIDE"],
  ])("%s: nothing is issued or recorded", async (_what, changes, name, query, status, code) => {
    const { issue, leases, audited, policy } = parts();
    policy.set("grant", "gone-connector", grant({ connector: "gone" }));
    policy.set("grant", "gone-container", grant({ resourceId: containerId("gone") }));
    policy.set("grant", "own", grant({ resourceId: containerId("operators-own") }));
    const answer = await issue(changes, name, query);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect([leases.size, audited]).toEqual([0, []]);
    expect(answer.body).not.toContain("signature");
  });

  test("a life beyond the connector's expiry: 400 with the longest one, nothing is issued or recorded", async () => {
    const { issue, store, stored, leases, audited } = parts();
    store.rows.set(stored.name, { ...stored, expiresAt: "2026-11-21T10:09:00Z" });
    const answer = await issue();
    expect([answer.status, answer.json.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(answer.json.problems).toEqual([{ path: "/ttlSeconds", expected: "at most 540" }]);
    expect([leases.size, audited]).toEqual([0, []]);
  });
});

describe("POST /connectors/{c}/credentials?plan=true", () => {
  test("200 with the grant and every check; what is granted is looked up, and nothing issued or recorded", async () => {
    const { issue, leases, audited, journal } = parts();
    const { status, json } = await issue({}, "azure", "?plan=true");
    expect([status, json.allowed, json.rule]).toEqual([200, true, "grant:lend"]);
    expect(json.checks).toContainEqual({ id: "grant", ok: true, detail: "grant:lend" });
    expect([leases.size, audited, journal]).toEqual([0, [], ["container accountone/data"]]);
  });

  test.each<[string, object, string, string]>([
    ["a granted container that is gone", { resourceId: "gone" }, "azure", "resource"],
    ["a granted connector that is gone", {}, "gone", "resource"],
    ["a life beyond the connector's", { ttlSeconds: 600 }, "ending", "ttl"],
    ["an expired connector", {}, "expired", "resource"],
    ["an invented name of a granted subscription", { ...ASKED_TOKEN, resourceId: "Invented" }, "azure", "resource"],
  ])("%s: not allowed, as issuing would refuse", async (_what, changes, name, check) => {
    const { issue, store, stored, policy } = parts([]);
    store.rows.set("ending", { ...stored, name: "ending", expiresAt: "2026-11-21T10:09:00Z" });
    store.rows.set("expired", { ...stored, name: "expired", expiresAt: "2026-11-21T10:00:00Z" });
    for (const connector of ["gone", "ending", "expired"]) policy.set("grant", connector, grant({ connector }));
    policy.set("grant", "gone-container", grant({ resourceId: containerId("gone") }));
    policy.set("grant", "token", grant(TOKEN));
    const { status, json } = await issue(changes, name, "?plan=true");
    expect([status, json.allowed, json.rule]).toEqual([200, false, null]);
    expect(json.checks).toEqual(expect.arrayContaining([expect.objectContaining({ id: check, ok: false })]));
    expect((await issue(changes, name)).status).toBeGreaterThanOrEqual(400);
  });

  test("the real name of a granted subscription is allowed", async () => {
    const { issue, policy } = parts([]);
    policy.set("grant", "token", grant(TOKEN));
    const asked = { ...ASKED_TOKEN, resourceId: "ZenML Subscription" };
    expect((await issue(asked, "azure", "?plan=true")).json).toMatchObject({ allowed: true, rule: "grant:token" });
  });

  test("what would be refused is said, not refused, by the name of the connector as by its id", async () => {
    const { issue, stored } = parts();
    for (const nameOrId of ["azure", stored.id]) {
      const { status, json } = await issue({ access: ["write"] }, nameOrId, "?plan=true");
      expect([status, json.allowed, json.rule]).toEqual([200, false, null]);
      expect(json.checks).toContainEqual(expect.objectContaining({ id: "access", ok: false }));
    }
  });
});
