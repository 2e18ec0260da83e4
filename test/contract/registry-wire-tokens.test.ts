/** Token endpoints of the local container registries: who gets a token, for what, and how the others are refused. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import { decodeJwt, decodeProtectedHeader, importX509, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import {
  ABAC_REGISTRY,
  accessTokenFor,
  basic,
  exchangeOf,
  LABELLED_REGISTRY,
  memberOf,
  postForm,
  REGISTRY,
  REGISTRY_SCOPE,
  refreshTokenOf,
  TOKEN_USER,
} from "../support/registry-requests.ts";

const ARM_SCOPE = "https://management.azure.com/.default";
const PULL = "repository:vision/train:pull";
const REFUSED = { status: 401, json: { errors: [{ code: "UNAUTHORIZED", message: expect.any(String) }] } };

let azure: LocalAzure;
let refresh: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  refresh = await refreshTokenOf(azure, "zenml-connector");
});
afterAll(async () => azure?.stop());

const accessOf = (token: string) => decodeJwt(token).access;
const byBasic = (user: string, password: string, query = "", host = REGISTRY) =>
  jsonRequest(azure, "GET", `https://${host}/oauth2/token?service=${host}${query}`, { headers: basic(user, password) });

describe("exchange", () => {
  test("the answer is a refresh token and nothing else, for three hours and this registry", async () => {
    const answer = await exchangeOf(azure, "zenml-connector");
    expect(answer.status).toBe(200);
    expect(Object.keys(Object(answer.json))).toEqual(["refresh_token"]);
    const claims = decodeJwt(memberOf(answer, "refresh_token"));
    expect(claims).toMatchObject({
      iss: "Azure Container Registry",
      aud: REGISTRY,
      version: "1.0",
      grant_type: "refresh_token",
      tenant: azure.seed.tenant.id,
      permissions: { actions: ["read", "write", "metadata/read"] },
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(10_800);
    expect(claims).not.toHaveProperty("aad_identity");
  });

  test("a registry in ABAC mode names the caller in the place of permissions", async () => {
    const claims = decodeJwt(await refreshTokenOf(azure, "research-connector", ABAC_REGISTRY));
    expect(claims).toHaveProperty("aad_identity");
    expect(claims).not.toHaveProperty("permissions");
  });

  test("tokens for ARM are good where the registry takes them", async () => {
    expect(await exchangeOf(azure, "zenml-connector", REGISTRY, ARM_SCOPE)).toMatchObject({ status: 200 });
    expect(await exchangeOf(azure, "research-connector", ABAC_REGISTRY, ARM_SCOPE)).toMatchObject(REFUSED);
  });

  test.each([
    ["a caller without a role", "stranger", REGISTRY, undefined],
    ["a caller without a role there", "zenml-connector", ABAC_REGISTRY, undefined],
    ["a token for another service", "zenml-connector", REGISTRY, "https://storage.azure.com/.default"],
  ])("%s is refused", async (_what, application, host, scope) => {
    const answer = await exchangeOf(azure, application, host, scope);
    expect(answer).toMatchObject(REFUSED);
    expect(answer.json).not.toHaveProperty("errors.0.detail");
  });

  test("a registry takes tokens of its own tenant alone", async () => {
    const application = azure.seed.applications.find(({ name }) => name === "zenml-multitenant");
    const [partner] = azure.seed.otherTenants;
    const service = "zenmlpartnerregistry.azurecr.io";
    const exchangeFrom = async (tenantId = "") => {
      const credential = new ClientSecretCredential(tenantId, application?.clientId ?? "", application?.secret ?? "");
      const access_token = (await credential.getToken(REGISTRY_SCOPE)).token;
      return postForm(azure, `https://${service}/oauth2/exchange`, {
        grant_type: "access_token",
        service,
        access_token,
      });
    };
    expect(await exchangeFrom(partner?.id)).toMatchObject({ status: 200 });
    expect(await exchangeFrom(azure.seed.tenant.id)).toMatchObject(REFUSED);
  });

  test("forged and missing tokens, and another service's name, are refused", async () => {
    const url = `https://${REGISTRY}/oauth2/exchange`;
    const form = { grant_type: "access_token", service: REGISTRY };
    const good = await tokenOf(azure, "zenml-connector", ARM_SCOPE);
    const forged = `${good.slice(0, good.lastIndexOf("."))}.${"A".repeat(342)}`;
    const changes: Record<string, string>[] = [{}, { access_token: "x" }, { access_token: forged }];
    for (const change of changes) {
      expect(await postForm(azure, url, { ...form, ...change })).toMatchObject(REFUSED);
    }
    const elsewhere = { ...form, service: LABELLED_REGISTRY, access_token: good };
    expect(await postForm(azure, url, elsewhere)).toMatchObject(REFUSED);
    expect(await postForm(azure, url, { service: REGISTRY, access_token: good })).toMatchObject({ status: 400 });
    expect(await jsonRequest(azure, "GET", url)).toMatchObject({ status: 404 });
  });
});

describe("token", () => {
  test("an access token holds what was asked and allowed, for 75 minutes", async () => {
    const token = await accessTokenFor(azure, refresh, "repository:vision/train:pull,delete");
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ aud: REGISTRY, grant_type: "access_token", roles: [] });
    expect(claims.access).toEqual([{ type: "repository", name: "vision/train", actions: ["pull"] }]);
    expect(Number(claims.exp) - Number(claims.iat)).toBe(4_500);
    expect(claims.nbf).toBe(claims.iat);
  });

  test("its certificate is in its header and in the state folder", async () => {
    const token = await accessTokenFor(azure, refresh, PULL);
    const pem = readFileSync(join(azure.stateDir, "certificates", "registry-tokens.pem"), "utf8");
    await expect(jwtVerify(token, await importX509(pem, "RS256"))).resolves.toBeDefined();
    const [certificate] = decodeProtectedHeader(token).x5c ?? [];
    expect(pem.replace(/-----.*-----|\s/g, "")).toBe(certificate);
  });

  test("several scopes may come in one value or in several; what is not allowed is left out", async () => {
    const entries = [
      { type: "registry", name: "catalog", actions: ["*"] },
      { type: "repository", name: "zenml", actions: ["pull", "push"] },
    ];
    const scopes = ["registry:catalog:*", "repository:zenml:pull,push", "repository:zenml:own", "repository:Bad:pull"];
    expect(accessOf(await accessTokenFor(azure, refresh, scopes.join(" ")))).toEqual(entries);
    expect(accessOf(await accessTokenFor(azure, refresh, scopes))).toEqual(entries);
    expect(accessOf(await accessTokenFor(azure, refresh, []))).toEqual([]);
  });

  test("in ABAC mode roles are read for each repository, and none stands for all of them", async () => {
    const token = await refreshTokenOf(azure, "research-connector", ABAC_REGISTRY);
    const scope = "repository:vision/train:pull,push,metadata_read repository:*:* registry:catalog:*";
    expect(accessOf(await accessTokenFor(azure, token, scope, ABAC_REGISTRY))).toEqual([
      { type: "repository", name: "vision/train", actions: ["pull", "metadata_read"] },
    ]);
  });

  test("a refresh token is good at its own registry alone, and an access token is none", async () => {
    const access = await accessTokenFor(azure, refresh, PULL);
    for (const [host, refresh_token] of [
      [LABELLED_REGISTRY, refresh],
      [REGISTRY, access],
      [REGISTRY, ""],
      [REGISTRY, `${refresh}x`],
    ] as const) {
      const form = { grant_type: "refresh_token", scope: PULL, service: host, refresh_token };
      expect(await postForm(azure, `https://${host}/oauth2/token`, form)).toMatchObject(REFUSED);
    }
  });

  test("clients without a credential get a token that may do nothing", async () => {
    const form = { grant_type: "password", service: REGISTRY, scope: PULL };
    const answer = await postForm(azure, `https://${REGISTRY}/oauth2/token`, form);
    expect(accessOf(memberOf(answer, "access_token"))).toEqual([]);
  });

  test("docker's way: a refresh token in the place of a password", async () => {
    const query = `&account=${TOKEN_USER}&scope=${PULL}&scope=repository:zenml:pull`;
    const answer = await byBasic(TOKEN_USER, refresh, query);
    expect(accessOf(memberOf(answer, "access_token"))).toHaveLength(2);
    expect(Object.keys(Object(answer.json))).toEqual(["access_token"]);
    expect(accessOf(memberOf(await byBasic(TOKEN_USER, refresh), "access_token"))).toEqual([]);
  });

  test("an access token in the place of a password gives no more, and no longer, than it has", async () => {
    const access = await accessTokenFor(azure, refresh, PULL);
    const answer = await byBasic(TOKEN_USER, access, `&scope=${PULL},push&scope=repository:zenml:pull`);
    const token = memberOf(answer, "access_token");
    expect(accessOf(token)).toEqual([{ type: "repository", name: "vision/train", actions: ["pull"] }]);
    expect(decodeJwt(token).exp).toBe(decodeJwt(access).exp);
  });

  test("unknown users, the administrator and nobody are refused", async () => {
    expect(await byBasic("no-such-token", "x", `&scope=${PULL}`)).toMatchObject(REFUSED);
    expect(await byBasic(TOKEN_USER, "x", `&scope=${PULL}`)).toMatchObject(REFUSED);
    const admin = "researchadminregistry";
    expect(await byBasic(admin, "x", "", `${admin}.azurecr.io`)).toMatchObject(REFUSED);
    const url = `https://${REGISTRY}/oauth2/token?service=${REGISTRY}&scope=${PULL}`;
    expect(await jsonRequest(azure, "GET", url)).toMatchObject(REFUSED);
  });
});

describe("misbehaviour on demand", () => {
  const headers = { "content-type": "application/json" };
  afterEach(async () => {
    await fetch(`${azure.controlUrl}/registry`, { method: "DELETE" });
  });
  const set = (grants: string) =>
    fetch(`${azure.controlUrl}/registry`, { method: "PATCH", headers, body: JSON.stringify({ grants }) });

  test.each([
    ["more", [{ name: "vision/train", actions: ["pull", "push", "delete", "metadata_read", "metadata_write"] }]],
    ["less", []],
    [
      "other",
      [
        { name: "vision/train", actions: ["pull"] },
        { name: "unasked/repository", actions: ["pull"] },
      ],
    ],
  ])("access tokens hold %s than was asked", async (grants, expected) => {
    expect(await (await set(grants)).json()).toMatchObject({ grants });
    const entries = expected.map((one) => ({ type: "repository", ...one }));
    expect(accessOf(await accessTokenFor(azure, refresh, PULL))).toEqual(entries);
  });

  test("an unknown setting is refused", async () => {
    expect((await set("all")).status).toBe(400);
  });

  test("planned faults have the registry's form", async () => {
    const rule = { service: "registry", path: "/oauth2/token", status: 429, retryAfterSeconds: 3, times: 1 };
    await fetch(`${azure.controlUrl}/faults`, { method: "POST", headers, body: JSON.stringify(rule) });
    const answer = await postForm(azure, `https://${REGISTRY}/oauth2/token`, {});
    expect(answer).toMatchObject({ status: 429, json: { errors: [{ code: "TOOMANYREQUESTS" }] } });
    expect(answer.headers).toMatchObject({ "retry-after": "3", "docker-distribution-api-version": "registry/2.0" });
  });
});
