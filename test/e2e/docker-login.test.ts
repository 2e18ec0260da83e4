/** Docker logins over HTTP: a password a lease, tokens and scope maps shared by content, gone with their leases. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import {
  BASIC_ID,
  borrowRegistry,
  type LentBody,
  lent,
  REGISTRY_ID,
  registerContainers,
} from "../support/containers.ts";
import { accessIn } from "../support/registry-client.ts";
import { REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { makeDue, sweepNow } from "../support/sweep-now.ts";
import { inRegistry, leftInRegistry, tokenByLogin, withToken } from "../support/use-lent.ts";

const WHOLE_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const TOKEN_NAME = /^latchkey-[0-9a-f]{24}-[0-9a-f]+$/;
/** For which a token works that a login was exchanged for, in seconds. Source: infra/local/README.md. */
const TOKEN_LIFE = 4500;
/** Until everybody knows that a password is gone, in seconds. Source: the ACR documentation. */
const PROPAGATION = 60;

type Revoked = LentBody & { readonly state: string; readonly done: string[]; readonly notDone: string[] };

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
let connectorId: string;
const open = new Set<string>();

beforeAll(async () => {
  state = openStateAccount(system);
  connectorId = await registerContainers(system, api, "logins-main");
  await registerContainers(system, api, "logins-basic", "research-connector");
});
/** Each test ends what it borrowed; then nothing may be left of it. */
afterEach(async () => {
  for (const leaseId of open) await revoke(leaseId);
  expect(await leftInRegistry(system, api, REGISTRY_ID)).toEqual([]);
  expect(await state.rows("RegistryTokens")).toEqual([]);
});

const TRAIN = { repositories: ["vision/train"] };
async function borrow(changes: object = {}) {
  const answer = await borrowRegistry(api, "logins-main", { form: "docker-login", scope: TRAIN, ...changes });
  if (answer.status === 201) open.add(answer.body.leaseId);
  return answer;
}
async function revoke(leaseId: string) {
  open.delete(leaseId);
  return api.call<Revoked>("DELETE", `leases/${leaseId}`);
}
const exchange = ({ credential }: LentBody, scope = "repository:vision/train:pull,metadata_read") =>
  tokenByLogin(system, credential, scope);
const left = () => leftInRegistry(system, api, REGISTRY_ID);
const secondsBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;

it("is answered with every member of the contract, and exposed for as long as what it is exchanged for", async () => {
  const { status, body, text } = await borrow({ access: ["read", "write"], ttlSeconds: 900 });
  expect(status, text).toBe(201);
  const { username, password } = body.credential;
  expect(body).toEqual({
    leaseId: expect.any(String),
    connector: { id: connectorId, name: "logins-main" },
    resourceType: "docker-registry",
    resourceId: REGISTRY_ID,
    displayName: REGISTRY,
    access: ["read", "write"],
    scope: TRAIN,
    form: "docker-login",
    issuedAt: expect.stringMatching(WHOLE_SECONDS),
    expiresAt: expect.stringMatching(WHOLE_SECONDS),
    refreshAfter: expect.stringMatching(WHOLE_SECONDS),
    revocation: "delayed",
    exposedUntil: expect.stringMatching(WHOLE_SECONDS),
    rule: "grant:logins-main-0",
    warnings: [],
    credential: {
      kind: "docker-login",
      loginServer: REGISTRY,
      username: expect.stringMatching(TOKEN_NAME),
      password: expect.any(String),
    },
    env: { DOCKER_AUTH_CONFIG: expect.any(String) },
  });
  expect(secondsBetween(body.issuedAt, body.expiresAt)).toBe(900);
  expect(secondsBetween(body.expiresAt, body.exposedUntil)).toBe(TOKEN_LIFE);
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  expect(JSON.parse(body.env.DOCKER_AUTH_CONFIG ?? "")).toEqual({ auths: { [REGISTRY]: { auth } } });
});

