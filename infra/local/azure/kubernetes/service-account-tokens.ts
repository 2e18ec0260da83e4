/** Tokens of ServiceAccounts: signed by the cluster's own key, dead with what they are bound to. Used by kubernetes.ts. */
import { createHash, type webcrypto } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { resourceOfKind } from "./api-resources.ts";
import { type ClusterDocument, type ClusterState, findObject, type KubeObject } from "./kube-object.ts";
import { SERVICE_ACCOUNT_PREFIX, serviceAccountGroups, type UserInfo } from "./user-info.ts";

const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
/** An object that is being deleted keeps tokens alive so long (jwt.DefaultLeeway of go-jose, one minute). */
const LEEWAY_MS = 60_000;
/** What tokens can be bound to here. */
const SECRET = resourceOfKind("Secret");
const SERVICE_ACCOUNT = resourceOfKind("ServiceAccount");

const reference = z.object({ name: z.string(), uid: z.string() });
const claimsSchema = z.looseObject({
  sub: z.string(),
  jti: z.string(),
  "kubernetes.io": z.object({
    namespace: z.string(),
    serviceaccount: reference,
    secret: reference.exactOptional(),
  }),
});

/** What a token says of its holder. */
export type TokenSubject = {
  readonly account: KubeObject;
  /** What the token dies with, beside its account. */
  readonly secret?: KubeObject | undefined;
  readonly audiences: readonly string[];
  readonly issuedAt: Date;
  readonly expiresAt: Date;
};

/** Signs and checks the tokens of one cluster. */
export type ServiceAccountTokens = {
  sign(subject: TokenSubject): Promise<string>;
  /** The ServiceAccount, or undefined when the token is not (or no longer) good here. */
  verify(token: string): Promise<UserInfo | undefined>;
};

/**
 * @param deps.issuer also the audience of tokens for the API server itself
 * @param deps.newId id of a token
 */
export function createServiceAccountTokens(deps: {
  readonly document: ClusterDocument;
  readonly issuer: string;
  readonly now: () => Date;
  readonly newId: () => string;
}): ServiceAccountTokens {
  const { document, issuer, now } = deps;
  let opened: Promise<Key> | undefined;
  const key = () => {
    opened ??= openKey(document);
    return opened;
  };
  return {
    async sign({ account, secret, audiences, issuedAt, expiresAt }) {
      const { kid, privateKey } = await key();
      const seconds = (at: Date) => Math.floor(at.getTime() / 1000);
      const namespace = account.metadata.namespace ?? "";
      const claims = {
        aud: [...audiences],
        exp: seconds(expiresAt),
        iat: seconds(issuedAt),
        iss: issuer,
        jti: deps.newId(),
        "kubernetes.io": {
          namespace,
          ...(secret === undefined ? {} : { secret: nameAndUid(secret) }),
          serviceaccount: nameAndUid(account),
        },
        nbf: seconds(issuedAt),
        sub: `${SERVICE_ACCOUNT_PREFIX}${namespace}:${account.metadata.name}`,
      };
      return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
    },
    async verify(token) {
      // Without a key no token was ever signed here.
      if (document.read().signingKey === null) return undefined;
      const { publicKey } = await key();
      try {
        const checks = { algorithms: ["RS256"], issuer, audience: issuer, currentDate: now() };
        const { payload } = await jwtVerify(token, publicKey, checks);
        const claims = claimsSchema.safeParse(payload);
        return claims.success ? holderOf(claims.data, document.read(), now()) : undefined;
      } catch (cause) {
        if (cause instanceof errors.JOSEError) return undefined;
        throw cause;
      }
    },
  };
}

function holderOf(claims: z.infer<typeof claimsSchema>, state: ClusterState, now: Date): UserInfo | undefined {
  const { namespace, serviceaccount, secret } = claims["kubernetes.io"];
  if (!isAlive(findObject(state, SERVICE_ACCOUNT, namespace, serviceaccount.name), serviceaccount.uid, now)) {
    return undefined;
  }
  if (secret !== undefined && !isAlive(findObject(state, SECRET, namespace, secret.name), secret.uid, now)) {
    return undefined;
  }
  const username = `${SERVICE_ACCOUNT_PREFIX}${namespace}:${serviceaccount.name}`;
  if (claims.sub !== username) return undefined;
  return {
    username,
    uid: serviceaccount.uid,
    groups: serviceAccountGroups(namespace),
    extra: { "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`] },
  };
}

function isAlive(found: KubeObject | undefined, uid: string, now: Date): boolean {
  if (found === undefined || found.metadata.uid !== uid) return false;
  const { deletionTimestamp } = found.metadata;
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + LEEWAY_MS > now.getTime();
}

const nameAndUid = ({ metadata: { name, uid } }: KubeObject) => ({ name, uid });

type Key = {
  readonly kid: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
};
async function openKey(document: ClusterDocument): Promise<Key> {
  let jwk = document.read().signingKey;
  if (jwk === null) {
    const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const made = await crypto.subtle.exportKey("jwk", pair.privateKey);
    document.update((state) => {
      state.signingKey = made;
    });
    jwk = made;
  }
  const { kty = "", n = "", e = "" } = jwk;
  const publicKey = await crypto.subtle.importKey("jwk", { kty, n, e }, ALGORITHM, true, ["verify"]);
  const der = await crypto.subtle.exportKey("spki", publicKey);
  return {
    // As the API server names its keys: SHA-256 of the public one.
    kid: createHash("sha256").update(Buffer.from(der)).digest("base64url"),
    privateKey: await crypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["sign"]),
    publicKey,
  };
}
