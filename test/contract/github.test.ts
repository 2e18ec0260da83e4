/** GitHub Actions' issuer: what it publishes, what a job gets, and that the service takes it. */
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createCallerVerifier } from "../../shared/azure/caller-token.ts";
import { type Control, createControl } from "../support/control.ts";
import { TENANT } from "../support/fakes.ts";
import { API } from "../support/fakes-tokens.ts";
import { jobNamed, jobToken } from "../support/github-jobs.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { rawRequest } from "../support/raw-request.ts";

const ISSUER = "https://token.actions.githubusercontent.com";
const AUDIENCE = "api://latchkey";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

function newVerifier(setting: { issuer?: string; audience?: string; kind?: "github-actions" | "oidc" } = {}) {
  const github = { name: "github", kind: "github-actions" as const, issuer: ISSUER, audience: AUDIENCE, ...setting };
  const callers = { tenantIds: [TENANT], apiClientId: API, v1Audiences: [], oidcIssuers: [github] };
  const verify = createCallerVerifier({ cloud: "public", callers, fetch, now: () => new Date() });
  return (token: string) => verify(`Bearer ${token}`);
}

describe("the wire", () => {
  test("discovery names the keys, and they verify a job's token", async () => {
    const answer = await fetch(`${ISSUER}/.well-known/openid-configuration`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/.well-known/jwks`,
      id_token_signing_alg_values_supported: ["RS256"],
      claims_supported: expect.arrayContaining(["repository_id", "repository_owner_id", "job_workflow_ref"]),
    });
    const token = await jobToken(azure, "train", AUDIENCE);
    const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks`));
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE });
    expect(protectedHeader).toMatchObject({ alg: "RS256", typ: "JWT", x5t: expect.any(String) });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(300);
  });

  test("a key has the members that GitHub publishes", async () => {
    const answer = await fetch(`${ISSUER}/.well-known/jwks`);
    const { kid } = decodeProtectedHeader(await jobToken(azure, "train", AUDIENCE));
    const text = expect.any(String);
    expect(await answer.json()).toEqual({
      keys: [{ n: text, kty: "RSA", kid, alg: "RS256", e: "AQAB", use: "sig", x5c: [text], x5t: text }],
    });
  });

  test("ids are strings, and the subject has names with numbers", async () => {
    expect(decodeJwt(await jobToken(azure, "train", AUDIENCE))).toMatchObject({
      aud: AUDIENCE,
      sub: "repo:zenml-demo@88676955/vision-training@812345678:ref:refs/heads/main",
      repository: "zenml-demo/vision-training",
      repository_id: "812345678",
      repository_owner_id: "88676955",
      ref: "refs/heads/main",
      job_workflow_ref: "zenml-demo/vision-training/.github/workflows/train.yml@refs/heads/main",
    });
  });

  test("without an audience the token is for the owner's page", async () => {
    expect(decodeJwt(await jobToken(azure, "train")).aud).toBe("https://github.com/zenml-demo");
  });

  test.each([
    ["no token", undefined],
    ["a guess", "bearer guess"],
    ["another job's token", "bearer local-train-impostor-job-request-token"],
  ])("%s asks in vain", async (_what, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await rawRequest(azure, { method: "GET", url: jobNamed(azure, "train").url, headers });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body)).toEqual({ message: expect.any(String) });
  });

  test.each([
    ["GET", `${ISSUER}/login/oauth`, "GET /login/oauth"],
    ["POST", "https://run-actions-1-azure-eastus.actions.githubusercontent.com/29/acquirejob", "POST /29/acquirejob"],
  ])("%s %s is 501 and named", async (method, url, operation) => {
    const answer = await fetch(url, { method });
    expect(answer.status).toBe(501);
    expect(await answer.json()).toEqual({ message: expect.stringContaining(operation) });
  });
});

describe("callers", () => {
  test("a job is taken by the number of its repository", async () => {
    expect(await newVerifier()(await jobToken(azure, "train", AUDIENCE))).toEqual({
      kind: "workload",
      issuer: ISSUER,
      tenantId: "github",
      subject: "812345678",
      id: "github:812345678",
      groups: [],
      roles: ["Latchkey.User"],
    });
  });

  test("a repository that took over the name is another caller", async () => {
    const caller = await newVerifier()(await jobToken(azure, "train-impostor", AUDIENCE));
    expect(caller.id).toBe("github:998877665");
  });

  test("a job's token for Azure is not for us", async () => {
    const token = await jobToken(azure, "train", "api://AzureADTokenExchange");
    await expect(newVerifier()(token)).rejects.toMatchObject({ code: "TOKEN_WRONG_AUDIENCE" });
  });

  test("the issuer that GitHub has under another path is not GitHub's", async () => {
    const verify = newVerifier({ issuer: `${ISSUER}/` });
    await expect(verify(await jobToken(azure, "train", AUDIENCE))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("GitHub's keys take too long: UPSTREAM_TIMEOUT within the bound, not a call that hangs", async () => {
    const token = await jobToken(azure, "train", AUDIENCE);
    await control.fault({ service: "github", path: "/jwks$", latencyMs: 59_000 });
    await expect(newVerifier()(token)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  }, 30_000);

  test("GitHub is down: UPSTREAM_TIMEOUT, and the next call tries again", async () => {
    const verify = newVerifier();
    const token = await jobToken(azure, "train", AUDIENCE);
    await control.fault({ service: "github", status: 503, times: 1 });
    await expect(verify(token)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
    expect(await verify(token)).toMatchObject({ id: "github:812345678" });
  });
});