describe("a login", () => {
  it("to read gets tokens to read its repository, whatever is asked for", async () => {
    const login = lent(await borrow());
    const asked =
      "repository:vision/train:pull,push,delete,metadata_read repository:zenml:pull repository:vision/serve:*";
    const token = (await exchange(login, asked)) ?? "";
    expect(accessIn(token)).toEqual([{ type: "repository", name: "vision/train", actions: ["metadata_read", "pull"] }]);
    expect(await withToken(system, REGISTRY, token, "GET", "/v2/vision/train/tags/list")).toBe(200);
    expect(await withToken(system, REGISTRY, token, "POST", "/v2/vision/train/blobs/uploads/")).toBe(401);
    expect(await withToken(system, REGISTRY, token, "GET", "/v2/zenml/tags/list")).toBe(401);
  });

  it("to write pushes there, and nowhere else", async () => {
    const login = lent(await borrow({ access: ["write"] }));
    const token = (await exchange(login, "repository:vision/train:pull,push repository:zenml:pull,push")) ?? "";
    expect(await withToken(system, REGISTRY, token, "POST", "/v2/vision/train/blobs/uploads/")).toBe(202);
    expect(await withToken(system, REGISTRY, token, "POST", "/v2/zenml/blobs/uploads/")).toBe(401);
  });

  it("without a scope is for all that the grant names, by name", async () => {
    const login = lent(await borrow({ scope: {} }));
    expect(login.scope.repositories).toEqual(["vision/serve", "vision/train", "zenml"]);
    const [map] = await inRegistry(system, api, REGISTRY_ID, "scopeMaps");
    expect(map?.actions).toEqual(
      expect.arrayContaining(["repositories/zenml/content/read", "repositories/vision/serve/metadata/read"]),
    );
    expect(map?.actions.filter((action) => action.includes("*"))).toEqual([]);
  });

  it("of another lease for the same shares the token and not the password; ending one leaves the other", async () => {
    const [one, two] = [lent(await borrow()), lent(await borrow())];
    expect(one.credential.username).toBe(two.credential.username);
    expect(one.credential.password === two.credential.password).toBe(false);
    const three = lent(await borrow());
    expect(three.credential.username === one.credential.username).toBe(false);
    expect((await left()).map((name) => name.split("/")[0]).sort()).toEqual(["scopeMaps", "tokens", "tokens"]);
    expect((await revoke(one.leaseId)).status).toBe(200);
    const outcomes = await Promise.all([one, two, three].map((login) => exchange(login)));
    expect(outcomes.map((token) => token !== null)).toEqual([false, true, true]);
  });

  it("for something else has a token and a scope map of its own", async () => {
    const [one, two] = [lent(await borrow()), lent(await borrow({ access: ["read", "write"] }))];
    expect(one.credential.username === two.credential.username).toBe(false);
    expect(await left()).toHaveLength(4);
    const token = (await exchange(one, "repository:vision/train:push")) ?? "";
    expect(await withToken(system, REGISTRY, token, "POST", "/v2/vision/train/blobs/uploads/")).toBe(401);
  });

  it("of many callers at once: each works, each its own, and nothing is left of any", async () => {
    const logins = (await Promise.all(Array.from({ length: 7 }, () => borrow()))).map(lent);
    expect(new Set(logins.map(({ credential: { username, password } }) => username + password)).size).toBe(7);
    expect((await Promise.all(logins.map((login) => exchange(login)))).filter((token) => token === null)).toEqual([]);
    const ended = await Promise.all(logins.map(({ leaseId }) => revoke(leaseId)));
    expect(ended.map(({ status, body }) => `${status} ${body.state}`)).toEqual(ended.map(() => "200 revoked"));
    expect((await Promise.all(logins.map((login) => exchange(login)))).filter((token) => token !== null)).toEqual([]);
  });
});

