/** The API description against the API: what is described is served, and what is served is described. */
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { CREDENTIAL_REQUEST, createApi, registration } from "../support/api.ts";
import { appPrincipal } from "../support/policy.ts";
import { sharedSystem } from "../support/shared-system.ts";

type Schema = Parameters<typeof z.fromJSONSchema>[0];
type Media = { content: Record<string, { schema: Schema }> };
type Operation = {
  operationId: string;
  security: unknown[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: Media;
  responses: Record<string, Media>;
};
type Description = {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

const system = sharedSystem();
const api = createApi(system);
let description: Description;

beforeAll(async () => {
  const answer = await api.call<Description>("GET", "openapi.json");
  expect(answer.status).toBe(200);
  description = answer.body;
});

/** The schema with the components that it refers to, as a validator of its own. */
function validatorOf(media: Media | undefined, type: string) {
  const schema = media?.content[type]?.schema;
  if (schema === undefined) throw new Error(`no schema for ${type}`);
  const text = JSON.stringify({ ...Object(schema), $defs: description.components.schemas });
  return z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")));
}

const operation = (method: string, path: string) => {
  const found = description.paths[path]?.[method];
  if (found === undefined) throw new Error(`${method} ${path} is not described`);
  return found;
};

it("is OpenAPI 3.1 and names exactly the calls of this version", () => {
  expect(description.openapi).toBe("3.1.0");
  const calls = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
  );
  expect(calls.sort()).toEqual([
    "access-explain POST /api/access/explain",
    "access-grant-delete DELETE /api/grants/{name}",
    "access-grant-get GET /api/grants/{name}",
    "access-grant-put PUT /api/grants/{name}",
    "access-grants-list GET /api/grants",
    "access-membership-delete DELETE /api/memberships/{name}",
    "access-membership-get GET /api/memberships/{name}",
    "access-membership-put PUT /api/memberships/{name}",
    "access-memberships-list GET /api/memberships",
    "audit-list GET /api/audit",
    "break-glass-use POST /api/connectors/{nameOrId}/break-glass",
    "connector-types-get GET /api/connector-types/{type}",
    "connector-types-list GET /api/connector-types",
    "connector-verify-request POST /api/connectors/verify",
    "connector-verify-stored POST /api/connectors/{nameOrId}/verify",
    "connectors-create POST /api/connectors",
    "connectors-delete DELETE /api/connectors/{nameOrId}",
    "connectors-get GET /api/connectors/{nameOrId}",
    "connectors-list GET /api/connectors",
    "connectors-update PATCH /api/connectors/{nameOrId}",
    "credentials-issue POST /api/connectors/{nameOrId}/credentials",
    "identities-list GET /api/identities",
    "leases-get GET /api/leases/{leaseId}",
    "leases-list GET /api/leases",
    "leases-renew POST /api/leases/{leaseId}/renew",
    "leases-revoke DELETE /api/leases/{leaseId}",
    "purge-policies-delete DELETE /api/registries/{registry}/purge-policies/{policy}",
    "purge-policies-get GET /api/registries/{registry}/purge-policies/{policy}",
    "purge-policies-import POST /api/registries/{registry}/purge-policies/import",
    "purge-policies-list GET /api/registries/{registry}/purge-policies",
    "purge-policies-plan POST /api/registries/{registry}/purge-policies/{policy}/plan",
    "purge-policies-put PUT /api/registries/{registry}/purge-policies/{policy}",
    "purge-policies-run POST /api/registries/{registry}/purge-policies/{policy}/runs",
    "purge-runs-cancel POST /api/purge-runs/{id}/cancel",
    "purge-runs-get GET /api/purge-runs/{id}",
    "purge-runs-items GET /api/purge-runs/{id}/items",
    "purge-runs-list GET /api/purge-runs",
    "resources-list GET /api/resources",
    "resources-of GET /api/connectors/{nameOrId}/resources",
    "secrets-read POST /api/secrets/read",
    "status-get GET /api/status",
    "status-health GET /api/health",
    "status-openapi GET /api/openapi.json",
  ]);
});

it("is served to administrators alone", async () => {
  expect((await api.call("GET", "openapi.json", { token: null })).status).toBe(401);
});

it("says which calls need a token, and it is so", async () => {
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      const called = path.replace("/api/", "").replace(/\{\w+\}/g, "any");
      const { status } = await api.call(method.toUpperCase(), called, { token: null });
      expect([path, status === 401]).toEqual([path, security.length > 0]);
    }
  }
});

