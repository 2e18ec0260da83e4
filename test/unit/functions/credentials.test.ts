import { describe, expect, test } from "vitest";
import { connector } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes, SAS } from "../../support/fakes-routes.ts";

const body = { resourceType: "blob-container", resourceId: "az://data", access: ["read", "list"], ttlSeconds: 600 };

function parts() {
  const product = productRoutes();
  const stored = connector({ name: "azure" });
  product.store.rows.set(stored.name, stored);
  const runtime = runtimeOf(product.routes);
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
      rule: "role:Latchkey.Admin",
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
    ["a plan, which is not offered", {}, "azure", "?plan=true", 400, "INVALID_REQUEST"],
    ["a life over the limit", { ttlSeconds: 86_401 }, "azure", "", 400, "INVALID_REQUEST"],
    ["an unknown field", { principal: "other" }, "azure", "", 400, "INVALID_REQUEST"],
    ["a project that is no name", { project: "a/b" }, "azure", "", 400, "INVALID_REQUEST"],
    ["a reason with a line break", { reason: "a\nb" }, "azure", "", 400, "INVALID_REQUEST"],
    ["an unknown connector", {}, "nobody", "", 404, "NOT_FOUND"],
    ["an unknown container", { resourceId: "nothing" }, "azure", "", 404, "RESOURCE_NOT_FOUND"],
  ])("%s: nothing is issued or recorded", async (_what, changes, name, query, status, code) => {
    const { issue, leases, audited } = parts();
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
