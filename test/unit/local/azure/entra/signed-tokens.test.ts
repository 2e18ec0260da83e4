import { generateKeyPairSync } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { createAccessTokens, signToken } from "../../../../../infra/local/azure/entra/signed-tokens.ts";
import { tokenV2 } from "../../../../../infra/local/azure/entra/token-endpoint.ts";
import { automation, claimsIn, deps, NOW, NOW_SECONDS, request } from "./entra-parts.ts";

const VAULT = "https://vault.azure.net";
const tokens = createAccessTokens(deps.seed, deps.key, deps.now);
const { access_token: good } = await tokenV2(deps, request({ ...automation, scope: `${VAULT}/.default` }));
const claims = claimsIn({ access_token: good });
const header = { alg: "RS256", typ: "JWT", kid: deps.key.kid };

describe("verify: takes", () => {
  test.each([[VAULT], [`${VAULT}/`]])("a token for %s, one slash more or less", async (audience) => {
    const verdict = await tokens.verify(good, ["https://example.org", audience]);
    expect(verdict).toMatchObject({ ok: true, claims: { oid: claims.oid, aud: VAULT, appid: automation.client_id } });
  });

  test("a v2 token", async () => {
    const { access_token } = await tokenV2(deps, request({ ...automation, scope: "api://latchkey/.default" }));
    const verdict = await tokens.verify(access_token, ["6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10"]);
    expect(verdict).toMatchObject({ ok: true, claims: { azp: automation.client_id } });
  });
});

describe("verify: refuses", () => {
  const reasonFor = async (token: string, audience = VAULT) => {
    const verdict = await tokens.verify(token, [audience]);
    return verdict.ok ? "nothing" : verdict.reason;
  };

  test("another audience, also one that only begins alike", async () => {
    expect(await reasonFor(good, "https://management.azure.com")).toBe("audience");
    expect(await reasonFor(good, `${VAULT}.example.org`)).toBe("audience");
  });

  test("a key that is not ours, under our key's id", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    expect(await reasonFor(await new SignJWT(claims).setProtectedHeader(header).sign(privateKey))).toBe("signature");
  });

  test("a changed payload", async () => {
    const [head, , signature] = good.split(".");
    const payload = Buffer.from(JSON.stringify({ ...claims, oid: "someone-else" })).toString("base64url");
    expect(await reasonFor([head, payload, signature].join("."))).toBe("signature");
  });

  test("HS256 with our public certificate as the secret", async () => {
    const secret = Buffer.from(deps.key.certificate, "base64");
    const token = await new SignJWT(claims).setProtectedHeader({ ...header, alg: "HS256" }).sign(secret);
    expect(await reasonFor(token)).toBe("signature");
  });

  test("no algorithm at all, and what is no token", async () => {
    expect(await reasonFor(new UnsecuredJWT(claims).encode())).not.toBe("nothing");
    expect(await reasonFor("not-a-token")).toBe("malformed");
    expect(await reasonFor("")).toBe("malformed");
  });

  test.each([
    ["expired", { exp: NOW_SECONDS }],
    ["notYetValid", { nbf: NOW_SECONDS + 1 }],
    ["issuer", { iss: "https://sts.windows.net/11111111-2222-4333-8444-555555555555/" }],
    ["malformed", { oid: undefined }],
    ["malformed", { aud: [VAULT] }],
  ])("%s when our key signed %o", async (reason, change) => {
    expect(await reasonFor(await signToken(deps.key, { ...claims, ...change }))).toBe(reason);
  });

  test("the same token once its time is over", async () => {
    let at = NOW;
    const later = createAccessTokens(deps.seed, deps.key, () => at);
    expect(await later.verify(good, [VAULT])).toMatchObject({ ok: true });
    at = new Date(NOW.getTime() + 3600 * 1000);
    expect(await later.verify(good, [VAULT])).toEqual({ ok: false, reason: "expired" });
  });
});
