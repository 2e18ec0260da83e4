/** Signs tokens, seals refresh tokens, and checks access tokens for the other services. Used by entra.ts. */
import { EncryptJWT, errors, type JWTPayload, jwtDecrypt, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { type Seed, tenantsOf } from "../../seed.ts";
import type { AccessTokens } from "../ports.ts";
import { issuerV1, issuerV2 } from "./claims.ts";
import { refreshTokenExpired, refreshTokenMalformed } from "./errors.ts";
import type { SigningKey } from "./signing-key.ts";

/** Life of an unused refresh token: 90 days (Entra's default). */
const REFRESH_TOKEN_SECONDS = 90 * 86_400;

const accessToken = z.looseObject({
  aud: z.string(),
  iss: z.string(),
  tid: z.string(),
  oid: z.string(),
  appid: z.string().exactOptional(),
  azp: z.string().exactOptional(),
  groups: z.array(z.string()).exactOptional(),
  exp: z.number(),
});

/** Signs claims as Entra does: v1 tokens name the certificate by `x5t` too. */
export function signToken(key: SigningKey, claims: JWTPayload): Promise<string> {
  const names = claims.ver === "1.0" ? { x5t: key.kid, kid: key.kid } : { kid: key.kid };
  return new SignJWT(claims).setProtectedHeader({ typ: "JWT", alg: "RS256", ...names }).sign(key.privateKey);
}

/** A refresh token: opaque to its holder, good for one user and one client. */
export function sealRefreshToken(key: SigningKey, userId: string, clientId: string, at: Date): Promise<string> {
  return new EncryptJWT()
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setSubject(userId)
    .setAudience(clientId)
    .setExpirationTime(Math.floor(at.getTime() / 1000) + REFRESH_TOKEN_SECONDS)
    .encrypt(key.refreshTokenKey);
}

/**
 * The object id of the user that a refresh token stands for.
 * @throws SignInError when it is expired, made up, or another client's
 */
export async function openRefreshToken(key: SigningKey, token: string, clientId: string, at: Date): Promise<string> {
  try {
    const { payload } = await jwtDecrypt(token, key.refreshTokenKey, { audience: clientId, currentDate: at });
    return payload.sub ?? "";
  } catch (cause) {
    throw cause instanceof errors.JWTExpired ? refreshTokenExpired() : refreshTokenMalformed();
  }
}

/** The check that every service makes: signature first, then issuer, times, audience. */
export function createAccessTokens(seed: Seed, key: SigningKey, now: () => Date): AccessTokens {
  const issuersOf = (id: string) => [issuerV1(id), issuerV2(id)];
  const everyIssuer = tenantsOf(seed).flatMap(({ id }) => issuersOf(id));
  const plain = (audience: string) => audience.replace(/\/+$/, "");
  return {
    async verify(token, audiences, tenantId) {
      try {
        const { payload } = await jwtVerify(token, key.publicKey, {
          algorithms: ["RS256"],
          issuer: tenantId === undefined ? everyIssuer : issuersOf(tenantId),
          currentDate: now(),
        });
        const claims = accessToken.safeParse(payload);
        if (!claims.success) return { ok: false, reason: "malformed" };
        const wanted = audiences.map(plain).includes(plain(claims.data.aud));
        return wanted ? { ok: true, claims: claims.data } : { ok: false, reason: "audience" };
      } catch (cause) {
        return { ok: false, reason: refusal(cause) };
      }
    },
  };
}

function refusal(cause: unknown) {
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (cause instanceof errors.JOSEAlgNotAllowed) return "signature";
  if (cause instanceof errors.JWTExpired) return "expired";
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === "nbf") return "notYetValid";
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === "iss") return "issuer";
  return "malformed";
}
