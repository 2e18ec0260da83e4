/** Tokens and scope maps of registries through the product's own client, over the local ARM. */
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createRegistryTokenAdmin } from "../../shared/azure/registry-token-admin.ts";
import type { ScopeMap } from "../../shared/credentials/docker-login-ports.ts";
import { type Control, createControl } from "../support/control.ts";
import { SUBSCRIPTION } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";
import { DEMO_REGISTRY, openRegistryArm, type RegistryArm, TOKEN_SETTLE_MS } from "../support/registry-arm.ts";

let azure: LocalAzure;
let control: Control;
let arm: RegistryArm;
beforeAll(async () => {
  azure = await startLocalAzure({ tokenSettleMs: TOKEN_SETTLE_MS });
  control = createControl(azure);
  arm = await openRegistryArm(azure);
});
afterAll(() => azure?.stop());
afterEach(() => control.clear());

const CONTENT = "latchkey-0123456789abcdef01234567";
const inAnHour = () => new Date(Date.now() + 3_600_000);
let made = 0;
const newName = () => `${CONTENT}-${`${++made}`.padStart(12, "0")}`;
const mapOf = (name: string, actions = ["repositories/vision/train/content/read"]): ScopeMap => ({
  name,
  description: "Latchkey: read for vision/train",
  actions,
});
/** One piece of work, as a process that has just started. */
const open = (options: { limitMs?: number; application?: string; registry?: string } = {}) =>
  createRegistryTokenAdmin({
    identities: createConnectorIdentities(),
    now: () => new Date(),
    wait: (milliseconds, signal) => wait(milliseconds / 10, undefined, { signal }),
    ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }),
  })({
    signIn: signInOf(azure, options.application ?? "zenml-connector"),
    resourceId: "",
    registry: {
      subscriptionId: SUBSCRIPTION,
      resourceGroup: DEMO_REGISTRY.group,
      registry: options.registry ?? DEMO_REGISTRY.name,
    },
  });
const jsonReply = (status: number, body: unknown) => ({
  status,
  contentType: "application/json",
  text: JSON.stringify(body),
});
const mapBody = (name: string, provisioningState: string, actions: readonly string[]) => ({
  id: `${arm.registry}/scopeMaps/${name}`,
  name,
  properties: { provisioningState, actions, type: "UserDefined" },
});
/** A token with its own scope map. */
async function makeToken(): Promise<string> {
  const name = newName();
  const admin = open();
  await admin.ensureScopeMap(mapOf(name), true);
  await admin.createToken(name, name);
  return name;
}
const statusOf = async (kind: "tokens" | "scopeMaps", name: string) =>
  (await arm.send("GET", `${arm.registry}/${kind}/${name}`)).status;
const passwordsOf = async (token: string) => {
  const { json } = await arm.send("GET", `${arm.registry}/tokens/${token}`);
  const { properties } = json as { properties: { credentials: { passwords: { name: string; expiry: string }[] } } };
  return properties.credentials.passwords;
};