describe("real answers fit their schemas", () => {
  const JSON_TYPE = "application/json";

  it("registering, describing, listing, issuing, health", async () => {
    const body = registration(system, "openapi-connector");
    const made = await api.call("POST", "connectors", { body });
    const create = operation("post", "/api/connectors");
    expect(validatorOf(create.requestBody, JSON_TYPE).parse(body)).toMatchObject(body);
    expect(validatorOf(create.responses["201"], JSON_TYPE).parse(made.body)).toEqual(made.body);

    const described = await api.call("GET", "connectors/openapi-connector");
    const get = operation("get", "/api/connectors/{nameOrId}");
    expect(validatorOf(get.responses["200"], JSON_TYPE).parse(described.body)).toEqual(described.body);

    const listed = await api.call("GET", "connectors");
    const list = operation("get", "/api/connectors");
    expect(validatorOf(list.responses["200"], JSON_TYPE).parse(listed.body)).toEqual(listed.body);

    const issued = await api.issue("openapi-connector");
    const issue = operation("post", "/api/connectors/{nameOrId}/credentials");
    expect(validatorOf(issue.requestBody, JSON_TYPE).parse(CREDENTIAL_REQUEST)).toMatchObject(CREDENTIAL_REQUEST);
    expect(validatorOf(issue.responses["201"], JSON_TYPE).parse(issued.body)).toEqual(issued.body);

    const policy = { principals: [appPrincipal(system, "platform-automation")], project: "openapi", domain: "tests" };
    const put = await api.create("memberships/openapi", policy);
    const putMembership = operation("put", "/api/memberships/{name}");
    expect(validatorOf(putMembership.requestBody, JSON_TYPE).parse(policy)).toEqual(policy);
    expect(validatorOf(putMembership.responses["200"], JSON_TYPE).parse(put.body)).toEqual(put.body);
    for (const kind of ["memberships", "grants", "leases"]) {
      const page = await api.call("GET", `${kind}?limit=5`);
      expect(page.status, page.text).toBe(200);
      const { responses } = operation("get", `/api/${kind}`);
      expect(validatorOf(responses["200"], JSON_TYPE).parse(page.body)).toEqual(page.body);
    }
    const trail = await api.call("GET", "audit?limit=20", { token: await api.tokenOf("auditor") });
    expect(validatorOf(operation("get", "/api/audit").responses["200"], JSON_TYPE).parse(trail.body)).toEqual(
      trail.body,
    );

    const explained = await api.call("POST", "access/explain", {
      body: { ...CREDENTIAL_REQUEST, connector: "openapi-connector" },
    });
    const explain = operation("post", "/api/access/explain");
    expect(validatorOf(explain.responses["200"], JSON_TYPE).parse(explained.body)).toEqual(explained.body);

    const leasePath = `leases/${issued.body.leaseId}`;
    const lease = await api.call("GET", leasePath);
    const look = operation("get", "/api/leases/{leaseId}");
    expect(validatorOf(look.responses["200"], JSON_TYPE).parse(lease.body)).toEqual(lease.body);
    const renewed = await api.call("POST", `${leasePath}/renew`, { body: {} });
    const renew = operation("post", "/api/leases/{leaseId}/renew");
    expect(validatorOf(renew.responses["200"], JSON_TYPE).parse(renewed.body)).toEqual(renewed.body);
    const revoked = await api.call("DELETE", leasePath);
    const revoke = operation("delete", "/api/leases/{leaseId}");
    expect(validatorOf(revoke.responses["200"], JSON_TYPE).parse(revoked.body)).toEqual(revoked.body);

    const health = await api.call("GET", "health", { token: null });
    expect(validatorOf(operation("get", "/api/health").responses["200"], JSON_TYPE).parse(health.body)).toEqual({
      status: "ok",
    });
  });

  it("problems", async () => {
    const problems = await Promise.all([
      api.issue("openapi-none"),
      api.register("Not A Name"),
      api.call("GET", "connectors", { token: null }),
    ]);
    const validator = validatorOf(operation("post", "/api/connectors").responses.default, "application/problem+json");
    for (const { status, body } of problems) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(validator.parse(body)).toEqual(body);
    }
  });

  it("a request that the schema refuses is refused by the API", async () => {
    const validator = validatorOf(
      operation("post", "/api/connectors/{nameOrId}/credentials").requestBody,
      "application/json",
    );
    for (const changes of [{ ttlSeconds: 59 }, { access: [] }, { colour: "red" }, { resourceType: "other" }]) {
      expect(validator.safeParse({ ...CREDENTIAL_REQUEST, ...changes }).success).toBe(false);
      expect((await api.issue("openapi-connector", changes)).status).toBe(400);
    }
  });
});
