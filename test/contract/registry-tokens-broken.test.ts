/** Registries that misbehave, or would send their tokens elsewhere, and their lists of repositories, over the local Azure. */
import { createHttpHeaders, type HttpClient } from "@azure/core-rest-pipeline";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createRegistryTokens } from "../../shared/azure/registry-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { HANG_MS, signInOf } from "../support/product-parts.ts";
import { abac, accessIn, LEGACY, legacy, now, openTokens, PULL } from "../support/registry-client.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const refusal = { code: "UPSTREAM_REFUSED", retryable: false };

describe("the list of repositories", () => {
  test("is whole, in order, and no longer than asked for", async () => {
    const [tokens, at] = [openTokens(), legacy(azure)];
    const all = await tokens.listRepositories(at, 1_000);
    expect(all).toEqual(["speech/asr", "vision/serve", "vision/train", "zenml", "zenml-pipelines"]);
    expect(await tokens.listRepositories(at, 2)).toEqual(all.slice(0, 2));
  });

  test("is followed over pages", async () => {
    const page = (next: string) => ({
      status: 200,
      headers: { "content-type": "application/json", ...(next !== "" && { link: `<${next}>; rel="next"` }) },
    });
    const first = { ...page("/acr/v1/_catalog?last=b&n=2&orderby="), text: '{"repositories":["a","b"]}' };
    const second = { ...page(""), text: '{"repositories":null}' };
    const { tokens, urls } = answering([first, second]);
    expect(await tokens.listRepositories(legacy(azure), 10)).toEqual(["a", "b"]);
    expect(urls.at(-1)).toBe(`https://${LEGACY.loginServer}/acr/v1/_catalog?last=b&n=2&orderby=`);
  });

  test.each([
    "https://evil.example/acr/v1/_catalog?last=b",
    "//evil.example/acr/v1/_catalog",
    "https://researchabacregistry.azurecr.io/acr/v1/_catalog",
    "http://demozenmlcontainerregistry.azurecr.io/acr/v1/_catalog",
    "https://user@demozenmlcontainerregistry.azurecr.io/acr/v1/_catalog",
    "https://demozenmlcontainerregistry.azurecr.io:8443/acr/v1/_catalog",
    "/v2/_catalog",
    "/acr/v1/_catalog/../../oauth2/token",
  ])("is not followed to %s", async (next) => {
    const headers = { "content-type": "application/json", link: `<${next}>; rel="next"` };
    const { tokens, urls } = answering([{ status: 200, headers, text: '{"repositories":["a"]}' }]);
    await expect(tokens.listRepositories(legacy(azure), 10)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(urls.filter((url) => url.includes("_catalog"))).toHaveLength(1);
  });

  test("that never ends is given up, not cut", async () => {
    const headers = { "content-type": "application/json", link: '</acr/v1/_catalog?last=a>; rel="next"' };
    const { tokens } = answering(
      Array.from({ length: 200 }, () => ({ status: 200, headers, text: '{"repositories":["a"]}' })),
    );
    await expect(tokens.listRepositories(legacy(azure), 1_000)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test("of a registry in ABAC mode takes a role of its own, which the refusal names", async () => {
    await expect(openTokens().listRepositories(abac(azure), 10)).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining("Catalog Lister"),
    });
  });
});

describe("a registry that misbehaves", () => {
  test.each(["exchange", "token"])("%s: 429 and 503 may be tried again when it says so", async (endpoint) => {
    for (const status of [429, 503] as const) {
      await control.fault({ service: "registry", path: `^/oauth2/${endpoint}`, status, retryAfterSeconds: 60 });
      await expect(openTokens().issueRegistryToken(legacy(azure), ["zenml"], ["read"])).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
        retryable: true,
        retryAfterSeconds: 60,
      });
      await control.clear();
    }
  });

  test("a short outage is sat out", async () => {
    await control.fault({ service: "registry", status: 503, times: 2 });
    const { token } = await openTokens().issueRegistryToken(legacy(azure), ["zenml"], ["read"]);
    expect(accessIn(token)).toEqual(PULL);
  });

  test("and hangs is UPSTREAM_TIMEOUT", { timeout: 2 * HANG_MS }, async () => {
    await control.fault({ service: "registry", path: "^/oauth2/token", latencyMs: HANG_MS });
    await expect(openTokens().issueRegistryToken(legacy(azure), ["zenml"], ["read"])).rejects.toMatchObject({
      code: "UPSTREAM_TIMEOUT",
    });
  });

  test.each([
    ["a page of something in between", "text/html", "<html>no</html>"],
    ["an empty answer", "application/json", ""],
    ["no token", "application/json", '{"refresh_token":""}'],
    ["what is no token", "application/json", '{"refresh_token":"abc","access_token":"abc"}'],
    ["half an answer", "application/json", '{"refresh_token":"a'],
  ])("with %s is refused", async (_what, contentType, text) => {
    await control.fault({ service: "registry", reply: { status: 200, contentType, text } });
    await expect(openTokens().issueRegistryToken(legacy(azure), ["zenml"], ["read"])).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
    });
    await expect(openTokens().issueRefreshToken(legacy(azure))).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test.each([301, 302, 307, 308])("%d to another host or place gets no token", async (status) => {
    for (const location of ["https://evil.example/oauth2/exchange", "/oauth2/other"]) {
      const urls: string[] = [];
      const tokens = createRegistryTokens(
        { identities: createConnectorIdentities(), now },
        {
          httpClient: {
            async sendRequest(request) {
              urls.push(request.url);
              return { request, status, headers: createHttpHeaders({ location }), bodyAsText: "" };
            },
          },
        },
      );
      await expect(tokens.issueRefreshToken(legacy(azure))).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
      expect(new Set(urls)).toEqual(new Set([`https://${LEGACY.loginServer}/oauth2/exchange`]));
    }
  });

  test.each([
    "evil.example",
    "researchabacregistry.azurecr.io",
    "demozenmlcontainerregistryx.azurecr.io",
    "demozenmlcontainerregistry.azurecr.io.evil.example",
    "demozenmlcontainerregistry-.azurecr.io",
    "demozenmlcontainerregistry-a-b.azurecr.io",
    "demozenmlcontainerregistry.azurecr.cn",
    "demozenmlcontainerregistry.azurecr.io:8443",
    "demozenmlcontainerregistry.azurecr.io/x",
    "x@demozenmlcontainerregistry.azurecr.io",
    "demozenmlcontainerregistry.blob.core.windows.net",
    "",
  ])("whose host would be %j is sent nothing, and no token is asked for", async (loginServer) => {
    let isAsked = false;
    const identities = () => ({
      async getToken() {
        isAsked = true;
        return null;
      },
    });
    const at = { registry: { ...LEGACY, loginServer }, signIn: signInOf(azure, "zenml-connector") };
    const issuing = createRegistryTokens({ identities, now }).issueRefreshToken(at);
    await expect(issuing).rejects.toMatchObject(refusal);
    expect(isAsked).toBe(false);
  });

  test("a host with the hash that Azure adds is the registry's own", async () => {
    const loginServer = "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io";
    const at = { registry: { ...LEGACY, loginServer }, signIn: signInOf(azure, "stranger") };
    await expect(openTokens().issueRefreshToken(at)).rejects.toMatchObject({ failure: { status: 401 } });
  });
});

/** A registry whose token endpoints are the local Azure's, and whose list answers as given. */
function answering(
  pages: readonly { readonly status: number; readonly headers: Record<string, string>; readonly text: string }[],
) {
  const urls: string[] = [];
  let at = 0;
  const httpClient: HttpClient = {
    async sendRequest(request) {
      urls.push(request.url);
      if (request.url.includes("_catalog")) {
        const { status = 404, headers = {}, text = "" } = pages[at++] ?? {};
        return { request, status, headers: createHttpHeaders(headers), bodyAsText: text };
      }
      const body = typeof request.body === "string" ? request.body : null;
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const response = await fetch(request.url, { method: request.method, body, headers });
      const answer = createHttpHeaders({ "content-type": "application/json" });
      return { request, status: response.status, headers: answer, bodyAsText: await response.text() };
    },
  };
  return { urls, tokens: createRegistryTokens({ identities: createConnectorIdentities(), now }, { httpClient }) };
}
