/** Key Vault of the local Azure on the wire: statuses, headers, members of bodies, error codes. */
import { SecretClient } from "@azure/keyvault-secrets";
import { afterAll, beforeAll, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const VAULT = "https://latchkey-vault.vault.azure.net";
const SCOPE = "https://vault.azure.net/.default";
const API = "api-version=2026-04-01";

let azure: LocalAzure;
let client: SecretClient;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
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
  const answer = await raw("GET", `${VAULT}/secrets?${API}`, { token: arm });
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
    expect(await raw("GET", `${VAULT}/secrets${query}`, { token })).toMatchObject({
      status: 400,
      json: errorOf("BadParameter"),
    });
  }
});

test("previousVersion: shown since 2025-07-01, not before", async () => {
  const first = await client.setSecret("wire-previous", "one");
  await client.setSecret("wire-previous", "two");
  expect((await send("GET", "/secrets/wire-previous")).json).toMatchObject({
    previousVersion: first.properties.version,
  });
  const older = await raw("GET", `${VAULT}/secrets/wire-previous?api-version=7.6`, { token });
  expect(older.json).not.toHaveProperty("previousVersion");
  const oldest = await send("GET", `/secrets/wire-previous/${first.properties.version}`);
  expect(oldest.json).not.toHaveProperty("previousVersion");
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
  const bare = `${VAULT}/secrets/wire-body`;
  expect((await send("PUT", "/secrets/wire-body", { value: "v", attributes: {} })).json).toEqual({
    value: "v",
    id,
    attributes,
  });
  expect((await send("GET", "/secrets/wire-body/versions")).json).toEqual({
    value: [{ id, attributes }],
    nextLink: null,
  });
  expect((await send("PATCH", "/secrets/wire-body/", { tags: {} })).json).toEqual({ id, attributes, tags: {} });
  const deletion = {
    recoveryId: `${VAULT}/deletedsecrets/wire-body`,
    deletedDate: expect.any(Number),
    scheduledPurgeDate: expect.any(Number),
  };
  expect((await send("DELETE", "/secrets/wire-body")).json).toEqual({ ...deletion, id, attributes, tags: {} });
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsBeingDeleted"),
  });
  expect(await send("GET", "/deletedsecrets/wire-body")).toMatchObject({
    status: 404,
    json: errorOf("SecretNotFound"),
  });
  await expect.poll(async () => (await send("GET", "/deletedsecrets/wire-body")).status).toBe(200);
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsDeletedButRecoverable"),
  });
  expect((await send("GET", "/deletedsecrets?maxresults=25")).json).toMatchObject({
    value: expect.arrayContaining([{ ...deletion, id: bare, attributes, tags: {} }]),
    nextLink: null,
  });
  expect((await send("POST", "/deletedsecrets/wire-body/recover")).json).toEqual({ id, attributes, tags: {} });
  expect(await send("PUT", "/secrets/wire-body", { value: "w" })).toMatchObject({
    status: 409,
    json: errorOf("Conflict", "ObjectIsBeingRecovered"),
  });
  await expect.poll(async () => (await send("GET", "/secrets/wire-body")).status).toBe(200);
});

test("nextLink: names port 443 and leads to the rest", async () => {
  for (const name of ["link-a", "link-b"]) await client.setSecret(name, "v");
  const first = await send("GET", "/secrets?maxresults=1");
  const next = /"nextLink":"([^"]+)"/.exec(first.body)?.[1] ?? "";
  expect(next).toMatch(
    /^https:\/\/latchkey-vault\.vault\.azure\.net:443\/secrets\?api-version=2026-04-01&\$skiptoken=/,
  );
  const second = await raw("GET", next.replace(":443", ""), { token });
  expect(second.status).toBe(200);
  expect(second.body).not.toBe(first.body);
});

test("versions of an unknown secret: an empty list, not an error", async () => {
  expect((await send("GET", "/secrets/nobody/versions")).json).toEqual({ value: [], nextLink: null });
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
  for (const maxresults of ["0", "26", "ten"]) {
    expect((await send("GET", `/secrets?maxresults=${maxresults}`)).status).toBe(400);
  }
  expect((await send("GET", "/secrets?$skiptoken=nonsense")).status).toBe(400);
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
  expect((await send("GET", "/Secrets/WIRE-case/versions")).json).toMatchObject({ value: [{}] });
});

test("an operation that is not emulated is 501 and named", async () => {
  const answer = await send("POST", "/secrets/wire-known/backup");
  expect(answer).toMatchObject({ status: 501, json: errorOf("NotImplemented") });
  expect(answer.body).toContain("POST /secrets/{}/backup");
});

test("answers carry Key Vault's headers and the client's request id", async () => {
  const { headers } = await send("GET", "/secrets", undefined, { "x-ms-client-request-id": "mine-1" });
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
