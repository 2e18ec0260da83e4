import { describe, expect, test } from "vitest";
import { connector, SECRET, TENANT } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const body = {
  name: "azure-service-principal",
  authMethod: "service-principal",
  configuration: { tenantId: TENANT, clientId: TENANT },
  secrets: { clientSecret: SECRET },
};
const get = (path: string) => ({ url: `https://latchkey.example/api/${path}` });

describe("POST /connectors", () => {
  test("201 with the record, where it is, its ETag, and what was found; the secret is nowhere", async () => {
    const { routes } = productRoutes();
    const { call, logged } = runtimeOf(routes);
    const answer = await call("connectors-create", jsonRequest(body));
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({ etag: 'W/"1"', location: "/api/connectors/azure-service-principal" });
    expect(answer.json).toMatchObject({
      name: body.name,
      secrets: { clientSecret: "[HIDDEN]" },
      verification: {
        resourceTypes: [
          { resourceType: "azure-generic", resources: ["ZenML Subscription"] },
          { resourceType: "blob-container", resources: ["az://data"] },
          { resourceType: "kubernetes-cluster", resources: [] },
          { resourceType: "docker-registry", resources: [] },
          { resourceType: "key-vault-secret", resources: [] },
        ],
      },
    });
    expect(logged).toMatchObject([{ event: "http.answered", status: 201, connector: body.name }]);
    expect(answer.body + JSON.stringify(logged)).not.toContain(SECRET);
  });

  test("verify=false: nothing is looked at", async () => {
    const { routes, signIns } = productRoutes();
    const request = jsonRequest(body, get("connectors?verify=false"));
    const { json } = await runtimeOf(routes).call("connectors-create", request);
    expect([json.state, json.verification, signIns]).toEqual(["unverified", null, []]);
  });

  test.each(["connectors?verify=maybe", "connectors?verify=", "connectors?plan=true"])(
    "%s is refused",
    async (path) => {
      const { routes, journal } = productRoutes();
      const { json } = await runtimeOf(routes).call("connectors-create", jsonRequest(body, get(path)));
      expect(json.code).toBe("INVALID_REQUEST");
      expect(journal).toEqual([]);
    },
  );

  test("an expiry that is no time: 400 and no defect", async () => {
    const { routes } = productRoutes();
    const answer = await runtimeOf(routes).call("connectors-create", jsonRequest({ ...body, expiresAt: "soon" }));
    expect([answer.status, answer.json.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(answer.json.problems).toMatchObject([{ path: "/expiresAt" }]);
  });

  test("a secret in the wrong place is refused without repeating it", async () => {
    const { routes } = productRoutes();
    const wrong = { ...body, configuration: { ...body.configuration, clientSecret: SECRET }, secrets: SECRET };
    const answer = await runtimeOf(routes).call("connectors-create", jsonRequest(wrong));
    expect(answer.json).toMatchObject({
      code: "INVALID_REQUEST",
      problems: expect.arrayContaining([{ path: "/configuration/clientSecret", expected: "no such field: remove it" }]),
    });
    expect(answer.body).not.toContain(SECRET);
  });
});

describe("GET /connectors/{nameOrId}", () => {
  test("describes by name and by id, with what the last verification found", async () => {
    const { routes } = productRoutes(undefined);
    const { call } = runtimeOf(routes);
    const created = await call("connectors-create", jsonRequest(body));
    for (const nameOrId of [body.name, String(created.json.id)]) {
      const { status, headers, json } = await call("connectors-get", { params: { nameOrId } });
      expect([status, headers.etag]).toEqual([200, 'W/"1"']);
      expect(json).toEqual(created.json);
    }
  });

  test("one that was never verified has no verification", async () => {
    const { routes, store } = productRoutes();
    store.rows.set("a", connector({ name: "a", checkedAt: null, state: "unverified" }));
    const { json } = await runtimeOf(routes).call("connectors-get", { params: { nameOrId: "a" } });
    expect(json).toMatchObject({ state: "unverified", verification: null, warnings: [] });
  });

  test.each([
    ["nobody", 404, "NOT_FOUND"],
    ["a/b", 400, "INVALID_REQUEST"],
    ["a'b", 400, "INVALID_REQUEST"],
    ["..", 400, "INVALID_REQUEST"],
    ["n~a", 400, "INVALID_REQUEST"],
    ["a".repeat(64), 400, "INVALID_REQUEST"],
  ])("%s: %d %s", async (nameOrId, status, code) => {
    const { routes } = productRoutes();
    const answer = await runtimeOf(routes).call("connectors-get", { params: { nameOrId } });
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });
});

describe("GET /connectors", () => {
  test("a page of views, secrets hidden", async () => {
    const { routes, store } = productRoutes();
    store.rows.set("a", connector({ name: "a" }));
    const { json, body: text } = await runtimeOf(routes).call("connectors-list");
    expect(json).toMatchObject({
      items: [{ name: "a", secrets: { clientSecret: "[HIDDEN]" } }],
      continuationToken: null,
    });
    expect(text).not.toContain("secretName");
  });

  test("pages go on behind the last name until there are no more", async () => {
    const { routes, store } = productRoutes();
    for (const name of ["c", "a", "b"]) store.rows.set(name, connector({ name }));
    const { call } = runtimeOf(routes);
    const first = await call("connectors-list", get("connectors?limit=2"));
    expect(first.json).toMatchObject({ items: [{ name: "a" }, { name: "b" }], continuationToken: "Yg" });
    const second = await call("connectors-list", get("connectors?limit=2&continuationToken=Yg"));
    expect(second.json).toMatchObject({ items: [{ name: "c" }], continuationToken: null });
  });

  test.each([
    "limit=0",
    "limit=501",
    "limit=1.5",
    "limit=x",
    "limit=",
    "limit=1&limit=1",
    "continuationToken=",
    "continuationToken=x",
    "continuationToken=~",
    "continuationToken=YQ==",
    `continuationToken=${Buffer.from("n~a").toString("base64url")}`,
    `continuationToken=${Buffer.from("A").toString("base64url")}`,
    "top=1",
  ])("?%s is refused", async (query) => {
    const { routes } = productRoutes();
    const { json } = await runtimeOf(routes).call("connectors-list", get(`connectors?${query}`));
    expect(json.code).toBe("INVALID_REQUEST");
  });
});
