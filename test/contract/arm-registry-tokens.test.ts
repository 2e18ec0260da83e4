/** Scope maps and tokens of registries in the local ARM: bare answers, the official SDK, many, and sign-ins with them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf } from "../support/application-tokens.ts";
import { type JsonAnswer, jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import {
  DEMO_REGISTRY,
  openRegistryArm,
  PULL,
  REGISTRY_API_VERSION,
  type RegistryArm,
  registryRefusal,
  settled,
  TOKEN_SETTLE_MS,
  valuesIn,
} from "../support/registry-arm.ts";

const { group: GROUP, name: NAME } = DEMO_REGISTRY;
const stateDir = mkdtempSync(join(tmpdir(), "latchkey-registry-tokens-"));
const OPTIONS = { stateDir, tokenSettleMs: TOKEN_SETTLE_MS };

let azure: LocalAzure;
let arm: RegistryArm;

beforeAll(async () => {
  azure = await startLocalAzure(OPTIONS);
  arm = await openRegistryArm(azure);
  await arm.put(arm.scopeMapId(), { properties: { actions: PULL } });
});
afterAll(async () => {
  await azure?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("the answers", () => {
  test("a scope map is there at once", async () => {
    const path = `${arm.registry}/scopeMaps/acr-map`;
    expect(await arm.send("GET", path)).toMatchObject(registryRefusal(404, "ResourceNotFound"));
    const made = await arm.put(path, { properties: { actions: PULL, description: "for trains" } });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/);
    expect(made).toMatchObject({ status: 200, headers: { server: "Microsoft-HTTPAPI/2.0" } });
    expect(made.headers["api-supported-versions"]).toContain(REGISTRY_API_VERSION);
    expect(made.headers["x-ms-ratelimit-remaining-subscription-writes"]).toBe("199");
    const { clientId } = azure.seed.applications.find(({ name }) => name === "zenml-connector") ?? { clientId: "" };
    const by = { createdBy: clientId, createdByType: "Application", createdAt: time };
    const last = { lastModifiedBy: clientId, lastModifiedByType: "Application", lastModifiedAt: time };
    expect(made.json).toEqual({
      type: "Microsoft.ContainerRegistry/registries/scopeMaps",
      id: path,
      name: "acr-map",
      systemData: { ...by, ...last },
      properties: {
        description: "for trains",
        type: "UserDefined",
        creationDate: time,
        provisioningState: "Succeeded",
        actions: PULL,
      },
    });
    const both = [...PULL, "repositories/vision/*/metadata/read"];
    const changed = await arm.send("PATCH", path, { properties: { actions: both } });
    expect(changed).toMatchObject({ status: 200, json: { properties: { actions: both, description: "for trains" } } });
    const gone = await arm.send("DELETE", path);
    expect([gone.status, gone.body]).toEqual([200, ""]);
    expect(gone.headers["x-ms-ratelimit-remaining-subscription-deletes"]).toBe("199");
    expect((await arm.send("DELETE", path)).status).toBe(204);
  });

  test("a token is made while its operation runs, and has no password until then", async () => {
    const path = `${arm.registry}/tokens/lk-slow`;
    const made = await arm.put(path, { properties: { scopeMapId: arm.scopeMapId() } });
    expect(made).toMatchObject({
      status: 201,
      json: {
        type: "Microsoft.ContainerRegistry/registries/tokens",
        id: path,
        name: "lk-slow",
        properties: {
          provisioningState: "Creating",
          scopeMapId: arm.scopeMapId(),
          credentials: { passwords: [] },
          status: "enabled",
        },
      },
    });
    const operation = made.headers["azure-asyncoperation"] ?? "";
    expect(operation.startsWith(`https://management.azure.com${path}/operationStatuses/token-`)).toBe(true);
    const poll = () => jsonRequest(azure, "GET", operation, { token: arm.token });
    const running = { status: 200, json: { status: "Creating" }, headers: { "azure-asyncoperation": operation } };
    expect(await poll()).toMatchObject(running);
    expect(await arm.generate(path)).toMatchObject(registryRefusal(409, "TokenNotActive"));
    expect(await arm.put(path, { properties: { scopeMapId: arm.scopeMapId() } })).toMatchObject(
      registryRefusal(409, "Conflict"),
    );
    await settled();
    expect(await poll()).toMatchObject({ status: 200, json: { status: "Succeeded" } });
    expect(await arm.send("GET", path)).toMatchObject({ json: { properties: { provisioningState: "Succeeded" } } });
    expect((await arm.send("DELETE", path)).status).toBe(200);
    expect((await arm.send("DELETE", path)).status).toBe(204);
    expect(await arm.send("GET", path)).toMatchObject(registryRefusal(404, "ResourceNotFound"));
  });

  test("a new password is told once; a named one leaves the other as it was", async () => {
    const token = await arm.makeToken("lk-passwords");
    const first = await arm.generate(token, { name: "password2", expiry: "2038-01-01T02:00:00.947130+01:00" });
    const [only] = (first.json as { passwords: Record<string, string>[] }).passwords;
    expect(first.json).toMatchObject({ username: "lk-passwords" });
    expect(only).toMatchObject({ name: "password2", expiry: "2038-01-01T01:00:00.94713+00:00" });
    expect(only?.value).toMatch(/^[A-Za-z0-9+/=-]{32}$/);
    const second = valuesIn(await arm.generate(token, { name: "password1" }));
    expect(second).toEqual({ password1: expect.any(String), password2: undefined });
    expect((await arm.signIn("lk-passwords", only?.value ?? "")).status).toBe(200);
    const both = valuesIn(await arm.generate(token));
    expect(both).toEqual({ password1: expect.any(String), password2: expect.any(String) });
    expect((await arm.signIn("lk-passwords", only?.value ?? "")).status).toBe(401);
    const shown = await arm.send("GET", token);
    expect(shown.body).not.toContain(both.password1 ?? "none");
    expect(shown).toMatchObject({
      json: { properties: { credentials: { passwords: [{ name: "password1" }, { name: "password2" }] } } },
    });
  });

  test("PATCH keeps the passwords that it names, PUT none", async () => {
    const token = await arm.makeToken("lk-keep");
    const { password1 = "", password2 = "" } = valuesIn(await arm.generate(token));
    const kept = await arm.send("PATCH", token, {
      properties: { credentials: { passwords: [{ name: "password2" }] } },
    });
    expect(kept).toMatchObject({ status: 201, json: { properties: { provisioningState: "Updating" } } });
    expect(kept.headers["azure-asyncoperation"]).toContain("/operationStatuses/");
    expect((await arm.signIn("lk-keep", password1)).status).toBe(401);
    expect((await arm.signIn("lk-keep", password2)).status).toBe(200);
    await arm.send("PATCH", token, { properties: { status: "disabled" } });
    expect((await arm.signIn("lk-keep", password2)).status).toBe(401);
    await arm.send("PATCH", token, { properties: { status: "enabled" } });
    expect((await arm.signIn("lk-keep", password2)).status).toBe(200);
    const again = await arm.put(token, { properties: { scopeMapId: arm.scopeMapId() } });
    expect(again).toMatchObject({ status: 200, json: { properties: { credentials: { passwords: [] } } } });
    expect((await arm.signIn("lk-keep", password2)).status).toBe(401);
  });

  test("a deleted scope map leaves its tokens without rights, and a deleted token signs nobody in", async () => {
    await arm.put(`${arm.registry}/scopeMaps/short-lived`, { properties: { actions: PULL } });
    const token = await arm.makeToken("lk-orphan", arm.scopeMapId("short-lived"));
    const { password1 = "" } = valuesIn(await arm.generate(token, { name: "password1" }));
    const accessOf = (answer: JsonAnswer) => {
      const { access_token: jwt } = answer.json as { access_token: string };
      return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()).access;
    };
    const granted = [{ type: "repository", name: "vision/train", actions: ["pull"] }];
    expect(accessOf(await arm.signIn("lk-orphan", password1))).toMatchObject(granted);
    await arm.send("DELETE", `${arm.registry}/scopeMaps/short-lived`);
    expect(accessOf(await arm.signIn("lk-orphan", password1))).not.toMatchObject(granted);
    expect((await arm.send("DELETE", token)).status).toBe(200);
    expect((await arm.signIn("lk-orphan", password1)).status).toBe(401);
  });
});