describe("a token", () => {
  test("is ready when it is made, gives passwords that end in time and sign in, one by one", async () => {
    const token = await makeToken();
    const until = inAnHour();
    const one = (await open().generatePassword(token, "password1", until)) ?? "";
    const two = (await open().generatePassword(token, "password2", until)) ?? "";
    expect(new Set([one, two, ""]).size).toBe(3);
    const passwords = await passwordsOf(token);
    expect(passwords.map(({ name, expiry }) => [name, Math.abs(Date.parse(expiry) - until.getTime()) < 1000])).toEqual([
      ["password1", true],
      ["password2", true],
    ]);
    expect((await arm.signIn(token, one)).status).toBe(200);
    await open().removePassword(token, "password1");
    expect((await passwordsOf(token)).map(({ name }) => name)).toEqual(["password2"]);
    expect((await arm.signIn(token, two)).status).toBe(200);
    await open().removePassword(token, "password1");
    expect((await passwordsOf(token)).map(({ name }) => name)).toEqual(["password2"]);
  });

  test("is gone when it is removed, with its map; both can be repeated; another registry that is not there is no error", async () => {
    const token = await makeToken();
    for (let round = 0; round < 2; round++) {
      await open().removeToken(token);
      await open().removeScopeMap(token);
      await open().removePassword(token, "password1");
      expect([await statusOf("tokens", token), await statusOf("scopeMaps", token)]).toEqual([404, 404]);
    }
    const text = JSON.stringify({ error: { code: "ResourceNotFound", message: "The registry is not there." } });
    await control.fault({ path: "nosuchregistry", reply: { status: 404, contentType: "application/json", text } });
    const gone = open({ registry: "nosuchregistry" });
    await gone.removeToken(token);
    await gone.removePassword(token, "password1");
    await gone.removeScopeMap(token);
  });

  test("that is not there gives no password", async () => {
    expect(await open().generatePassword(newName(), "password1", inAnHour())).toBeNull();
  });

  test("whose making was accepted and whose answer was lost is made", async () => {
    const name = newName();
    await open().ensureScopeMap(mapOf(name), true);
    await control.fault({ method: "PUT", path: `/tokens/${name}`, dropReply: true, times: 1 });
    await open().createToken(name, name);
    expect(await open().generatePassword(name, "password1", inAnHour())).not.toBeNull();
  });

  test("that is still being made is waited for before it gives a password", async () => {
    const name = newName();
    await open().ensureScopeMap(mapOf(name), true);
    const body = { properties: { scopeMapId: `${arm.registry}/scopeMaps/${name}`, status: "enabled" } };
    expect((await arm.put(`${arm.registry}/tokens/${name}`, body)).status).toBe(201);
    expect(await open().generatePassword(name, "password1", inAnHour())).not.toBeNull();
  });

  test("whose password was made and not answered gives another one", async () => {
    const token = await makeToken();
    await control.fault({ method: "POST", path: "generateCredentials", dropReply: true, times: 1 });
    const value = (await open().generatePassword(token, "password1", inAnHour())) ?? "";
    expect(value).not.toBe("");
    expect(await passwordsOf(token)).toHaveLength(1);
  });
});