it("revoking kills the login for good, tells how long what it was exchanged for still works, and is done once", async () => {
  const login = lent(await borrow({ ttlSeconds: 3600 }));
  const held = (await exchange(login)) ?? "";
  const before = Date.now();
  const { status, body } = await revoke(login.leaseId);
  expect([status, body.state]).toEqual([200, "revoked"]);
  expect([body.done.length > 0, body.notDone.length > 0]).toEqual([true, true]);
  const exposed = (Date.parse(body.exposedUntil) - before) / 1000;
  expect(Math.abs(exposed - TOKEN_LIFE - PROPAGATION)).toBeLessThan(30);
  expect(await exchange(login)).toBeNull();
  expect(await left()).toEqual([]);
  // As it says itself: what was exchanged before lives on.
  expect(await withToken(system, REGISTRY, held, "GET", "/v2/vision/train/tags/list")).toBe(200);
  const again = await api.call<Revoked>("DELETE", `leases/${login.leaseId}`);
  expect([again.status, again.body.state]).toEqual([200, "revoked"]);
  const renewed = await api.call("POST", `leases/${login.leaseId}/renew`, { body: {} });
  expect([renewed.status, renewed.body.code]).toEqual([409, "LEASE_CLOSED"]);
});

it("renewing gives another password and lets the one that is out work on; revoking ends both", async () => {
  const first = lent(await borrow());
  const renew = async () => lent(await api.call<LentBody>("POST", `leases/${first.leaseId}/renew`, { body: {} }));
  const second = await renew();
  expect([second.leaseId, second.scope]).toEqual([first.leaseId, first.scope]);
  expect(second.credential.password === first.credential.password).toBe(false);
  expect([await exchange(first), await exchange(second)].includes(null)).toBe(false);
  const third = await renew();
  expect(await exchange(first)).toBeNull();
  expect([await exchange(second), await exchange(third)].includes(null)).toBe(false);
  await revoke(first.leaseId);
  expect([await exchange(second), await exchange(third)]).toEqual([null, null]);
});

it("one whose time is up is removed by the sweep, and its lease is expired", async () => {
  const login = lent(await borrow());
  await makeDue(system, login.leaseId);
  await sweepNow(system);
  open.delete(login.leaseId);
  expect(await exchange(login)).toBeNull();
  const { body } = await api.call<Revoked>("GET", `leases/${login.leaseId}`);
  expect(body.state).toBe("expired");
  expect((await state.rows("LeaseDue")).filter(({ rowKey }) => rowKey === login.leaseId)).toEqual([]);
  const events = (await state.rows("Audit")).filter(({ leaseId }) => leaseId === login.leaseId);
  expect(events.map(({ event, outcome }) => `${event} ${outcome}`).sort()).toEqual([
    "credential.issued ok",
    "lease.removed ok",
  ]);
});

it("on record are form, repositories and user name, and no password: neither in a row nor in an answer", async () => {
  const login = lent(await borrow({ reason: "train 42" }));
  const audit = (await state.rows("Audit")).find(({ leaseId }) => leaseId === login.leaseId);
  expect(JSON.parse(String(audit?.detailJson))).toMatchObject({
    form: "docker-login",
    repositories: "vision/train",
    token: login.credential.username,
  });
  const { tables } = await state.read();
  const said = await Promise.all(["leases?limit=500", `leases/${login.leaseId}`].map((path) => api.call("GET", path)));
  expect([JSON.stringify(tables), ...said.map(({ text }) => text)].join()).not.toContain(login.credential.password);
});

it("what the grant does not give, or the form cannot, is refused before anything is made", async () => {
  const outcomes: [object, string][] = [
    [{ scope: { repositories: ["speech/asr"] } }, "403 SCOPE_TOO_WIDE"],
    [{ ttlSeconds: 3601 }, "403 SCOPE_TOO_WIDE"],
    [{ ttlSeconds: 299 }, "400 INVALID_REQUEST"],
    [{ form: "registry-wide", scope: {} }, "403 SCOPE_TOO_WIDE"],
    [{ resourceId: BASIC_ID }, "403 DENIED"],
  ];
  for (const [changes, outcome] of outcomes) {
    const { status, body } = await borrow(changes);
    expect(`${status} ${body.code}`).toBe(outcome);
  }
  expect(await left()).toEqual([]);
});