describe("many", () => {
  test("a registry of tier Basic takes 100 tokens, and says so", async () => {
    const research = await openRegistryArm(azure, "research-connector");
    const { basic } = research;
    expect((await research.put(`${basic}/scopeMaps/pull-train`, { properties: { actions: PULL } })).status).toBe(200);
    const map = { properties: { scopeMapId: arm.scopeMapId("pull-train", basic) } };
    const make = (index: number) => research.put(`${basic}/tokens/lk-many-${index}`, map);
    for (let index = 0; index < 100; index += 1) expect((await make(index)).status).toBe(201);
    expect(await make(100)).toMatchObject(registryRefusal(403, "QuotaExceeded"));
    const usages = await research.send("GET", `${basic}/listUsages`);
    expect(usages.json).toEqual({
      value: [
        { name: "Size", limit: 10 * 1024 ** 3, currentValue: 0, unit: "Bytes" },
        { name: "Webhooks", limit: 2, currentValue: 0, unit: "Count" },
        { name: "ScopeMaps", limit: 100, currentValue: 1, unit: "Count" },
        { name: "Tokens", limit: 100, currentValue: 100, unit: "Count" },
      ],
    });
    expect(await research.send("GET", basic)).toMatchObject({ json: { sku: { tier: "Basic" } } });
    expect((await research.send("DELETE", `${basic}/tokens/lk-many-7`)).status).toBe(200);
    expect((await make(100)).status).toBe(201);
  });

  test("400 tokens are listed, page by page, and are there after a restart", async () => {
    const map = { properties: { scopeMapId: arm.scopeMapId() } };
    for (let index = 0; index < 400; index += 1) await arm.put(`${arm.registry}/tokens/lk-page-${index}`, map);
    await settled();
    const { password1 = "" } = valuesIn(
      await arm.generate(`${arm.registry}/tokens/lk-page-399`, { name: "password1" }),
    );
    await azure.stop();
    azure = await startLocalAzure(OPTIONS);
    await fetch(`${azure.controlUrl}/arm`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ pageSize: 90 }),
    });
    arm = await openRegistryArm(azure);
    const subscription = azure.seed.subscriptions[0]?.id ?? "";
    const client = new ContainerRegistryManagementClient(credentialOf(azure, "zenml-connector"), subscription);
    const names: string[] = [];
    let pages = 0;
    for await (const page of client.tokens.list(GROUP, NAME).byPage()) {
      pages += 1;
      names.push(...page.flatMap(({ name }) => name ?? []));
    }
    expect(names.filter((name) => name.startsWith("lk-page-"))).toHaveLength(400);
    expect(new Set(names).size).toBe(names.length);
    expect(pages).toBe(Math.ceil(names.length / 90));
    expect((await arm.signIn("lk-page-399", password1)).status).toBe(200);
  });
});

