/** Tokens of registries over HTTP: what is answered, what the registry does with it, whose it is, and what is left of it. */
import { createHmac } from "node:crypto";
import { decodeJwt } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createApi, type Plan } from "../support/api.ts";
import {
  ABAC_ID,
  borrowRegistry,
  LABELLED_ID,
  type LentBody,
  lent,
  REGISTRY_ID,
  registerContainers,
} from "../support/containers.ts";
import { accessIn } from "../support/registry-client.ts";
import { IMAGE } from "../support/registry-images.ts";
import { ABAC_REGISTRY, LABELLED_REGISTRY, REGISTRY, TOKEN_USER } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { tokenByLogin, withToken } from "../support/use-lent.ts";

const WHOLE_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** Life of a token of a registry, in seconds. Source: infra/local/README.md, as measured on Azure. */
const TOKEN_LIFE = 4500;

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
const ids: Record<string, string> = {};

beforeAll(async () => {
  state = openStateAccount(system);
  for (const name of ["vision", "all", "named", "wide", "short"]) {
    ids[name] = await registerContainers(system, api, `registries-${name}`);
  }
  for (const name of ["both", "research"]) {
    ids[name] = await registerContainers(system, api, `registries-${name}`, "research-connector");
  }
});

const borrow = (connector: string, changes: object = {}) => borrowRegistry(api, `registries-${connector}`, changes);
const tags = (token: string, repository: string, host = REGISTRY) =>
  withToken(system, host, token, "GET", `/v2/${repository}/tags/list`);
const beginPush = (token: string, repository: string) =>
  withToken(system, REGISTRY, token, "POST", `/v2/${repository}/blobs/uploads/`);
const repositories = (...names: readonly string[]) => ({ scope: { repositories: names } });

