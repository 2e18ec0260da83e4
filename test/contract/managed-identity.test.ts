/** The managed identity endpoint of the app: on the wire and with the SDK's own credential. */
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const SUBSCRIPTION = "3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840";
const ARM = "https://management.azure.com";
const CLIENT_ID = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25";
const PRINCIPAL_ID = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f26";
const RESOURCE_ID = `/subscriptions/${SUBSCRIPTION}/resourcegroups/latchkey/providers/Microsoft.ManagedIdentity/userAssignedIdentities/latchkey-app-identity`;
/** An identity of the tenant that is not attached to the app. */
const FOREIGN_CLIENT_ID = "f17e0001-71d1-4e5e-8a01-7c8d9e0f1a2b";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

describe("ManagedIdentityCredential", () => {
  test.each([
    ["clientId", () => new ManagedIdentityCredential({ clientId: CLIENT_ID })],
    ["objectId", () => new ManagedIdentityCredential({ objectId: PRINCIPAL_ID })],
    ["resourceId", () => new ManagedIdentityCredential({ resourceId: RESOURCE_ID.toUpperCase() })],
  ])("gets a day-long token by %s, with the claims that tell a managed identity", async (_name, credential) => {
    const { token, expiresOnTimestamp } = await credential().getToken(`${ARM}/.default`);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      aud: ARM,
      iss: `https://sts.windows.net/${TENANT}/`,
      appid: CLIENT_ID,
      appidacr: "2",
      idtyp: "app",
      oid: PRINCIPAL_ID,
      sub: PRINCIPAL_ID,
      tid: TENANT,
      ver: "1.0",
      xms_mirid: RESOURCE_ID,
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(86_700);
    expect(Math.abs(expiresOnTimestamp / 1000 - Number(claims.exp))).toBeLessThan(60);
  });

  test("gets for the token exchange what the keys of the tenant verify", async () => {
    const credential = new ManagedIdentityCredential({ clientId: CLIENT_ID });
    const { token } = await credential.getToken("api://AzureADTokenExchange/.default");
    const login = `https://login.microsoftonline.com/${TENANT}`;
    const keys = createRemoteJWKSet(new URL(`${login}/discovery/v2.0/keys`));
    const expected = { issuer: `${login}/v2.0`, audience: "fb60f99c-7a34-4190-8149-302f77469936" };
    expect((await jwtVerify(token, keys, expected)).payload.sub).toBe(PRINCIPAL_ID);
  });

  test.each([
    ["that is not attached to the app", { clientId: FOREIGN_CLIENT_ID }],
    ["that nobody has", { clientId: TENANT }],
    ["of the system, which the app has not", {}],
  ])("is told that there is no identity %s", async (_what, options) => {
    const credential = new ManagedIdentityCredential(options);
    await expect(credential.getToken(`${ARM}/.default`)).rejects.toMatchObject({
      name: "CredentialUnavailableError",
      message: expect.stringContaining("No User Assigned or Delegated Managed Identity found"),
      cause: expect.objectContaining({ status: 400 }),
    });
  });
});

test("a DefaultAzureCredential that is pinned to the environment does not ask the endpoint", async () => {
  const settings = {
    AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: "51c3f0aa-7a0b-4c8a-9f0a-4f3e2d1c0b14",
    AZURE_CLIENT_SECRET: "local-latchkey-service-secret",
  };
  const before = { ...process.env };
  Object.assign(process.env, settings);
  try {
    const { token } = await new DefaultAzureCredential().getToken(`${ARM}/.default`);
    expect(decodeJwt(token)).toMatchObject({ appid: settings.AZURE_CLIENT_ID, appidacr: "1" });
  } finally {
    process.env = before;
  }
});

describe("the wire", () => {
  const ask = (query: string, header: string | undefined = azure.appEnv.IDENTITY_HEADER, path = "") =>
    fetch(`${azure.appEnv.IDENTITY_ENDPOINT}${path}?api-version=2019-08-01${query}`, {
      headers: header === "" ? {} : { "X-IDENTITY-HEADER": header },
    });

  test.each(["client_id", "principal_id", "object_id", "mi_res_id"])(
    "an answer by %s has strings only",
    async (name) => {
      const value = { client_id: CLIENT_ID, mi_res_id: RESOURCE_ID }[name] ?? PRINCIPAL_ID;
      const answer = await ask(`&resource=https://vault.azure.net&${name}=${value}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(await answer.json()).toEqual({
        access_token: expect.any(String),
        client_id: CLIENT_ID,
        expires_on: expect.stringMatching(/^\d{10}$/),
        resource: "https://vault.azure.net",
        token_type: "Bearer",
      });
    },
  );

  test("the endpoint may be written with a slash at its end", async () => {
    expect((await ask(`&resource=${ARM}/&client_id=${CLIENT_ID}`, undefined, "/")).status).toBe(200);
  });

  test.each(["", "guess"])("the secret %j gets nothing", async (header) => {
    const answer = await ask(`&resource=${ARM}&client_id=${CLIENT_ID}`, header);
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain("access_token");
  });

  test.each([
    ["two names of an identity", `&resource=${ARM}&client_id=${CLIENT_ID}&object_id=${PRINCIPAL_ID}`],
    ["one name twice", `&resource=${ARM}&client_id=${CLIENT_ID}&client_id=${CLIENT_ID}`],
    ["a principal id as client id", `&resource=${ARM}&client_id=${PRINCIPAL_ID}`],
    ["no resource", `&client_id=${CLIENT_ID}`],
    ["an unknown resource", `&resource=api://nothing&client_id=${CLIENT_ID}`],
  ])("%s: 400, not in the form of OAuth", async (_what, query) => {
    const answer = await ask(query);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      statusCode: 400,
      message: expect.any(String),
      correlationId: expect.any(String),
    });
  });

  test("a planned fault is answered in the endpoint's own form", async () => {
    const control = createControl(azure);
    await control.fault({ service: "managed-identity", status: 503, times: 1 });
    const answer = await ask(`&resource=${ARM}&client_id=${CLIENT_ID}`);
    expect(await control.clear()).toBe(1);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ statusCode: 503, message: expect.any(String) });
  });

  test("the older protocol and other paths are 501", async () => {
    const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = azure.appEnv;
    const headers = { "X-IDENTITY-HEADER": IDENTITY_HEADER };
    const old = await fetch(`${IDENTITY_ENDPOINT}?api-version=2017-09-01&resource=${ARM}`, { headers });
    const other = await fetch(new URL("/metadata/identity/oauth2/token", IDENTITY_ENDPOINT), { headers });
    expect([old.status, other.status]).toEqual([501, 501]);
  });
});
