/** Faults on demand and the request log, through the control endpoint, as tests and developers use them. */
import { request as startRequest } from "node:http";
import { SecretClient } from "@azure/keyvault-secrets";
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { rawRequest } from "../support/raw-request.ts";

const VAULT = "https://latchkey-vault.vault.azure.net";
const NO_RETRIES = { retryOptions: { maxRetries: 0 } };

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());
afterEach(async () => {
  await control("DELETE", "/faults");
  await control("DELETE", "/requests");
});

type Json = { items?: Record<string, unknown>[]; id?: string; issues?: { path: string }[] };

async function control(method: string, path: string, body?: unknown): Promise<{ status: number; json: Json }> {
  const sent =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`${azure.controlUrl}${path}`, { method, ...sent });
  const text = await response.text();
  return { status: response.status, json: text === "" ? {} : (JSON.parse(text) as Json) };
}

async function fault(rule: Record<string, unknown>): Promise<void> {
  expect((await control("POST", "/faults", rule)).status).toBe(201);
}

async function requests(service?: string): Promise<Record<string, unknown>[]> {
  const { json } = await control("GET", service === undefined ? "/requests" : `/requests?service=${service}`);
  return json.items ?? [];
}

function openIdUrl(): string {
  return `https://login.microsoftonline.com/${azure.seed.tenant.id}/v2.0/.well-known/openid-configuration`;
}

function secrets(options = {}): SecretClient {
  return new SecretClient(VAULT, credentialOf(azure, "latchkey-service"), options);
}

describe("status", () => {
  test.each([
    ["entra", "https://login.microsoftonline.com/common/discovery/instance", "error"],
    ["arm", "https://management.azure.com/subscriptions?api-version=2022-12-01", "error.code"],
    ["key-vault", `${VAULT}/secrets?api-version=2025-07-01`, "error.code"],
  ])("status: %s answers in its own JSON form, with Retry-After", async (service, url, codePath) => {
    await fault({ service, status: 429, retryAfterSeconds: 7, code: "PlannedCode" });
    const answer = await rawRequest(azure, { method: "GET", url });
    expect(answer.status).toBe(429);
    expect(answer.headers["retry-after"]).toBe("7");
    const code = codePath.split(".").reduce<unknown>((value, name) => member(value, name), JSON.parse(answer.body));
    expect(code).toBe("PlannedCode");
    expect(answer.headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("status: storage answers with the code that the SDK reads", async () => {
    await fault({ host: "latchkeystate.blob.core.windows.net", status: 503 });
    const blobs = new BlobServiceClient(
      "https://latchkeystate.blob.core.windows.net",
      credentialOf(azure, "latchkey-service"),
      { retryOptions: { maxTries: 1 } },
    );
    await expect(blobs.getProperties()).rejects.toMatchObject({ statusCode: 503, code: "ServerBusy" });
  });

  test("status: a table answers in OData with its usual headers", async () => {
    await fault({ host: "latchkeystate.table.core.windows.net", status: 503 });
    const answer = await rawRequest(azure, {
      method: "GET",
      url: "https://latchkeystate.table.core.windows.net/Tables",
      headers: { accept: "application/json", "x-ms-version": "2019-02-02", "x-ms-client-request-id": "mine" },
    });
    expect(answer.headers).toMatchObject({
      "content-type": "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
      "x-ms-version": "2019-02-02",
      "x-ms-client-request-id": "mine",
      "x-ms-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(member(member(JSON.parse(answer.body), "odata.error"), "code")).toBe("ServerBusy");
  });

  test("times: the rule hits as often as it says; the SDK waits as told and then succeeds", async () => {
    await secrets().setSecret("throttled", "x");
    await control("DELETE", "/requests");
    const path = "^/secrets/throttled/";
    await fault({ service: "key-vault", method: "GET", path, status: 429, retryAfterSeconds: 0, times: 2 });
    expect((await secrets().getSecret("throttled")).value).toBe("x");
    const statuses = (await requests("key-vault")).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2);
    expect(statuses.at(-1)).toBe(200);
    expect((await control("GET", "/faults")).json.items).toMatchObject([{ hits: 2 }]);
  });

  test("body: only requests with it are hit, and what is read for that is not lost", async () => {
    await fault({ service: "key-vault", method: "PUT", body: '"value":"PLANNED"', status: 503 });
    await expect(secrets(NO_RETRIES).setSecret("by-body", "planned")).rejects.toMatchObject({ statusCode: 503 });
    const long = "x".repeat(20_000);
    await secrets().setSecret("by-body", long);
    expect((await secrets().getSecret("by-body")).value).toBe(long);
    expect((await control("GET", "/faults")).json.items).toMatchObject([{ hits: 1 }]);
  });

  test("reply: is sent as it stands, and the service never sees the request", async () => {
    await fault({ service: "key-vault", reply: { status: 200, contentType: "text/html", text: "<p>ä</p>" }, times: 1 });
    const url = `${VAULT}/secrets?api-version=2025-07-01`;
    const answer = await rawRequest(azure, { method: "GET", url });
    expect([answer.status, answer.headers["content-type"], answer.body]).toEqual([200, "text/html", "<p>ä</p>"]);
  });

  test("status: the service never sees the request", async () => {
    await fault({ service: "key-vault", method: "PUT", status: 500 });
    await expect(secrets(NO_RETRIES).setSecret("never", "x")).rejects.toMatchObject({ statusCode: 500 });
    await control("DELETE", "/faults");
    await expect(secrets().getSecret("never")).rejects.toMatchObject({ statusCode: 404 });
  });
});

describe("connection", () => {
  test("drop: the connection ends and nothing was done", async () => {
    await fault({ service: "key-vault", method: "PUT", drop: true });
    await expect(secrets(NO_RETRIES).setSecret("dropped", "x")).rejects.toMatchObject({ code: "ECONNRESET" });
    await control("DELETE", "/faults");
    await expect(secrets().getSecret("dropped")).rejects.toMatchObject({ statusCode: 404 });
  });

  test("dropReply: the connection ends although the secret was set", async () => {
    await fault({ service: "key-vault", method: "PUT", path: "^/secrets/lost", dropReply: true, times: 1 });
    const bearer = {
      authorization: `Bearer ${await tokenOf(azure, "latchkey-service", "https://vault.azure.net/.default")}`,
    };
    const url = `${VAULT}/secrets/lost?api-version=2025-07-01`;
    const headers = { ...bearer, "content-type": "application/json" };
    const sent = rawRequest(azure, { method: "PUT", url, headers, body: JSON.stringify({ value: "x" }) });
    await expect(sent).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await secrets().getSecret("lost")).value).toBe("x");
    expect(await requests("key-vault")).toMatchObject([{ method: "PUT", status: null }, {}, { status: 200 }]);
  });

  test("dropReply: a blob is stored although the upload got no answer", async () => {
    const account = "https://latchkeystate.blob.core.windows.net";
    const credential = credentialOf(azure, "latchkey-service");
    const container = new BlobServiceClient(account, credential).getContainerClient("lost");
    await container.create();
    await fault({ host: "latchkeystate.blob.core.windows.net", method: "PUT", dropReply: true, times: 1 });
    const once = new BlobServiceClient(account, credential, { retryOptions: { maxTries: 1 } });
    const upload = once.getContainerClient("lost").getBlockBlobClient("a").upload("stored", 6);
    await expect(upload).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await container.getBlockBlobClient("a").downloadToBuffer()).toString()).toBe("stored");
  });

  test("latencyMs: delays the request, which is then answered as ever", async () => {
    await fault({ service: "entra", latencyMs: 300 });
    expect((await rawRequest(azure, { method: "GET", url: openIdUrl() })).status).toBe(200);
    const [entry] = await requests("entra");
    expect(entry?.ms).toBeGreaterThanOrEqual(299);
  });

  test("rules: the first that matches is applied; a removed rule no longer", async () => {
    const first = await control("POST", "/faults", { service: "entra", path: "openid", status: 500 });
    await fault({ service: "entra", status: 503 });
    const status = async () => (await rawRequest(azure, { method: "GET", url: openIdUrl() })).status;
    expect(await status()).toBe(500);
    expect((await control("DELETE", `/faults/${first.json.id}`)).status).toBe(204);
    expect(await status()).toBe(503);
    expect((await control("DELETE", `/faults/${first.json.id}`)).status).toBe(404);
  });
});

