import { describe, expect, test } from "vitest";
import { InputError } from "../../../shared/errors.ts";
import type { Role } from "../../../shared/principal.ts";
import { ADMIN } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { WEEKLY } from "../../support/fakes-purge-routes.ts";
import { REGISTRY } from "../../support/fakes-purge-runs.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const params = { registry: REGISTRY, policy: "weekly" };
const create = { "if-none-match": "*" };

function runtime(role: Role = "Latchkey.Admin") {
  const product = productRoutes();
  const driven: unknown[] = [];
  const { call } = runtimeOf(product.routes, {
    verifyCaller: async () => ({ ...ADMIN, roles: [role] }),
    durable: { input: { type: "durableClient", name: "c" }, driverOf: () => async (run) => void driven.push(run.id) },
  });
  const put = (body: unknown, headers: Record<string, string> = create, at: Record<string, string> = params) =>
    call("purge-policies-put", { ...jsonRequest(body, { headers, params: at }), method: "PUT" });
  return { ...product, call, put, driven };
}

describe("a policy", () => {
  test("is created, read as it can be put again, listed, replaced and deleted by what the writer saw", async () => {
    const { call, put } = runtime();
    const created = await put(WEEKLY);
    expect(created.status).toBe(200);
    expect(created.json).toMatchObject({ ...WEEKLY, enabled: true, nextDueAt: "2026-11-22T03:00:00Z" });
    expect(created.json.warnings).toContainEqual(expect.objectContaining({ code: "NOTHING_KEPT", rule: null }));
    const got = await call("purge-policies-get", { params });
    expect([got.status, got.headers.etag]).toEqual([200, created.headers.etag]);
    const replaced = await put(got.json, { "if-match": got.headers.etag ?? "" });
    expect(replaced.status).toBe(200);
    const listed = await call("purge-policies-list", { params: { registry: REGISTRY } });
    expect(listed.json).toEqual({
      items: [{ name: "weekly", spec: got.json, nextDueAt: "2026-11-22T03:00:00Z", updatedBy: ADMIN.id }],
      continuationToken: null,
    });
    const remove = (etag: string) =>
      call("purge-policies-delete", { method: "DELETE", params, headers: { "if-match": etag } });
    expect((await remove(got.headers.etag ?? "")).status).toBe(412);
    expect((await remove(replaced.headers.etag ?? "")).status).toBe(204);
    expect((await call("purge-policies-get", { params })).status).toBe(404);
  });

  test("422 for a registry of another tenant than the connector's: nothing is recorded or kept", async () => {
    const { put, purge } = runtime();
    purge.faults.open = new InputError("CROSS_TENANT", "x");
    const { status, json } = await put(WEEKLY);
    expect([status, json.code]).toEqual([422, "CROSS_TENANT"]);
    expect([purge.audited, purge.policyTable.rows.size]).toEqual([[], 0]);
  });

  test("428 without a word of what was seen; 412 when it is there already", async () => {
    const { call, put } = runtime();
    expect((await put(WEEKLY, {})).json.code).toBe("IF_MATCH_REQUIRED");
    expect((await call("purge-policies-delete", { method: "DELETE", params })).json.code).toBe("IF_MATCH_REQUIRED");
    await put(WEEKLY);
    expect((await put(WEEKLY)).json.code).toBe("ETAG_MISMATCH");
  });

  test("the login server is compared without case, and kept in lower case", async () => {
    const { call, put } = runtime();
    await put(WEEKLY, create, { ...params, registry: "RegistryOne.AzureCR.io" });
    expect((await call("purge-policies-get", { params })).status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ["a registry without its suffix", { registry: "registryone" }],
    ["another host", { registry: "registry.example.org" }],
    ["a host of a cloud with something behind it", { registry: "registryone.azurecr.io.example.org" }],
    ["a URL", { registry: "https://registryone.azurecr.io" }],
    ["a host with a slash", { registry: "registryone.azurecr.io/" }],
    ["a host with a port", { registry: "registryone.azurecr.io:443" }],
    ["a way out", { registry: "../registryone.azurecr.io" }],
    ["a Kelvin sign", { registry: "\u212Aegistry.azurecr.io" }],
    ["a policy that is no name", { policy: "a~b" }],
    ["a policy with a quote", { policy: "a'b" }],
    ["a policy that is a path", { policy: "a/b" }],
    ["a policy in capitals", { policy: "Weekly" }],
    ["a reserved name", { policy: "explain" }],
    ["the name of the import", { policy: "import" }],
  ])("%s is refused before anything is looked up", async (_, changes) => {
    const { call, put, purge } = runtime();
    const wrong = { ...params, ...changes };
    expect((await put(WEEKLY, create, wrong)).json.code).toBe("INVALID_REQUEST");
    expect((await call("purge-policies-get", { params: wrong })).json.code).toBe("INVALID_REQUEST");
    for (const name of ["purge-policies-plan", "purge-policies-run"]) {
      const answer = await call(name, jsonRequest({ planId: null }, { params: wrong }));
      expect(answer.json.code).toBe("INVALID_REQUEST");
    }
    expect([purge.journal, purge.policyTable.calls]).toEqual([[], []]);
  });

  test("a damaged record hides no other, and can be replaced", async () => {
    const { call, put, purge } = runtime();
    const { headers } = await put(WEEKLY);
    await put(WEEKLY, create, { ...params, policy: "other" });
    const row = purge.policyTable.rows.get(JSON.stringify([REGISTRY, "weekly"]));
    Object.assign(row ?? {}, { specJson: "{" });
    const { json } = await call("purge-policies-list", { params: { registry: REGISTRY } });
    expect(json.items).toMatchObject([{ name: "other" }, { name: "weekly", spec: null }]);
    expect((await put(WEEKLY, { "if-match": headers.etag ?? "" })).status).toBe(200);
  });
});

describe("starting", () => {
  const run = (planId: unknown) => jsonRequest({ planId }, { params });

  test("a plan and a purge: 202, where to look, and driven by the call's own client", async () => {
    const { call, put, driven, audited } = runtime();
    await put(WEEKLY);
    const planned = await call("purge-policies-plan", { method: "POST", params });
    const started = await call("purge-policies-run", run(null));
    for (const [answer, kind] of [
      [planned, "plan"],
      [started, "purge"],
    ] as const) {
      expect(answer.status).toBe(202);
      expect(answer.json).toMatchObject({ kind, registry: REGISTRY, policy: "weekly", state: "queued", planId: null });
      expect(answer.headers.location).toBe(`/api/purge-runs/${answer.json.id}`);
      const looked = await call("purge-runs-get", { params: { id: String(answer.json.id) } });
      expect(looked.json).toEqual(answer.json);
    }
    expect(driven).toEqual([planned.json.id, started.json.id]);
    expect(audited.map(({ event }) => event).slice(-2)).toEqual(["purge.started", "purge.started"]);
    const again = await call("purge-policies-run", run(null));
    expect([again.status, again.json.code]).toEqual([409, "RUN_ACTIVE"]);
    expect(again.json.detail).toContain(String(started.json.id));
  });

  test.each([
    ["nothing", "purge-policies-run", { method: "POST", params }, "purge"],
    ["an empty object", "purge-policies-run", jsonRequest({}, { params }), "purge"],
    ["nothing", "purge-policies-plan", { method: "POST", params }, "plan"],
    ["an empty object", "purge-policies-plan", jsonRequest({}, { params }), "plan"],
  ])("%s as the body of %s is enough", async (_, name, request, kind) => {
    const { call, put } = runtime();
    await put(WEEKLY);
    const { status, json } = await call(name, request);
    expect([status, json.kind, json.planId]).toEqual([202, kind, null]);
  });

  test("a plan takes no other field, and neither takes what is no JSON", async () => {
    const { call, put, purge } = runtime();
    await put(WEEKLY);
    const text = { ...jsonRequest("{}", { params }), headers: { "content-type": "text/plain" } };
    for (const [name, request] of [
      ["purge-policies-plan", jsonRequest({ dryRun: true }, { params })],
      ["purge-policies-plan", jsonRequest({ planId: null }, { params })],
      ["purge-policies-plan", jsonRequest("{", { params })],
      ["purge-policies-plan", text],
      ["purge-policies-run", text],
    ] as const) {
      const { status, json } = await call(name, request);
      expect([name, status, json.code]).toEqual([name, 400, "INVALID_REQUEST"]);
    }
    expect(purge.audited.filter(({ event }) => event === "purge.started")).toEqual([]);
  });

  test.each([{ planId: "" }, { planId: "x" }, { planId: 1 }, { planId: "../lock" }, { planId: null, dryRun: true }])(
    "%j is refused",
    async (body) => {
      const { call, put } = runtime();
      await put(WEEKLY);
      expect((await call("purge-policies-run", jsonRequest(body, { params }))).json.code).toBe("INVALID_REQUEST");
    },
  );

  test("a plan that is none of this policy's: 409; no such policy: 404", async () => {
    const { call, put } = runtime();
    expect((await call("purge-policies-plan", { method: "POST", params })).json.code).toBe("NOT_FOUND");
    await put(WEEKLY);
    const answer = await call("purge-policies-run", run("8204744799999-aaaaaa"));
    expect([answer.status, answer.json.code]).toEqual([409, "PLAN_CHANGED"]);
  });
});

describe("the import of a command line", () => {
  const ask = (command: string) => jsonRequest({ command }, { params: { registry: REGISTRY } });

  test("a policy that can be put with a connector, every difference, and nothing stored", async () => {
    const { call, put, purge } = runtime();
    const command = "acr purge --filter 'team/app:^v.*$' --ago 30d --untagged";
    const { status, json } = await call("purge-policies-import", ask(command));
    expect(status).toBe(200);
    expect(json.differences).toContainEqual(expect.objectContaining({ code: "PROTECTS_PARTS" }));
    expect(purge.policyTable.rows.size).toBe(0);
    expect((await put({ ...Object(json.policy), connector: "azure" })).status).toBe(200);
  });

  test.each(["", "rm -rf /", "acr purge", "x".repeat(20_001)])("%# is refused", async (command) => {
    const { call } = runtime();
    expect((await call("purge-policies-import", ask(command))).json.code).toBe("INVALID_REQUEST");
  });
});

test.each<[Role, number, number]>([
  ["Latchkey.Admin", 404, 404],
  ["Latchkey.Auditor", 404, 403],
  ["Latchkey.Approver", 403, 403],
  ["Latchkey.User", 403, 403],
])("%s reads: %d, changes and starts: %d", async (role, reads, changes) => {
  const { call, put } = runtime(role);
  expect((await call("purge-policies-get", { params })).status).toBe(reads);
  expect((await call("purge-policies-list", { params: { registry: REGISTRY } })).status).toBe(
    reads === 404 ? 200 : 403,
  );
  expect((await call("purge-policies-plan", { method: "POST", params })).status).toBe(changes);
  expect((await call("purge-policies-run", jsonRequest({ planId: null }, { params }))).status).toBe(changes);
  const headers = { "if-match": "x" };
  expect((await call("purge-policies-delete", { method: "DELETE", params, headers })).status).toBe(changes);
  const imported = await call(
    "purge-policies-import",
    jsonRequest({ command: "x" }, { params: { registry: REGISTRY } }),
  );
  expect(imported.status).toBe(changes === 404 ? 400 : 403);
  expect((await put(WEEKLY)).status).toBe(changes === 404 ? 200 : 403);
});
