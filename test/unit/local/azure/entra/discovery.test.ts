import { describe, expect, test } from "vitest";
import {
  instanceDiscovery,
  keySet,
  openIdConfigurationV1,
  openIdConfigurationV2,
  userRealm,
} from "../../../../../infra/local/azure/entra/discovery.ts";
import { SignInError } from "../../../../../infra/local/azure/entra/errors.ts";
import { deps } from "./entra-parts.ts";

const { seed, key } = deps;
const TENANT = seed.tenant.id;

describe("openid-configuration", () => {
  test("v2 names the tenant by its GUID whatever name was asked for", () => {
    const byDomain = openIdConfigurationV2(seed, "ZENMLDEMO.onmicrosoft.com");
    expect(byDomain).toEqual(openIdConfigurationV2(seed, TENANT));
    expect(byDomain).toMatchObject({
      issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      jwks_uri: `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`,
      token_endpoint: `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`,
    });
  });

  test("v1 has the old issuer and the shared keys", () => {
    expect(openIdConfigurationV1(seed, TENANT, "login.microsoftonline.com")).toMatchObject({
      issuer: `https://sts.windows.net/${TENANT}/`,
      jwks_uri: "https://login.microsoftonline.com/common/discovery/keys",
      token_endpoint: `https://login.microsoftonline.com/${TENANT}/oauth2/token`,
    });
  });

  test.each([
    ["login.windows.net", "https://login.windows.net/common/discovery/keys"],
    ["sts.windows.net", "https://login.microsoftonline.com/common/discovery/keys"],
  ])("v1 asked at %s points to %s", (host, keys) => {
    expect(openIdConfigurationV1(seed, TENANT, host).jwks_uri).toBe(keys);
  });

  test("`common` leaves the tenant open and has no region", () => {
    expect(openIdConfigurationV2(seed, "common")).toMatchObject({
      issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
      token_endpoint: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
      tenant_region_scope: null,
    });
    expect(openIdConfigurationV1(seed, "common", "").issuer).toBe("https://sts.windows.net/{tenantid}/");
  });
});

describe("keys", () => {
  const jwk = { kty: "RSA", use: "sig", kid: key.kid, x5t: key.kid, n: key.n, e: "AQAB", x5c: [key.certificate] };
  test("v1: the key alone", () => {
    expect(keySet(seed, "common", key, 1)).toEqual({ keys: [jwk] });
  });

  test("v2: also whose tokens it signs", () => {
    const cloud = { ...jwk, cloud_instance_name: "microsoftonline.com" };
    const issuer = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
    expect(keySet(seed, TENANT, key, 2)).toEqual({ keys: [{ ...cloud, issuer: issuer(TENANT) }] });
    expect(keySet(seed, "common", key, 2)).toEqual({ keys: [{ ...cloud, issuer: issuer("{tenantid}") }] });
  });
});

describe("instance discovery", () => {
  const at = (path: string) => `https://login.microsoftonline.com/${TENANT}${path}`;
  test.each([
    [at("/oauth2/v2.0/authorize"), at("/v2.0/.well-known/openid-configuration")],
    [at("/oauth2/authorize"), at("/.well-known/openid-configuration")],
  ])("of %s points to %s", (endpoint, described) => {
    const answer = instanceDiscovery(endpoint);
    expect(answer.tenant_discovery_endpoint).toBe(described);
    expect(answer.metadata[0]).toEqual({
      preferred_network: "login.microsoftonline.com",
      preferred_cache: "login.windows.net",
      aliases: ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    });
  });

  test.each([
    [undefined, 900144],
    ["not a url", 50049],
    ["https://login.microsoftonline.com.example.org/common/oauth2/authorize", 50049],
  ])("refuses %s with %i", (endpoint, code) => {
    let refused: unknown;
    try {
      instanceDiscovery(endpoint);
    } catch (cause) {
      refused = cause;
    }
    expect(refused).toBeInstanceOf(SignInError);
    expect(refused).toMatchObject({ status: 400, code });
  });
});

test("user realm: users of the tenant are managed, all others unknown", () => {
  expect(userRealm(seed, "admin@zenmldemo.onmicrosoft.com").account_type).toBe("Managed");
  expect(userRealm(seed, "admin@example.org").account_type).toBe("Unknown");
});
