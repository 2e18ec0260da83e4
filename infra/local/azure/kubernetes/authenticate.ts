/** Who calls an API server: client certificate, Entra token or ServiceAccount token. Called by kubernetes.ts. */
import { createHash, X509Certificate } from "node:crypto";
import type { AccessTokens } from "../ports.ts";
import { unauthorized } from "./api-status.ts";
import type { ClusterAuthority, ClusterClient } from "./cluster-identity.ts";
import type { KubernetesSettings } from "./kubernetes-settings.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";
import { AUTHENTICATED_GROUP, type UserInfo } from "./user-info.ts";

/** Client id of AKS's own application in Entra: the audience of tokens for API servers. The same in every tenant. */
export const AKS_SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630";
/** Static tokens have this form, and no other token has. */
const STATIC_TOKEN = /^[0-9a-f]{32}$/;

/** What a cluster takes. */
export type SignInWays = {
  /** Tenant whose tokens it takes; null on a cluster without Entra. */
  readonly entraTenantId: string | null;
  /** Whose client certificates and static token it takes; null where local accounts are off. */
  readonly authority: (() => Promise<ClusterAuthority>) | null;
  readonly serviceAccounts: ServiceAccountTokens;
};

/** What a request brings to prove who it is from. */
export type Proof = {
  /** Header as it came. */
  readonly authorization: string | undefined;
  /** DER of the certificate that the client showed in the TLS handshake. */
  readonly certificate: Buffer | undefined;
};

/** Tells the user of a request. */
export type Authenticator = {
  /** @throws ApiError 401 when nothing proves anybody */
  authenticate(proof: Proof): Promise<UserInfo>;
};

/**
 * A token that was good is not looked at again for some seconds, as in the API server.
 * @param deps.settings how many seconds
 */
export function createAuthenticator(deps: {
  readonly ways: SignInWays;
  readonly tokens: AccessTokens;
  readonly settings: () => KubernetesSettings;
  readonly now: () => Date;
}): Authenticator {
  const { ways, tokens, now } = deps;
  const known = new Map<string, { readonly user: UserInfo; readonly until: number }>();
  const userOfToken = async (token: string) => {
    const digest = createHash("sha256").update(token).digest("hex");
    const at = now().getTime();
    for (const [key, { until }] of known) if (until <= at) known.delete(key);
    const kept = known.get(digest);
    const cacheMs = deps.settings().tokenCacheSeconds * 1000;
    if (kept !== undefined && cacheMs > 0) return kept.user;
    const user =
      (await staticUser(token, ways.authority)) ??
      (await ways.serviceAccounts.verify(token)) ??
      (await entraUser(token, ways.entraTenantId, tokens));
    if (user !== undefined && cacheMs > 0) known.set(digest, { user, until: at + cacheMs });
    return user;
  };
  return {
    async authenticate({ authorization, certificate }) {
      const byCertificate = certificate && (await certificateUser(certificate, ways.authority));
      // A certificate that is not good proves nothing, and leaves the word to the token.
      if (byCertificate) return byCertificate;
      const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
      const user = token === undefined ? undefined : await userOfToken(token);
      if (user === undefined) throw unauthorized();
      return user;
    },
  };
}

/** The user that a certificate of this cluster's authority names: CN is the name, every O a group. */
async function certificateUser(der: Buffer, authority: SignInWays["authority"]): Promise<UserInfo | undefined> {
  if (authority === null) return undefined;
  const holder = await (await authority()).verify(new X509Certificate(der).toString());
  if (holder === null) return undefined;
  const fingerprint = createHash("sha256").update(der).digest("hex");
  const extra = { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] };
  return { ...localUser(holder), extra };
}

async function staticUser(token: string, authority: SignInWays["authority"]): Promise<UserInfo | undefined> {
  if (authority === null || !STATIC_TOKEN.test(token)) return undefined;
  const holder = (await authority()).verifyStaticToken(token);
  return holder === null ? undefined : localUser(holder);
}

const localUser = ({ commonName, organizations }: ClusterClient): UserInfo => ({
  username: commonName,
  groups: [...organizations, AUTHENTICATED_GROUP],
});

/** AKS calls people by their sign-in name and applications by their object id. */
async function entraUser(token: string, tenantId: string | null, tokens: AccessTokens): Promise<UserInfo | undefined> {
  if (tenantId === null) return undefined;
  const verified = await tokens.verify(token, [AKS_SERVER_APPLICATION], tenantId);
  if (!verified.ok) return undefined;
  const { oid, groups = [] } = verified.claims;
  const name: unknown = Reflect.get(verified.claims, "upn");
  return {
    username: typeof name === "string" ? name : oid,
    groups: [...groups, AUTHENTICATED_GROUP],
    objectId: oid,
    extra: { oid: [oid], ...(typeof name === "string" ? { upn: [name] } : {}) },
  };
}
