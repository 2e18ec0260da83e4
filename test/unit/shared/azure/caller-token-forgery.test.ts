import { createHmac } from "node:crypto";
import { exportSPKI, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import { appClaims, keySet, rawToken, sign, signingKey, verifierOf } from "../../../support/fakes-tokens.ts";

const key = await signingKey("key-1");
const stranger = await signingKey("key-1");
const { verify, verifyHeader, requests } = verifierOf(() => keySet(key));
const good = await sign(key, appClaims());
const [head = "", body = "", signature = ""] = good.split(".");
const publicKey = await importJWK(key.jwk, "RS256", { extractable: true });
const publicPem = publicKey instanceof Uint8Array ? "" : await exportSPKI(publicKey);

function hs256(secret: string, kid: string | undefined = key.kid): string {
  const [header, claims] = rawToken({ alg: "HS256", typ: "JWT", kid }, appClaims()).split(".");
  const mac = createHmac("sha256", secret).update(`${header}.${claims}`).digest("base64url");
  return `${header}.${claims}.${mac}`;
}

describe("forged tokens are TOKEN_INVALID", () => {
  test.each<[string, () => Promise<string> | string]>([
    ["alg none", () => rawToken({ alg: "none", typ: "JWT" }, appClaims())],
    ["alg None with the good signature", () => rawToken({ alg: "None", kid: key.kid }, appClaims(), signature)],
    ["alg missing", () => rawToken({ kid: key.kid }, appClaims(), signature)],
    ["HS256 with the public key as secret, PEM", () => hs256(publicPem)],
    ["HS256 with the public key as secret, modulus", () => hs256(String(key.jwk.n))],
    ["HS256 with an empty secret", () => hs256("")],
    ["another key under our key's id", () => sign(stranger, appClaims())],
    ["the key in the header", () => sign(stranger, appClaims(), { jwk: stranger.jwk })],
    ["the key in the header, id and all", () => sign(stranger, appClaims(), { jwk: stranger.jwk, kid: "evil" })],
    ["a key set named in the header", () => sign(stranger, appClaims(), { jku: "https://evil.example.org/keys" })],
    ["a certificate named in the header", () => sign(stranger, appClaims(), { x5u: "https://evil.example.org/cert" })],
    ["an unknown key id", () => sign(key, appClaims(), { kid: "key-2" })],
    ["no key id", () => sign(key, appClaims(), { kid: undefined })],
    ["a key id that is a path", () => sign(key, appClaims(), { kid: "../../key-1" })],
    [
      "a critical header that we do not know",
      () => rawToken({ alg: "RS256", kid: key.kid, crit: ["x"], x: 1 }, appClaims(), signature),
    ],
    ["a changed payload", () => [head, rawToken({}, appClaims({ oid: key.kid })).split(".")[1], signature].join(".")],
    ["no signature", () => `${head}.${body}.`],
    ["half a signature", () => `${head}.${body}.${signature.slice(0, 100)}`],
    ["a payload that is no JSON", () => `${head}.bm90IGpzb24.${signature}`],
    ["a payload that is a list", () => `${head}.W10.${signature}`],
    ["a payload that is null", () => `${head}.bnVsbA.${signature}`],
    ["a header that is no JSON", () => `bm90.${body}.${signature}`],
  ])("%s", async (_what, token) => {
    await expect(verify(await token())).rejects.toMatchObject({ name: "DeniedError", code: "TOKEN_INVALID" });
  });

  test("the same token, unforged, is taken: the tests above fail for their own reasons", async () => {
    expect(await verify(good)).toMatchObject({ kind: "app" });
    expect(publicPem).toContain("PUBLIC KEY");
  });
});

describe("what is no bearer token", () => {
  test.each([null, ""])("%j is TOKEN_MISSING", async (header) => {
    await expect(verifyHeader(header)).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  });

  test.each([
    "Bearer",
    "Bearer ",
    "Bearer ..",
    "Bearer a.b",
    "Bearer a.b.c.d",
    "Bearer a.b.c.d.e",
    `Basic ${good}`,
    good,
    `Bearer  ${good}`,
    `Bearer ${good} ${good}`,
    `Bearer ${good}, Bearer ${good}`,
    `Bearer ${good}\n`,
    `Bearer ${good}=`,
    `Bearer ${body}.${good}`,
    "Bearer {}.{}.{}",
    `Bearer a.b.${"c".repeat(20_000)}`,
    `Bearer ${"a".repeat(1_000_000)}`,
    `Bearer ${".".repeat(100_000)}`,
  ])("TOKEN_INVALID: %.40s", async (header) => {
    await expect(verifyHeader(header)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("a token that is too long is refused although it is signed, before a key is asked for", async () => {
    const fresh = verifierOf(() => keySet(key));
    const long = await sign(key, appClaims({ filler: "x".repeat(16_384) }));
    await expect(fresh.verify(long)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect(fresh.requests).toEqual([]);
  });

  test("a refusal does not repeat the token", async () => {
    const forged = await sign(stranger, appClaims());
    await expect(verify(forged)).rejects.toMatchObject({ message: expect.not.stringContaining(forged.slice(-40)) });
  });
});

test("nothing but the tenant's own keys was ever asked for", () => {
  expect(requests.filter(({ url }) => !url.startsWith("https://login.microsoftonline.com/"))).toEqual([]);
});