describe("access-token", () => {
  it("is answered with every member of the contract, for the repositories that the grant names now", async () => {
    const { status, body, text } = await borrow("vision", { access: ["read", "write"] });
    expect(status, text).toBe(201);
    const { token } = body.credential;
    expect(body).toEqual({
      leaseId: expect.stringMatching(/^[0-9a-f]{12}-[a-z2-7]{26}$/),
      connector: { id: ids.vision, name: "registries-vision" },
      resourceType: "docker-registry",
      resourceId: REGISTRY_ID,
      displayName: REGISTRY,
      access: ["read", "write"],
      scope: { repositories: ["vision/serve", "vision/train"] },
      form: "access-token",
      issuedAt: expect.stringMatching(WHOLE_SECONDS),
      expiresAt: expect.stringMatching(WHOLE_SECONDS),
      refreshAfter: expect.stringMatching(WHOLE_SECONDS),
      revocation: "expiry-only",
      exposedUntil: body.expiresAt,
      rule: "grant:registries-vision-0",
      warnings: [],
      credential: { kind: "acr-access-token", loginServer: REGISTRY, token },
      env: { DOCKER_AUTH_CONFIG: expect.any(String) },
    });
    const { auths } = JSON.parse(body.env.DOCKER_AUTH_CONFIG ?? "");
    expect(auths).toEqual({ [REGISTRY]: { auth: Buffer.from(`${TOKEN_USER}:${token}`).toString("base64") } });
    expect(Date.parse(body.expiresAt)).toBe((decodeJwt(token).exp ?? 0) * 1000);
    const life = (Date.parse(body.expiresAt) - Date.parse(body.issuedAt)) / 1000;
    expect(Math.abs(life - TOKEN_LIFE)).toBeLessThan(60);
  });

  it("to read lists and pulls what was named, pushes nothing, and opens no other repository", async () => {
    const { credential, scope } = lent(await borrow("vision", repositories("vision/train")));
    expect(scope).toEqual({ repositories: ["vision/train"] });
    const { token } = credential;
    expect(await tags(token, "vision/train")).toBe(200);
    const pull = ["GET", "/v2/vision/train/manifests/v1", { accept: IMAGE }] as const;
    expect(await withToken(system, REGISTRY, token, ...pull)).toBe(200);
    expect(await beginPush(token, "vision/train")).toBe(401);
    for (const other of ["vision/serve", "zenml", "speech/asr"]) expect(await tags(token, other)).toBe(401);
    expect(await withToken(system, REGISTRY, token, "GET", "/v2/_catalog")).toBe(401);
    expect(await withToken(system, REGISTRY, token, "DELETE", "/v2/vision/train/manifests/v1")).toBe(401);
  });

  it("to write pushes where it was asked for, also into a repository that is not there yet", async () => {
    const { credential } = lent(await borrow("vision", { access: ["write"], ...repositories("vision/new") }));
    expect(accessIn(credential.token)).toEqual([{ type: "repository", name: "vision/new", actions: ["pull", "push"] }]);
    expect(await beginPush(credential.token, "vision/new")).toBe(202);
    expect(await beginPush(credential.token, "vision/train")).toBe(401);
  });

  it("is refused by any other registry", async () => {
    const { credential } = lent(await borrow("named", repositories("zenml")));
    expect(await tags(credential.token, "zenml")).toBe(200);
    for (const host of [LABELLED_REGISTRY, ABAC_REGISTRY]) {
      expect(await tags(credential.token, "zenml", host)).toBe(401);
    }
  });

  it("for * holds the repositories that are there, and none by a pattern", async () => {
    const { scope, credential } = lent(await borrow("all"));
    expect(scope.repositories).toEqual(expect.arrayContaining(["speech/asr", "vision/train", "zenml"]));
    expect(accessIn(credential.token).map(({ name }) => name)).toEqual(scope.repositories);
  });

  it("of a registry in ABAC mode is for its repositories alone", async () => {
    const { credential } = lent(await borrow("research", { resourceId: ABAC_ID }));
    expect(credential.loginServer).toBe(ABAC_REGISTRY);
    expect(await tags(credential.token, "vision/train", ABAC_REGISTRY)).toBe(200);
  });

  it("is another one after a renewal, under the same lease, until that is ended; and the registry is not told", async () => {
    const first = lent(await borrow("vision"));
    const path = `leases/${first.leaseId}`;
    const renewed = lent(await api.call<LentBody>("POST", `${path}/renew`, { body: {} }));
    expect([renewed.leaseId, renewed.scope]).toEqual([first.leaseId, first.scope]);
    expect(renewed.credential.token === first.credential.token).toBe(false);
    expect(await tags(renewed.credential.token, "vision/train")).toBe(200);
    const revoked = await api.call<LentBody & { notDone: string[] }>("DELETE", path);
    expect([revoked.status, revoked.body.exposedUntil]).toEqual([200, renewed.expiresAt]);
    expect(revoked.body.notDone).toHaveLength(1);
    // As it says itself: nobody can take it back.
    expect(await tags(renewed.credential.token, "vision/train")).toBe(200);
    const again = await api.call("POST", `${path}/renew`, { body: {} });
    expect([again.status, again.body.code]).toEqual([409, "LEASE_CLOSED"]);
  });
});

describe("registry-wide", () => {
  it("is a login for all of it, and says so", async () => {
    const { status, body, text } = await borrow("wide", { form: "registry-wide" });
    expect(status, text).toBe(201);
    expect(body).toMatchObject({
      scope: {},
      form: "registry-wide",
      revocation: "expiry-only",
      warnings: [expect.any(String)],
      credential: { kind: "docker-login", loginServer: REGISTRY, username: TOKEN_USER },
    });
    for (const repository of ["zenml", "vision/serve"]) {
      const token = await tokenByLogin(system, body.credential, `repository:${repository}:metadata_read`);
      expect(await tags(token ?? "", repository)).toBe(200);
    }
  });

  it.each(["vision", "all", "named"])("is not given by the grant of registries-%s, whatever it names", async (name) => {
    const { status, body } = await borrow(name, { form: "registry-wide" });
    expect([status, body.code]).toEqual([403, "SCOPE_TOO_WIDE"]);
  });

  it("takes no repositories, and its grant gives no other form", async () => {
    const narrow = await borrow("wide", { form: "registry-wide", ...repositories("zenml") });
    expect([narrow.status, narrow.body.problems?.[0]?.path]).toEqual([400, "/scope/repositories"]);
    for (const form of ["access-token", "docker-login"]) {
      expect((await borrow("wide", { form })).body.code).toBe("SCOPE_TOO_WIDE");
    }
  });
});