describe("request log", () => {
  test("requests: says what was asked, without query values that may be secret", async () => {
    const url = "https://latchkeystate.blob.core.windows.net/c/b?comp=metadata&sig=top-secret&se=2030";
    await rawRequest(azure, { method: "GET", url, headers: { authorization: "Bearer top-secret" } });
    const { json } = await control("GET", "/requests");
    expect(json.items).toMatchObject([
      {
        service: "storage",
        method: "GET",
        host: "latchkeystate.blob.core.windows.net",
        path: "/c/b",
        query: { comp: "metadata", sig: "*", se: "*" },
      },
    ]);
    expect(JSON.stringify(json)).not.toContain("top-secret");
  });
});

describe("control", () => {
  test.each([
    ["an unknown field", { service: "entra", status: 429, delay: 3 }],
    ["an unknown service", { service: "keyvault", status: 429 }],
    ["no effect", { service: "entra" }],
    ["two effects that exclude each other", { status: 429, drop: true }],
    ["two answers", { status: 503, reply: { status: 200, contentType: "text/html", text: "" } }],
    ["a status that is no fault", { status: 200 }],
    ["a bad pattern", { path: "(", status: 500 }],
    ["times that never hit", { status: 500, times: 0 }],
    ["Retry-After without a status", { latencyMs: 1, retryAfterSeconds: 1 }],
    ["no object", "entra"],
  ])("faults: 400 for %s, and no rule is added", async (_what, rule) => {
    expect((await control("POST", "/faults", rule)).status).toBe(400);
    expect((await control("GET", "/faults")).json.items).toEqual([]);
  });

  test("requests: 400 for an unknown service", async () => {
    expect((await control("GET", "/requests?service=keyvault")).status).toBe(400);
  });

  test.each([
    ["a foreign Host (DNS rebinding)", { host: "evil.example:7081" }, 403],
    ["the Origin of a web page", { origin: "https://evil.example" }, 403],
    ["localhost with a port", { host: "localhost:7081" }, 200],
  ])("control: a request with %s", async (_what, headers, status) => {
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = startRequest(`${azure.controlUrl}/faults`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      outgoing.on("error", reject).end();
    });
    expect(answer).toBe(status);
  });
});

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
