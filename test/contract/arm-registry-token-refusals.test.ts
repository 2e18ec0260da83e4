/** What the local ARM refuses about scope maps and tokens of registries: names, actions, bodies, rights. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { openRegistryArm, PULL, type RegistryArm, registryRefusal, TOKEN_SETTLE_MS } from "../support/registry-arm.ts";

let azure: LocalAzure;
let arm: RegistryArm;

beforeAll(async () => {
  azure = await startLocalAzure({ tokenSettleMs: TOKEN_SETTLE_MS });
  arm = await openRegistryArm(azure);
  await arm.put(arm.scopeMapId(), { properties: { actions: PULL } });
});
afterAll(() => azure?.stop());

describe("what is refused", () => {
  const longest = "a".repeat(50);
  const bodyWith = (...actions: string[]) => ({ properties: { actions } });

  test.each(["four", "with_underscore", `${longest}a`, "dot.dot"])("the token name %s", async (name) => {
    const answer = await arm.put(`${arm.registry}/tokens/${name}`, { properties: { scopeMapId: arm.scopeMapId() } });
    expect(answer).toMatchObject(registryRefusal(400, "InvalidResourceName"));
  });

  test.each(["four", `${longest}a`, "dot.dot"])("the scope map name %s", async (name) => {
    const answer = await arm.put(`${arm.registry}/scopeMaps/${name}`, bodyWith(...PULL));
    expect(answer).toMatchObject(registryRefusal(400, "InvalidResourceName"));
  });

  test.each([
    "",
    "repositories/a/content",
    "repositories/a/content/*",
    "repositories//content/read",
    "repositories/a*/content/read",
    "repositories/*/a/content/read",
    "repositories/*/*/content/read",
    "repositories/../content/read",
    "repositories/a/metadata/delete",
    "registry/catalog/read",
  ])("the action %s", async (action) => {
    const answer = await arm.put(`${arm.registry}/scopeMaps/bad-action`, bodyWith(...PULL, action));
    expect(answer).toMatchObject(registryRefusal(400, "InvalidScopeMapAction"));
  });

  test.each([
    "repositories/*/content/delete",
    "repositories/a/*/metadata/write",
    "repositories/a.b/c__d/e-f/content/write",
    "gateway/child/config/read",
  ])("not the action %s", async (action) => {
    expect((await arm.put(`${arm.registry}/scopeMaps/good-action`, bodyWith(action))).status).toBe(200);
  });

  test("more than 500 actions of one map, and a change of a map of the service's own", async () => {
    const many = Array.from({ length: 501 }, (_, index) => `repositories/r${index}/content/read`);
    const path = `${arm.registry}/scopeMaps/many-actions`;
    expect(await arm.put(path, bodyWith(...many))).toMatchObject(registryRefusal(400, "InvalidRequestBody"));
    expect((await arm.put(path, bodyWith(...many.slice(1)))).status).toBe(200);
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const body = method === "DELETE" ? undefined : bodyWith(...PULL);
      const answer = await arm.send(method, `${arm.registry}/scopeMaps/_repositories_pull`, body);
      expect(answer).toMatchObject(registryRefusal(400, "InvalidScopeMap"));
    }
  });

  test("a scope map of another registry or of none, and a body that does not fit", async () => {
    const path = `${arm.registry}/tokens/lk-refused`;
    const answerTo = (id: unknown) => arm.put(path, { properties: { scopeMapId: id } });
    expect(await answerTo(arm.scopeMapId("pull-train", arm.basic))).toMatchObject(
      registryRefusal(400, "InvalidScopeMapId"),
    );
    expect(await answerTo("pull-train")).toMatchObject(registryRefusal(400, "InvalidScopeMapId"));
    expect(await answerTo(arm.scopeMapId("missing"))).toMatchObject(registryRefusal(404, "ResourceNotFound"));
    expect(await answerTo(1)).toMatchObject(registryRefusal(400, "InvalidRequestBody"));
    expect(await arm.put(path, {})).toMatchObject(registryRefusal(400, "InvalidRequestBody"));
    expect((await arm.send("PUT", path)).status).toBe(400);
    expect((await arm.send("GET", path)).status).toBe(404);
  });

  test("a password for what is no token of the registry, with no known name, or over already", async () => {
    const token = await arm.makeToken("lk-expiry");
    expect(await arm.generate(`${arm.registry}/tokens/missing`)).toMatchObject(
      registryRefusal(404, "ResourceNotFound"),
    );
    expect(await arm.generate(`${arm.basic}/tokens/lk-expiry`)).toMatchObject(
      registryRefusal(400, "InvalidRequestBody"),
    );
    expect(await arm.generate(token, { name: "password3" })).toMatchObject(registryRefusal(400, "InvalidRequestBody"));
    expect(await arm.generate(token, { expiry: "tomorrow" })).toMatchObject(registryRefusal(400, "InvalidRequestBody"));
    expect(await arm.generate(token, { expiry: "2020-01-01T00:00:00Z" })).toMatchObject(
      registryRefusal(400, "InvalidExpiry"),
    );
  });

  test("each operation without its own right", async () => {
    const others = await openRegistryArm(azure, "research-connector");
    const at = { properties: { scopeMapId: arm.scopeMapId() } };
    const asked: [string, string, string, unknown?][] = [
      ["PUT", "/tokens/lk-others", "tokens/write", at],
      ["PATCH", "/tokens/lk-expiry", "tokens/write", at],
      ["DELETE", "/tokens/lk-expiry", "tokens/delete"],
      ["PUT", "/scopeMaps/others", "scopeMaps/write", bodyWith()],
      ["DELETE", "/scopeMaps/pull-train", "scopeMaps/delete"],
      ["POST", "/generateCredentials", "generateCredentials/action", { tokenId: `${arm.registry}/tokens/lk-expiry` }],
    ];
    for (const [method, path, action, body] of asked) {
      const answer = await others.send(method, `${arm.registry}${path}`, body);
      expect(answer).toMatchObject({ status: 403, json: { error: { code: "AuthorizationFailed" } } });
      expect(answer.body).toContain(`Microsoft.ContainerRegistry/registries/${action}`);
    }
    const nobody = await openRegistryArm(azure, "stranger");
    for (const path of ["/tokens", "/scopeMaps", "/listUsages", "/tokens/lk-expiry/operationStatuses/token-1"]) {
      expect((await nobody.send("GET", `${arm.registry}${path}`)).status).toBe(403);
    }
  });

  test("what is not emulated is 501", async () => {
    expect((await arm.send("GET", `${arm.registry}/webhooks`)).status).toBe(501);
  });
});
