/** A tenant with signing keys of its own, and tokens in every shape: for unit tests of the caller's token. */
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { createCallerVerifier } from "../../shared/azure/caller-token.ts";
import { NOW, now, TENANT } from "./fakes.ts";

export const API = "6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10";
export const V1_AUDIENCE = "api://latchkey";
export const OTHER_TENANT = "11111111-2222-4333-8444-555555555555";
export const APP_OID = "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118";
export const USER_OID = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e030";
/** `NOW` in whole seconds. */
export const NOW_SECONDS = NOW.getTime() / 1000;

/** Claims that are changed for a test; undefined takes one away. */
export type ClaimChanges = Readonly<Record<string, unknown>>;

export type SigningKey = { readonly kid: string; readonly privateKey: CryptoKey; readonly jwk: JWK };

export async function signingKey(kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { modulusLength: 2048 });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: "sig" } };
}

/** What Entra puts into an app's v2 token for this API. */
export function appClaims(changes: ClaimChanges = {}): JWTPayload {
  return changed(
    {
      aud: API,
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      iat: NOW_SECONDS - 300,
      nbf: NOW_SECONDS - 300,
      exp: NOW_SECONDS + 3600,
      azp: "c0ffee00-5c1e-4d2f-8a3b-4c5d6e7f8017",
      idtyp: "app",
      oid: APP_OID,
      roles: ["Latchkey.Admin", "Unknown.Role"],
      sub: APP_OID,
      tid: TENANT,
      ver: "2.0",
    },
    changes,
  );
}

/** What Entra puts into a user's v2 token. */
export function userClaims(changes: ClaimChanges = {}): JWTPayload {
  return appClaims({
    idtyp: "user",
    oid: USER_OID,
    sub: "pairwise-subject",
    scp: "user_impersonation",
    roles: ["Latchkey.User"],
    ...changes,
  });
}

/** What Entra puts into an app's v1 token. */
export function v1Claims(changes: ClaimChanges = {}): JWTPayload {
  return appClaims({ ver: "1.0", iss: `https://sts.windows.net/${TENANT}/`, aud: V1_AUDIENCE, ...changes });
}

function changed(claims: JWTPayload, changes: ClaimChanges): JWTPayload {
  return Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined));
}

/** Signs as Entra does, unless the header says otherwise. */
export function sign(key: SigningKey, claims: JWTPayload, header: Readonly<Record<string, unknown>> = {}) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: key.kid, ...header })
    .sign(key.privateKey);
}

/** A token of any parts, unsigned or signed by whatever stands there. */
export function rawToken(header: object, claims: JWTPayload, signature = ""): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}

/** A verifier with the keys that `answer` gives; `requests` are those for keys. */
export function verifierOf(
  answer: (url: string) => Response | Promise<Response>,
  v1Audiences: readonly string[] = [V1_AUDIENCE],
) {
  const requests: { url: string; redirect: string | undefined }[] = [];
  const fetchKeys: typeof fetch = async (input, init) => {
    requests.push({ url: String(input), redirect: init?.redirect });
    return answer(String(input));
  };
  const callers = { tenantIds: [TENANT], apiClientId: API, v1Audiences, oidcIssuers: [] };
  const verify = createCallerVerifier({ cloud: "public", callers, fetch: fetchKeys, now });
  return { requests, verify: (token: string) => verify(`Bearer ${token}`), verifyHeader: verify };
}

/** The same key, said to sign for this issuer alone. */
export function keyFor(key: SigningKey, issuer: unknown): SigningKey {
  return { ...key, jwk: Object.assign({ ...key.jwk }, { issuer }) };
}

/** Entra's answer with these keys. */
export function keySet(...keys: readonly SigningKey[]): Response {
  return Response.json({ keys: keys.map(({ jwk }) => jwk) });
}
