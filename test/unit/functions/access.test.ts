import { describe, expect, test } from "vitest";
import type { Role } from "../../../shared/principal.ts";
import { ADMIN, connector, SUBSCRIPTION, TENANT, USER } from "../../support/fakes.ts";
import { containerId, grant, membership } from "../../support/fakes-access.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

function parts(caller = ADMIN, denied?: readonly string[]) {
  const product = productRoutes(undefined, denied);
  product.store.rows.set("azure", connector({ name: "azure" }));
  return { ...product, ...runtimeOf(product.routes, { verifyCaller: async () => caller }) };
}
const put = (body: object, name: string, headers: Record<string, string> = {}) =>
  jsonRequest(body, { method: "PUT", params: { name }, headers });
const remove = (name: string, headers: Record<string, string> = {}) =>
  ({ method: "DELETE", params: { name }, headers }) as const;

describe.each([
  ["membership", "access-membership", membership({ project: "vision" }), membership({ project: "speech" })],
  ["grant", "access-grant", grant({ project: "vision" }), grant({ project: "speech" })],
] as const)("/%ss", (kind, file, made, changed) => {
  test("created, read, replaced and deleted by what the writer saw", async () => {
    const { call, audited } = parts();
    const created = await call(`${file}-put`, put(made, "new", { "if-none-match": "*" }));
    expect([created.status, created.json]).toEqual([200, made]);
    const read = await call(`${file}-get`, { params: { name: "new" } });
    expect([read.status, read.json, read.headers.etag]).toEqual([200, made, created.headers.etag]);
    const replaced = await call(`${file}-put`, put(changed, "new", { "if-match": String(read.headers.etag) }));
    expect(replaced.headers.etag).not.toBe(read.headers.etag);
    const gone = await call(`${file}-delete`, remove("new", { "if-match": String(replaced.headers.etag) }));
    expect([gone.status, gone.body]).toEqual([204, ""]);
    expect((await call(`${file}-get`, { params: { name: "new" } })).json.code).toBe("NOT_FOUND");
    const events = [`${kind}.changed`, `${kind}.changed`, `${kind}.deleted`];
    expect(audited.map(({ event }) => event)).toEqual(events);
    expect(audited[0]).toMatchObject({ resourceId: `${kind}:new`, principalId: ADMIN.id, rule: "role:Latchkey.Admin" });
  });

  test("428 without a word of what was seen, and nothing is written", async () => {
    const { call, policy, audited } = parts();
    const etag = policy.set(kind, "there", made);
    for (const headers of [{}, { "if-match": "*" }, { "if-none-match": etag }]) {
      const { status, json } = await call(`${file}-put`, put(changed, "there", headers));
      expect([status, json.code]).toEqual([428, "IF_MATCH_REQUIRED"]);
    }
    for (const headers of [{}, { "if-match": "*" }, { "if-none-match": "*" }]) {
      const { status, json } = await call(`${file}-delete`, remove("there", headers));
      expect([status, json.code]).toEqual([428, "IF_MATCH_REQUIRED"]);
    }
    expect([policy.rows.get(`${kind}/there`)?.etag, audited]).toEqual([etag, []]);
  });

  test("412 when it is not as it was seen, and it stays", async () => {
    const { call, policy } = parts();
    const etag = policy.set(kind, "there", made);
    const answers = [
      await call(`${file}-put`, put(changed, "there", { "if-match": 'W/"old"' })),
      await call(`${file}-put`, put(changed, "there", { "if-none-match": "*" })),
      await call(`${file}-put`, put(changed, "absent", { "if-match": etag })),
      await call(`${file}-delete`, remove("there", { "if-match": 'W/"old"' })),
    ];
    for (const { status, json } of answers) expect([status, json.code]).toEqual([412, "ETAG_MISMATCH"]);
    expect(policy.rows.get(`${kind}/there`)).toEqual({ name: "there", spec: made, etag });
    expect(policy.rows.has(`${kind}/absent`)).toBe(false);
  });

  test("a page by name, with a token where there is more", async () => {
    const { call, policy } = parts();
    policy.rows.clear();
    for (const name of ["c", "a", "b"]) policy.set(kind, name, made);
    const list = (query: string) => call(`${file}s-list`, { url: `https://latchkey.example/api/x?${query}` });
    const first = await list("limit=2");
    expect(first.json.items).toEqual([
      { name: "a", spec: made },
      { name: "b", spec: made },
    ]);
    const second = await list(`limit=2&continuationToken=${first.json.continuationToken}`);
    expect(second.json).toEqual({ items: [{ name: "c", spec: made }], continuationToken: null });
    expect((await list("continuationToken=~")).json.code).toBe("INVALID_REQUEST");
  });

  test.each<[Role, number, number]>([
    ["Latchkey.Admin", 200, 200],
    ["Latchkey.Auditor", 200, 403],
    ["Latchkey.Approver", 403, 403],
    ["Latchkey.User", 403, 403],
  ])("%s reads: %d, writes: %d", async (role, reads, writes) => {
    const { call, policy } = parts({ ...ADMIN, roles: [role] });
    const etag = policy.set(kind, "there", made);
    expect((await call(`${file}s-list`)).status).toBe(reads);
    expect((await call(`${file}-get`, { params: { name: "there" } })).status).toBe(reads);
    expect((await call(`${file}-put`, put(changed, "new", { "if-none-match": "*" }))).status).toBe(writes);
    const gone = await call(`${file}-delete`, remove("there", { "if-match": etag }));
    expect(gone.status).toBe(writes === 200 ? 204 : writes);
  });

  test("a member that is unknown, and a name that is none, are refused", async () => {
    const { call, audited } = parts();
    const create = { "if-none-match": "*" };
    for (const request of [
      put({ ...made, until: "x" }, "new", create),
      put(made, "A", create),
      put(made, "..", create),
    ]) {
      expect((await call(`${file}-put`, request)).json.code).toBe("INVALID_REQUEST");
    }
    expect(audited).toEqual([]);
  });
});

