/** The local Entra on the wire and with the SDK: discovery, tokens, refusals. */
import { ClientSecretCredential, UsernamePasswordCredential } from "@azure/identity";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const LOGIN = "https://login.microsoftonline.com";
const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const DOMAIN = "zenmldemo.onmicrosoft.com";
const OTHER_TENANT = "11111111-2222-4333-8444-555555555555";
const LATCHKEY_ID = "6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10";
const AUTOMATION = "c0ffee00-5c1e-4d2f-8a3b-4c5d6e7f8017";
const AUTOMATION_SECRET = "local-platform-automation-secret";
const CLI = "3d0e7c52-9d0f-4a55-8a35-0d8d6c3c2b12";
const CORRELATION_ID = "0f0e0d0c-0b0a-4908-8706-050403020100";

const document = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${LOGIN}${path}`, { method: "POST", body: new URLSearchParams(form), headers });
const appForm = {
  grant_type: "client_credentials",
  client_id: AUTOMATION,
  client_secret: AUTOMATION_SECRET,
  scope: "https://management.azure.com/.default",
};

describe("@azure/identity", () => {
  test("gets an application's token with nothing but tenant, client and secret", async () => {
    const credential = new ClientSecretCredential(TENANT, AUTOMATION, AUTOMATION_SECRET);
    const { token, expiresOnTimestamp } = await credential.getToken("https://vault.azure.net/.default");
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ aud: "https://vault.azure.net", appid: AUTOMATION, tid: TENANT, ver: "1.0" });
    expect(Math.abs(expiresOnTimestamp / 1000 - Number(claims.exp))).toBeLessThan(60);
  });

  test("gets a day-long token when it declares continuous access evaluation", async () => {
    const credential = new ClientSecretCredential(TENANT, AUTOMATION, AUTOMATION_SECRET);
    const { token } = await credential.getToken("https://vault.azure.net/.default", { enableCae: true });
    const { exp, nbf, xms_cc } = decodeJwt(token);
    expect(Number(exp) - Number(nbf)).toBe(86_700);
    expect(xms_cc).toEqual(["cp1"]);
  });

  test("signs a user in with a password, at the domain's name too", async () => {
    const name = "admin@zenmldemo.onmicrosoft.com";
    const credential = new UsernamePasswordCredential(DOMAIN, CLI, name, "local-admin-password");
    const { token } = await credential.getToken("api://latchkey/.default");
    expect(decodeJwt(token)).toMatchObject({
      aud: LATCHKEY_ID,
      idtyp: "user",
      preferred_username: name,
      roles: ["Latchkey.Admin", "Latchkey.User"],
      scp: "user_impersonation",
    });
  });

  test.each([
    ["a wrong secret", TENANT, AUTOMATION, "AADSTS7000215"],
    ["an unknown client", TENANT, OTHER_TENANT, "AADSTS700016"],
    ["an unknown tenant", OTHER_TENANT, AUTOMATION, "AADSTS90002"],
  ])("shows %s with Entra's code", async (_what, tenant, client, code) => {
    const credential = new ClientSecretCredential(tenant, client, "guess");
    await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toMatchObject({
      name: "AuthenticationRequiredError",
      message: expect.stringContaining(code),
    });
  });
});

describe("jose", () => {
  test.each([
    ["v2", "/v2.0/.well-known/openid-configuration", "api://latchkey/.default", LATCHKEY_ID],
    ["v1", "/.well-known/openid-configuration", "https://storage.azure.com/.default", "https://storage.azure.com"],
  ])("verifies a %s token by the keys and the issuer of discovery", async (_version, path, scope, audience) => {
    const answer = await fetch(`${LOGIN}/${TENANT}${path}`);
    const { issuer, jwks_uri } = document.parse(await answer.json());
    const credential = new ClientSecretCredential(TENANT, AUTOMATION, AUTOMATION_SECRET);
    const { token } = await credential.getToken(scope);
    const keys = createRemoteJWKSet(new URL(jwks_uri));
    const { payload } = await jwtVerify(token, keys, { issuer, audience });
    expect(payload.tid).toBe(TENANT);
  });
});

describe("the wire", () => {
  test("a token answer has Entra's members and headers", async () => {
    const answer = await post(`/${TENANT}/oauth2/v2.0/token`, {
      ...appForm,
      "x-client-current-telemetry": "5|771,2,,,|,",
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      token_type: "Bearer",
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: expect.any(String),
    });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "no-store, no-cache",
      "content-type": "application/json; charset=utf-8",
      expires: "-1",
      p3p: 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
      pragma: "no-cache",
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-content-type-options": "nosniff",
      "x-ms-clitelem": "1,0,0,,",
      "x-ms-ests-server": expect.any(String),
      "x-ms-request-id": expect.stringMatching(/^[0-9a-f-]{34}00$/),
      "x-ms-srs": "1.P",
    });
    expect(answer.headers.getSetCookie()).toHaveLength(3);
  });

  test("a refusal repeats the request's ids and does not show the secret", async () => {
    const form = { ...appForm, client_secret: "a-guess-that-must-not-come-back", "client-request-id": CORRELATION_ID };
    const answer = await post(`/${TENANT}/oauth2/v2.0/token`, form);
    expect(answer.headers.has("client-request-id")).toBe(false);
    const text = await answer.text();
    expect(answer.status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({
      error: "invalid_client",
      error_codes: [7000215],
      correlation_id: CORRELATION_ID,
      trace_id: answer.headers.get("x-ms-request-id"),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/),
      error_uri: `${LOGIN}/error?code=7000215`,
    });
    expect(text).toContain("\\r\\nTrace ID: ");
    expect(text).not.toContain("a-guess-that-must-not-come-back");
  });

  test("a client's id and telemetry in headers come back in headers", async () => {
    const headers = { "client-request-id": CORRELATION_ID, "x-client-current-telemetry": "4|730,0|" };
    const answer = await post(`/${TENANT}/oauth2/v2.0/token`, {}, headers);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("client-request-id")).toBe(CORRELATION_ID);
    expect(answer.headers.get("x-ms-clitelem")).toBe("1,900144,0,,");
  });

  test("HTTP Basic is 501 and named", async () => {
    const authorization = `Basic ${Buffer.from(`${AUTOMATION}:${AUTOMATION_SECRET}`).toString("base64")}`;
    const answer = await post(`/${DOMAIN}/oauth2/v2.0/token`, { grant_type: "client_credentials" }, { authorization });
    expect(answer.status).toBe(501);
    expect(await answer.json()).toMatchObject({ error_description: expect.stringContaining("with HTTP Basic") });
  });

  test("v1 answers in strings", async () => {
    const form = { ...appForm, resource: "https://management.core.windows.net/" };
    const answer = await post(`/${DOMAIN}/oauth2/token`, form);
    expect(await answer.json()).toMatchObject({
      expires_in: "3599",
      expires_on: expect.stringMatching(/^\d{10}$/),
      resource: "https://management.core.windows.net/",
    });
  });

  test("JSON instead of a form has no parameters", async () => {
    const answer = await fetch(`${LOGIN}/${TENANT}/oauth2/v2.0/token`, {
      method: "POST",
      body: JSON.stringify(appForm),
      headers: { "content-type": "application/json" },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: "invalid_request", error_codes: [900144] });
  });

  test("an unknown tenant: `invalid_tenant` at discovery, `invalid_request` at the token endpoint", async () => {
    const discovery = await fetch(`${LOGIN}/${OTHER_TENANT}/v2.0/.well-known/openid-configuration`);
    expect(discovery.status).toBe(400);
    expect(discovery.headers.get("cache-control")).toBe("private");
    expect(await discovery.json()).toMatchObject({ error: "invalid_tenant", error_codes: [90002] });
    const token = await post(`/${OTHER_TENANT}/oauth2/v2.0/token`, appForm);
    expect(token.status).toBe(400);
    expect(await token.json()).toMatchObject({ error: "invalid_request", error_codes: [90002] });
  });

  test.each([
    `${LOGIN}/common/v2.0/.well-known/openid-configuration`,
    `${LOGIN}/common/discovery/keys`,
    `${LOGIN}/common/discovery/instance?api-version=1.1&authorization_endpoint=${LOGIN}/common/oauth2/authorize`,
    `https://login.windows.net/${TENANT}/.well-known/openid-configuration`,
    `https://sts.windows.net/${TENANT}/.well-known/openid-configuration`,
  ])("GET %s can be kept for a day and read from any page", async (url) => {
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("max-age=86400, private");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  });

  test.each([
    ["GET", `/${TENANT}/oauth2/v2.0/authorize?state=secret`, "GET /{tenant}/oauth2/v2.0/authorize"],
    ["POST", "/common/oauth2/devicecode", "POST /common/oauth2/devicecode"],
  ])("%s %s is 501 and names the operation, without its parameters", async (method, path, operation) => {
    const answer = await fetch(`${LOGIN}${path}`, { method });
    expect(answer.status).toBe(501);
    const body: unknown = await answer.json();
    expect(body).toMatchObject({ error: "not_implemented", error_description: expect.stringContaining(operation) });
    expect(JSON.stringify(body)).not.toContain("secret");
  });
});