describe("a scope map", () => {
  test("that another process makes meanwhile, or has made, is the same one; what was changed by hand is put right", async () => {
    const name = newName();
    await Promise.all([open().ensureScopeMap(mapOf(name), true), open().ensureScopeMap(mapOf(name), false)]);
    await open().ensureScopeMap(mapOf(name), false);
    const wide = { properties: { actions: ["repositories/*/content/read"] } };
    await arm.put(`${arm.registry}/scopeMaps/${name}`, wide);
    await open().ensureScopeMap(mapOf(name), false);
    const { json } = await arm.send("GET", `${arm.registry}/scopeMaps/${name}`);
    expect(json).toMatchObject({ properties: { actions: mapOf(name).actions } });
  });

  test("that Azure only accepts is waited for", async () => {
    const name = newName();
    await open().ensureScopeMap(mapOf(name), true);
    const reply = jsonReply(201, mapBody(name, "Creating", mapOf(name).actions));
    await control.fault({ method: "PUT", path: `/scopeMaps/${name}`, reply, times: 1 });
    await control.fault({ method: "GET", path: `/scopeMaps/${name}`, reply: { ...reply, status: 200 }, times: 2 });
    await open().ensureScopeMap(mapOf(name), true);
    expect(await control.clear()).toBe(3);
  });

  test("that Azure gives up is none", async () => {
    const name = newName();
    const body = (state: string) => mapBody(name, state, mapOf(name).actions);
    await control.fault({ method: "PUT", path: `/scopeMaps/${name}`, reply: jsonReply(201, body("Creating")) });
    await control.fault({ method: "GET", path: `/scopeMaps/${name}`, reply: jsonReply(200, body("Failed")) });
    await expect(open().ensureScopeMap(mapOf(name), true)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test("with other rights, in the way of making it, is not taken for ours", async () => {
    const name = newName();
    await arm.put(`${arm.registry}/scopeMaps/${name}`, { properties: { actions: ["repositories/*/content/write"] } });
    const conflict = jsonReply(409, { error: { code: "Conflict", message: "Another operation is in progress." } });
    await control.fault({ method: "PUT", path: `/scopeMaps/${name}`, reply: conflict });
    await expect(open().ensureScopeMap(mapOf(name), true)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });
});

test("a token is as it was made unless somebody disables it, gives it another scope map, or removes it", async () => {
  const [token, other] = [await makeToken(), await makeToken()];
  expect(await open().isIntact(token, mapOf(token))).toBe(true);
  expect(await open().isIntact(token, mapOf(other))).toBe(false);
  expect(await open().isIntact(token, mapOf(token, ["repositories/vision/train/content/write"]))).toBe(false);
  const place = `${arm.registry}/tokens/${token}`;
  const put = (status: string) =>
    arm.put(place, { properties: { scopeMapId: `${arm.registry}/scopeMaps/${token}`, status } });
  await put("disabled");
  expect(await open().isIntact(token, mapOf(token))).toBe(false);
  expect(await open().isIntact(newName(), mapOf(token))).toBe(false);
});

test("the usage counts what was made, beside the limit of the tier", async () => {
  const before = await open().usage();
  await makeToken();
  const after = await open().usage();
  expect([after.tokens.used - before.tokens.used, after.scopeMaps.used - before.scopeMaps.used]).toEqual([1, 1]);
  expect([after.tokens.limit, after.scopeMaps.limit]).toEqual([before.tokens.limit, before.scopeMaps.limit]);
  expect(after.tokens.limit).toBeGreaterThan(0);
});

test.each([null, "12", undefined])("a usage of %j is not known, and never taken for room", async (currentValue) => {
  const value = ["Tokens", "ScopeMaps"].map((name) => ({ name, limit: 500, currentValue, unit: "Count" }));
  await control.fault({ method: "GET", path: "/listUsages", reply: jsonReply(200, { value }) });
  await expect(open().usage()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: true });
});

test("what never came about counts as removed for an identity that may only look, and what is there does not", async () => {
  const token = newName();
  const looker = open({ application: "research-connector" });
  await expect(looker.removeToken(token)).resolves.toBeUndefined();
  await expect(looker.removeScopeMap(token)).resolves.toBeUndefined();
  const mine = open();
  await mine.ensureScopeMap(
    { name: token, description: "", actions: ["repositories/vision/train/content/read"] },
    true,
  );
  await expect(looker.removeScopeMap(token)).rejects.toMatchObject({ failure: { status: 403 } });
  await mine.removeScopeMap(token);
});

describe("what fails", () => {
  test("an identity that may not is told the role", async () => {
    await expect(open({ application: "stranger" }).usage()).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      message: expect.stringContaining("Data Access Configuration Administrator"),
      failure: { status: 403 },
    });
  });

  test("throttling is passed on with its time, not waited for", async () => {
    await control.fault({ method: "PUT", path: "/tokens/", status: 429, retryAfterSeconds: 17 });
    await expect(open().createToken(newName(), newName())).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: true,
      retryAfterSeconds: 17,
    });
  });

  test("one piece of work has one limit, however many calls it is", async () => {
    const name = newName();
    await open().ensureScopeMap(mapOf(name), true);
    const admin = open({ limitMs: 1_500 });
    await control.fault({ method: "PUT", path: "/tokens/", latencyMs: 20_000 });
    await expect(admin.createToken(name, name)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
    await control.clear();
    await expect(admin.usage()).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  });

  test("an answer without the password, or cut off, is no password, and nothing of it is told", async () => {
    const token = await makeToken();
    const secret = "a-password-that-must-not-be-seen";
    const texts = [
      JSON.stringify({ username: token, passwords: [{ name: "password2", value: secret }] }),
      JSON.stringify({ username: token, passwords: [{ name: "password1" }] }),
      `{"username":"${token}","passwords":[{"name":"password1","value":"${secret}"`,
    ];
    for (const text of texts) {
      const reply = { status: 200, contentType: "application/json", text };
      await control.fault({ method: "POST", path: "generateCredentials", reply });
      const error = await open()
        .generatePassword(token, "password1", inAnHour())
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "UPSTREAM_REFUSED", retryable: true });
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
      await control.clear();
    }
  });
});