test.each([
  [{ access: ["admin"] }, "/access"],
  [{ forms: ["account-key"] }, "/forms"],
  [{ scope: { version: "1" } }, "/scope"],
  [{ resourceId: "az://data" }, "/resourceId"],
  [{ resourceId: `/subscriptions/${SUBSCRIPTION}`, access: ["use"] }, "/scope"],
  [{ effect: "deny", resourceId: "https://examplevault.example" }, "/resourceId"],
] as const)("a grant that does not fit its resource's type is refused: %j", async (changes, path) => {
  const { call, audited } = parts();
  const { json } = await call("access-grant-put", put({ ...grant(), ...changes }, "new", { "if-none-match": "*" }));
  expect(json).toMatchObject({ code: "INVALID_REQUEST", problems: [{ path }] });
  expect(audited).toEqual([]);
});

describe("POST /access/explain", () => {
  const ask = { connector: "azure", resourceType: "blob-container", resourceId: "az://data", access: ["read"] };
  const other = { id: USER.id, groups: [] };

  test("for oneself: the rule and every check; what is granted is looked up in Azure, and nothing is recorded", async () => {
    const { call, audited, journal } = parts(USER);
    const { status, json } = await call("access-explain", jsonRequest(ask));
    expect([status, json.allowed, json.rule]).toEqual([200, true, "grant:lend"]);
    expect([audited, journal]).toEqual([[], ["container accountone/data"]]);
  });

  test("what is not granted is not looked up: nobody learns by it what else there is", async () => {
    const { call, journal } = parts(USER);
    const { json } = await call("access-explain", jsonRequest({ ...ask, resourceId: "az://gone" }));
    expect([json.allowed, journal]).toEqual([false, []]);
  });

  test("the connector goes by its id as well; an id that is none is NOT_FOUND, as at issuing", async () => {
    const { call, store } = parts(USER);
    const id = store.rows.get("azure")?.id ?? "";
    for (const named of [id, id.toUpperCase()]) {
      const { json } = await call("access-explain", jsonRequest({ ...ask, connector: named }));
      expect(json).toMatchObject({ allowed: true, rule: "grant:lend" });
    }
    const unknown = "99999999-2222-4333-8444-555555555555";
    const { status, json } = await call("access-explain", jsonRequest({ ...ask, connector: unknown }));
    expect([status, json.code]).toEqual([404, "NOT_FOUND"]);
  });

  test("a deny is named", async () => {
    const { call, policy } = parts(USER);
    policy.set("grant", "stop", grant({ effect: "deny", resourceId: "*", connector: "*" }));
    expect((await call("access-explain", jsonRequest(ask))).json).toMatchObject({ allowed: false, rule: "grant:stop" });
  });

  test.each<[Role, number]>([
    ["Latchkey.Admin", 200],
    ["Latchkey.Auditor", 200],
    ["Latchkey.User", 403],
  ])("for another by %s: %d", async (role, status) => {
    const { call } = parts({ ...ADMIN, roles: [role] });
    const answer = await call("access-explain", jsonRequest({ ...ask, principal: other }));
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.json).toMatchObject({ allowed: true, rule: "grant:lend" });
    else expect(answer.json.code).toBe("DENIED");
  });

  test("for another by their groups, not the asker's", async () => {
    const group = "7e7e7e7e-1111-4222-8333-444455556666";
    const { call, policy } = parts({ ...ADMIN, groups: [group] });
    policy.set("membership", "users", membership({ principals: [`group:${group}`] }));
    const explain = async (groups: string[]) =>
      (await call("access-explain", jsonRequest({ ...ask, principal: { ...other, groups } }))).json.allowed;
    expect([await explain([]), await explain([group])]).toEqual([false, true]);
  });

  test.each([
    { principal: { id: "*" } },
    { principal: { id: `user:${TENANT}/x` } },
    { connector: "" },
    { reason: "x" },
    { resourceType: "other" },
  ])("%j is refused", async (changes) => {
    const { call } = parts();
    expect((await call("access-explain", jsonRequest({ ...ask, ...changes }))).json.code).toBe("INVALID_REQUEST");
  });

  test("what the operator never lends stays so, whatever policy says", async () => {
    const { call, policy } = parts(USER);
    policy.set("grant", "own", grant({ resourceId: containerId("operators-own") }));
    const { json } = await call("access-explain", jsonRequest({ ...ask, resourceId: "operators-own" }));
    expect(json).toMatchObject({ allowed: false, rule: "operator-deny" });
  });
});