describe("what the grant does not give is refused, by plan and explanation as well", () => {
  it.each<[string, string, object, string]>([
    ["another repository", "vision", repositories("zenml"), "SCOPE_TOO_WIDE"],
    ["one of two", "vision", repositories("vision/train", "zenml"), "SCOPE_TOO_WIDE"],
    ["a name that only begins alike", "vision", repositories("visions/train"), "SCOPE_TOO_WIDE"],
    ["what stands above the prefix", "vision", repositories("vision"), "SCOPE_TOO_WIDE"],
    ["what stands below a name", "named", repositories("zenml/sub"), "SCOPE_TOO_WIDE"],
    ["to delete", "vision", { access: ["delete"] }, "SCOPE_TOO_WIDE"],
    ["to write", "named", { access: ["write"] }, "SCOPE_TOO_WIDE"],
    ["a login", "vision", { form: "docker-login" }, "SCOPE_TOO_WIDE"],
    ["another registry", "vision", { resourceId: LABELLED_ID }, "DENIED"],
  ])("%s", async (_what, connector, changes, code) => {
    const before = await state.rows("Leases");
    const { status, body, text } = await borrow(connector, changes);
    expect([status, body.code], text).toEqual([403, code]);
    expect(text).not.toContain("eyJ");
    const request = { resourceType: "docker-registry", resourceId: REGISTRY_ID, access: ["read"], ...changes };
    const plan = await api.call<Plan>("POST", `connectors/registries-${connector}/credentials?plan=true`, {
      body: request,
    });
    const explained = await api.call<Plan>("POST", "access/explain", {
      body: { ...request, connector: `registries-${connector}` },
    });
    expect(plan.body).toMatchObject({ allowed: false, rule: null });
    expect(explained.body).toEqual(plan.body);
    expect(await state.rows("Leases")).toEqual(before);
  });

  it("a token that would live longer than the grant allows", async () => {
    expect((await borrow("short")).body.code).toBe("SCOPE_TOO_WIDE");
    expect((await borrow("vision", { ttlSeconds: 300 })).body.code).toBe("SCOPE_TOO_WIDE");
  });
});

it("on record are its repositories and form, and the token by its MAC alone; no list shows it", async () => {
  const { leaseId, credential } = lent(await borrow("named", { ...repositories("zenml"), reason: "train 42" }));
  const audit = (await state.rows("Audit")).find((row) => row.leaseId === leaseId);
  expect(audit).toMatchObject({ event: "credential.issued", outcome: "ok", resourceId: REGISTRY_ID });
  expect(JSON.parse(String(audit?.detailJson))).toMatchObject({
    form: "access-token",
    access: ["read"],
    repositories: "zenml",
    reason: "train 42",
  });
  const key = Buffer.from((await state.secretOf("audit-credential-mac")) ?? "", "base64");
  const mac = createHmac("sha256", key).update(credential.token).digest("hex");
  expect(String(audit?.credentialMac).endsWith(`:${mac}`)).toBe(true);
  const lease = await api.call<LentBody>("GET", `leases/${leaseId}`);
  expect(lease.body).toMatchObject({ scope: { repositories: ["zenml"] }, form: "access-token", state: "active" });
  const list = await api.call("GET", "leases?limit=500");
  expect([lease.text, list.text, JSON.stringify(await state.rows("Leases"))].join()).not.toContain("eyJ");
});
