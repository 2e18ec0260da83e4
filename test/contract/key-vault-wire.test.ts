/** Key Vault of the local Azure on the wire: statuses, headers, members of bodies, error codes. */
import { SecretClient } from "@azure/keyvault-secrets";
import { afterAll, beforeAll, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const VAULT = "https://latchkey-vault.vault.azure.net";
const SCOPE = "https://vault.azure.net/.default";
const API = "api-version=2026-04-01";
/** Long enough that a deletion is still under way two requests later, on a busy machine too. */
const SETTLE_MS = 4_000;
const SETTLED = { timeout: 10 * SETTLE_MS, interval: 200 };

let azure: LocalAzure;
let client: SecretClient;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure({ settleMs: SETTLE_MS });
  client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
  token = await tokenOf(azure, "latchkey-service", SCOPE);
});

afterAll(async () => azure?.stop());

/** A request at a URL as it is written. */
const raw = (method: string, url: string, options: Parameters<typeof jsonRequest>[3] = {}) =>
  jsonRequest(azure, method, url, options);
const errorOf = (code: string, inner?: string) => ({
  error: { code, message: expect.any(String), ...(inner && { innererror: { code: inner } }) },
});
const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  raw(method, `${VAULT}${path}${path.includes("?") ? "&" : "?"}${API}`, {
    token,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test("no token: the challenge names tenant and audience, the body the AKV code", async () => {
  const answer = await raw("PUT", `${VAULT}/secrets/x?${API}`, { headers: { "content-type": "application/json" } });
  expect(answer).toMatchObject({ status: 401, json: errorOf("Unauthorized") });
  expect(answer.body).toContain("AKV10000");
  expect(answer.headers["www-authenticate"]).toBe(
    `Bearer authorization="https://login.microsoftonline.com/${azure.seed.tenant.id}", resource="https://vault.azure.net"`,
  );
});

test("a token of another audience: 401 with the challenge", async () => {
  const arm = await tokenOf(azure, "latchkey-service", "https://management.azure.com/.default");
  const answer = await raw("GET", `${VAULT}/secrets/x?${API}`, { token: arm });
  expect(answer).toMatchObject({ status: 401, json: errorOf("Unauthorized") });
  expect(answer.body).toContain("AKV10022");
  expect(answer.headers["www-authenticate"]).toContain("resource=");
});

test("no right: ForbiddenByRbac names caller, action and resource", async () => {
  const stranger = await tokenOf(azure, "stranger", SCOPE);
  const answer = await raw("GET", `${VAULT}/secrets/connector-one/?${API}`, { token: stranger });
  expect(answer).toMatchObject({ status: 403, json: errorOf("Forbidden", "ForbiddenByRbac") });
  expect(answer.body).toContain("Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'");
  expect(answer.body).toContain("/providers/microsoft.keyvault/vaults/latchkey-vault/secrets/connector-one'");
});

test("api-version: missing and unknown are BadParameter", async () => {
  for (const query of ["", "?api-version=9.9"]) {
    expect(await raw("GET", `${VAULT}/secrets/x${query}`, { token })).toMatchObject({
      status: 400,
      json: errorOf("BadParameter"),
    });
  }
});

test("bodies have exactly the members of the recordings", async () => {
  const attributes = {
    enabled: true,
    created: expect.any(Number),
    updated: expect.any(Number),
    recoveryLevel: "Recoverable+Purgeable",
    recoverableDays: 90,
  };
  const id = expect.stringMatching(/^https:\/\/latchkey-vault\.vault\.azure\.net\/secrets\/wire-body\/[0-9a-f]{32}$/);
  expect((await send("PUT", "/secrets/wire-body", { value: "v", attributes: {} })).json).toEqual({
    value: "v",
    id,
    attributes,
  });
  const second = { value: "w", contentType: "text/plain", attributes: { exp: 2_000_000_000 }, tags: { a: "b" } };
  const properties = {
    id,
    contentType: "text/plain",
    attributes: { ...attributes, exp: 2_000_000_000 },
    tags: { a: "b" },
  };
  expect((await send("PUT", "/secrets/wire-body", second)).json).toEqual({ value: "w", ...properties });
  const deletion = {
    recoveryId: `${VAULT}/deletedsecrets/wire-body`,
    deletedDate: expect.any(Number),
    scheduledPurgeDate: expect.any(Number),
  };
  expect((await send("DELETE", "/secrets/wire-body")).json).toEqual({ ...deletion, ...properties });
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsBeingDeleted"),
  });
  expect(await send("GET", "/deletedsecrets/wire-body")).toMatchObject({
    status: 404,
    json: errorOf("SecretNotFound"),
  });
  await expect.poll(async () => (await send("GET", "/deletedsecrets/wire-body")).status, SETTLED).toBe(200);
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsDeletedButRecoverable"),
  });
  expect((await send("GET", "/deletedsecrets/wire-body")).json).toEqual({ ...deletion, ...properties });
  expect((await send("POST", "/deletedsecrets/wire-body/recover")).json).toEqual(properties);
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsBeingRecovered"),
  });
  await expect.poll(async () => (await send("GET", "/secrets/wire-body")).status, SETTLED).toBe(200);
});