test("the official SDK makes, lists, changes and deletes", async () => {
  const subscription = azure.seed.subscriptions[0]?.id ?? "";
  const client = new ContainerRegistryManagementClient(credentialOf(azure, "zenml-connector"), subscription);
  const soon = { updateIntervalInMs: 50 };
  const map = await client.scopeMaps.create(GROUP, NAME, "sdk-map", { actions: PULL }, soon);
  expect(map).toMatchObject({ name: "sdk-map", provisioningState: "Succeeded", actions: PULL });
  const maps: (string | undefined)[] = [];
  for await (const { name, typePropertiesType } of client.scopeMaps.list(GROUP, NAME)) {
    maps.push(`${name} ${typePropertiesType}`);
  }
  expect(maps).toEqual(expect.arrayContaining(["_repositories_push SystemDefined", "sdk-map UserDefined"]));
  const made = await client.tokens.create(GROUP, NAME, "sdk-token", { scopeMapId: map.id ?? "" }, soon);
  expect(made).toMatchObject({ name: "sdk-token", provisioningState: "Succeeded", status: "enabled" });
  const expiry = new Date(Date.now() + 3_600_000);
  const request = { tokenId: made.id ?? "", expiry, name: "password1" };
  const { username, passwords } = await client.registries.generateCredentials(GROUP, NAME, request, soon);
  expect(passwords).toMatchObject([{ name: "password1", expiry }]);
  expect((await arm.signIn(username ?? "", passwords?.[0]?.value ?? "")).status).toBe(200);
  const changed = await client.tokens.update(GROUP, NAME, "sdk-token", { credentials: { passwords: [] } }, soon);
  expect(changed).toMatchObject({ provisioningState: "Succeeded", credentials: { passwords: [] } });
  await client.tokens.delete(GROUP, NAME, "sdk-token", soon);
  await client.tokens.delete(GROUP, NAME, "sdk-token", soon);
  await client.scopeMaps.delete(GROUP, NAME, "sdk-map", soon);
  await expect(client.tokens.get(GROUP, NAME, "sdk-token")).rejects.toMatchObject({
    statusCode: 404,
    code: "ResourceNotFound",
  });
});
