/** Azure Resource Manager of the local Azure on the wire: what it refuses, its ids and its headers. SDKs: arm.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";
const SCOPE = `${ARM}/.default`;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let azure: LocalAzure;
let account: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  const group = `/subscriptions/${azure.seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos`;
  account = `${ARM}${group}/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts`;
  token = await tokenOf(azure, "zenml-connector", SCOPE);
});

afterAll(async () => azure?.stop());

/** A request at a URL as it is written. */
const raw = (method: string, url: string, options: Parameters<typeof jsonRequest>[3] = {}) =>
  jsonRequest(azure, method, url, options);
const errorOf = (code: string) => ({ error: { code, message: expect.any(String) } });

describe("checks before any operation", () => {
  test("a missing api-version is refused before the token is looked at", async () => {
    expect(await raw("GET", account)).toMatchObject({ status: 400, json: errorOf("MissingApiVersionParameter") });
  });

  test("an unknown api-version has its own code for ARM and for a resource provider", async () => {
    const provider = await raw("GET", `${account}?api-version=2030-01-01`, { token });
    expect(provider).toMatchObject({ status: 400, json: errorOf("NoRegisteredProviderFound") });
    const own = await raw("GET", `${ARM}/subscriptions?api-version=2030-01-01`, { token });
    expect(own).toMatchObject({ status: 400, json: errorOf("InvalidApiVersionParameter") });
  });

  test("a request without a token learns the tenant from the challenge", async () => {
    const answer = await raw("GET", `${account}?api-version=2026-09-01`);
    expect(answer).toMatchObject({ status: 401, json: errorOf("AuthenticationFailed") });
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer authorization_uri="https://login.windows.net/${azure.seed.tenant.id}", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."`,
    );
  });

  test("every other bad sign-in has its own code", async () => {
    const codeOf = async (headers: Record<string, string>) => {
      const answer = await raw("GET", `${account}?api-version=2026-09-01`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toContain('error="invalid_token"');
      return answer.json;
    };
    const vault = await tokenOf(azure, "zenml-connector", "https://vault.azure.net/.default");
    const [head = "", body = ""] = token.split(".");
    const forged = `${head}.${body}.${Buffer.alloc(256, 1).toString("base64url")}`;
    expect(await codeOf({ authorization: "Basic eDp5" })).toEqual(errorOf("AuthenticationFailedInvalidHeader"));
    expect(await codeOf({ authorization: `Bearer ${vault}` })).toEqual(errorOf("InvalidAuthenticationTokenAudience"));
    expect(await codeOf({ authorization: "Bearer nonsense" })).toEqual(errorOf("InvalidAuthenticationToken"));
    expect(await codeOf({ authorization: `Bearer ${forged}` })).toEqual(errorOf("InvalidAuthenticationToken"));
  });

  test("both audiences of ARM are taken", async () => {
    const core = await tokenOf(azure, "zenml-connector", "https://management.core.windows.net//.default");
    expect((await raw("GET", `${account}?api-version=2022-09-01`, { token: core })).status).toBe(200);
  });

  test("an operation that is not emulated is 501 and named", async () => {
    const url = `${account}/listKeys?api-version=2026-09-01`;
    const answer = await raw("POST", url, { token });
    expect(answer).toMatchObject({ status: 501, json: errorOf("NotImplemented") });
    expect(answer.body).toContain(
      "POST /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Storage/storageAccounts/{}/listKeys",
    );
  });

  test.each([
    ["POST", ""],
    ["PUT", "{"],
    ["PATCH", "[]"],
    ["QUERY", ""],
  ])("%s with the body %j is 501 too", async (method, body) => {
    const headers = { "content-type": "application/json" };
    const answer = await raw(method, `${account}?api-version=2026-09-01`, { token, headers, body });
    expect(answer).toMatchObject({ status: 501, json: errorOf("NotImplemented") });
    expect(answer.body).toContain(`${method} /subscriptions/{}`);
  });

  test("containers: filters by prefix and refuses a page size that is no number", async () => {
    const containers = `${account}/blobServices/default/containers?api-version=2026-09-01`;
    const some = await raw("GET", `${containers}&$filter=demo-`, { token });
    expect(some.json).toMatchObject({ value: [{ name: "demo-zenmlartifactstore" }] });
    const bad = await raw("GET", `${containers}&$maxpagesize=many`, { token });
    expect(bad).toMatchObject({ status: 400, json: errorOf("InvalidValuesForRequestParameters") });
  });
});

describe("headers", () => {
  test("ids of the client come back; the storage provider has its own, in its refusals too", async () => {
    const [correlation, client] = ["0f0e0d0c-0b0a-4908-8706-050403020100", "1f0e0d0c-0b0a-4908-8706-050403020100"];
    const headers = {
      "accept-encoding": "gzip",
      "x-ms-correlation-request-id": correlation,
      "x-ms-client-request-id": client,
      "x-ms-return-client-request-id": "true",
    };
    const found = await raw("GET", `${account}?api-version=2026-09-01`, { token, headers });
    expect(found.headers).toMatchObject({
      vary: "Accept-Encoding",
      "x-ms-client-request-id": client,
      "x-ms-correlation-request-id": correlation,
      "x-ms-routing-request-id": expect.stringContaining(correlation),
    });
    const container = `${account}/blobServices/default/containers/missing?api-version=2026-09-01`;
    const missing = await raw("GET", container, { token });
    const { "x-ms-request-id": id, "x-ms-correlation-request-id": own } = missing.headers;
    expect(id).not.toBe(own);
    expect(missing.body).toMatch(new RegExp(`RequestId:${id}\\\\nTime:[^"]*\\.\\d{7}Z"`));
    expect(missing.headers).not.toHaveProperty("x-ms-client-request-id");
    const refused = (await raw("GET", `${account}x?api-version=2026-09-01`, { token })).headers;
    expect(refused["x-ms-request-id"]).toBe(refused["x-ms-correlation-request-id"]);
  });

  test("answers carry ARM's headers", async () => {
    const { headers } = await raw("GET", `${account}?api-version=2026-09-01`, { token });
    expect(headers).toMatchObject({
      "cache-control": "no-cache",
      pragma: "no-cache",
      expires: "-1",
      "content-type": "application/json",
      "x-ms-request-id": expect.stringMatching(GUID),
      "x-ms-correlation-request-id": expect.stringMatching(GUID),
      "x-ms-routing-request-id": expect.stringMatching(/^WESTEUROPE:\d{8}T\d{6}Z:[0-9a-f-]{36}$/),
      "x-ms-ratelimit-remaining-subscription-reads": expect.stringMatching(/^\d+$/),
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-content-type-options": "nosniff",
    });
    const missing = await raw("GET", `${account}x?api-version=2026-09-01`, { token });
    expect(missing.headers["x-ms-failure-cause"]).toBe("gateway");
    expect(missing.headers["content-type"]).toBe("application/json; charset=utf-8");
  });
});