test("bad input: refused with BadParameter, and nothing is stored", async () => {
  const many = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`t${index}`, "v"]));
  const bad: unknown[] = [
    { value: "x".repeat(25_601) },
    { value: 7 },
    {},
    { value: "x", tags: many },
    { value: "x", contentType: "c".repeat(256) },
    { value: "x", attributes: { exp: "tomorrow" } },
    [],
  ];
  for (const body of bad) {
    const answer = await send("PUT", "/secrets/wire-bad", body);
    expect(answer, JSON.stringify(body).slice(0, 60)).toMatchObject({ status: 400, json: errorOf("BadParameter") });
  }
  const noJson = await raw("PUT", `${VAULT}/secrets/wire-bad?${API}`, { token, body: "{value" });
  expect(noJson).toMatchObject({ status: 400, json: errorOf("BadParameter") });
  expect(await send("PUT", "/secrets/under_score", { value: "x" })).toMatchObject({ status: 400 });
  expect((await send("GET", "/secrets/wire-bad")).status).toBe(404);
  expect(await send("PUT", "/secrets/", { value: "x" })).toMatchObject({
    status: 405,
    json: errorOf("MethodNotAllowed"),
  });
});

test("a value of exactly 25 KB, and an empty one, are kept", async () => {
  const largest = "x".repeat(25_600);
  expect((await send("PUT", "/secrets/wire-large", { value: largest })).status).toBe(200);
  expect((await client.getSecret("wire-large")).value).toBe(largest);
  expect((await send("PUT", "/secrets/wire-empty", { value: "" })).json).toMatchObject({ value: "" });
});

test("not found: a secret, a version, a deleted secret, and what to recover or purge", async () => {
  await client.setSecret("wire-known", "v");
  const unknown: [string, string][] = [
    ["GET", "/secrets/nobody"],
    ["GET", `/secrets/wire-known/${"0".repeat(32)}`],
    ["DELETE", "/secrets/nobody"],
    ["GET", "/deletedsecrets/nobody"],
    ["POST", "/deletedsecrets/nobody/recover"],
    ["DELETE", "/deletedsecrets/nobody"],
    ["GET", "/secrets/constructor"],
  ];
  for (const [method, path] of unknown) {
    expect(await send(method, path), `${method} ${path}`).toMatchObject({
      status: 404,
      json: errorOf("SecretNotFound"),
    });
  }
});

test("names are one whatever their case", async () => {
  await client.setSecret("Wire-Case", "v");
  expect((await send("GET", "/secrets/wire-CASE")).json).toMatchObject({ value: "v" });
  expect((await send("GET", "/Secrets/WIRE-case")).json).toMatchObject({ value: "v" });
});

test.each([
  ["POST", "/secrets/wire-known/backup", "POST /secrets/{}/backup"],
  ["PATCH", "/secrets/wire-known", "PATCH /secrets/{}"],
  ["GET", "/deletedsecrets", "GET /deletedsecrets"],
  ["QUERY", "/secrets/wire-known", "QUERY /secrets/{}"],
])("%s %s: an operation that is not emulated is 501 and named", async (method, path, operation) => {
  const answer = await send(method, path);
  expect(answer).toMatchObject({ status: 501, json: errorOf("NotImplemented") });
  expect(answer.body).toContain(`${operation}.`);
});

test("answers carry Key Vault's headers and the client's request id", async () => {
  const { headers } = await send("GET", "/secrets/wire-headers", undefined, { "x-ms-client-request-id": "mine-1" });
  expect(headers).toMatchObject({
    "cache-control": "no-cache",
    pragma: "no-cache",
    expires: "-1",
    "content-type": "application/json; charset=utf-8",
    "x-ms-keyvault-region": "westeurope",
    "x-ms-client-request-id": "mine-1",
    "x-ms-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    "x-ms-keyvault-service-version": expect.stringMatching(/^\d+(\.\d+){3}$/),
    "x-ms-keyvault-network-info": expect.stringContaining("act_addr_fam=InterNetwork"),
    "strict-transport-security": "max-age=31536000;includeSubDomains",
    "x-content-type-options": "nosniff",
  });
});
