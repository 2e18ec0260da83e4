/** Refresh and access tokens of registries: signed with a key of their own, checked before use. Used by token-endpoints.ts and container-registry.ts. */
import { randomUUID } from "node:crypto";
import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { SigningKey } from "../entra/signing-key.ts";
import type { Access } from "./access.ts";

/** Who signs every token. Source: learn.microsoft.com, "Authenticate with Microsoft Entra ID for OAuth". */
const ISSUER = "Azure Container Registry";
/** Seconds: 75 minutes. Measured in a thread of azure-management-docs (29). */
export const ACCESS_TOKEN_SECONDS = 4_500;
/** Seconds: 3 hours. Source: learn.microsoft.com, "Azure Container Registry authentication", of `az acr login`. */
export const REFRESH_TOKEN_SECONDS = 10_800;

/** Access tokens whose signature is not checked again until they end. */
const MAX_CHECKED = 1_000;

const permissions = z.object({ actions: z.array(z.string()), notActions: z.array(z.string()) });
const common = { jti: z.string(), sub: z.string(), exp: z.number(), aud: z.string() };
const refreshSchema = z.object({
  ...common,
  grant_type: z.literal("refresh_token"),
  tenant: z.string(),
  /** What roles allow, in a registry in legacy mode. */
  permissions: permissions.optional(),
  /** Who it is, in a registry in ABAC mode: roles are read when an access token is asked for. */
  aad_identity: z.string().optional(),
  /** Its groups beside it, if it has any: roles may be assigned to them. */
  groups: z.array(z.string()).readonly().optional(),
});
const accessSchema = z.object({
  ...common,
  grant_type: z.literal("access_token"),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
});

/** Claims of a refresh token. */
export type RefreshClaims = z.infer<typeof refreshSchema>;
/** Claims of an access token. */
export type AccessClaims = z.infer<typeof accessSchema>;

/** Makes and checks the tokens of all registries; each says for which one it is. */
export type RegistryJwt = {
  refreshToken(
    registry: string,
    sub: string,
    claims: Pick<RefreshClaims, "tenant" | "permissions" | "aad_identity" | "groups">,
  ): Promise<string>;
  /** @param notAfter seconds since 1970: the end of what the token is made from, if that is sooner */
  accessToken(registry: string, sub: string, access: readonly Access[], notAfter?: number): Promise<string>;
  /** Null when it is not a good refresh token of this registry. */
  readRefreshToken(registry: string, token: string): Promise<RefreshClaims | null>;
  /** Null when it is not a good access token of this registry. */
  readAccessToken(registry: string, token: string): Promise<AccessClaims | null>;
};

export function createRegistryJwt(deps: { readonly key: SigningKey; readonly now: () => Date }): RegistryJwt {
  const { key, now } = deps;
  const seconds = () => Math.floor(now().getTime() / 1000);
  /** One token comes with thousands of requests, and checking its signature costs more than most of them. */
  const checked = new Map<string, AccessClaims>();
  const sign = (claims: JWTPayload) =>
    new SignJWT(claims)
      // Other registries find the certificate in the header and look whether they trust it.
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: key.kid, x5c: [key.certificate] })
      .sign(key.privateKey);
  const usual = (registry: string, sub: string) => {
    const at = seconds();
    return { jti: randomUUID(), sub, nbf: at, iat: at, iss: ISSUER, aud: registry, version: "1.0", roles: [] };
  };
  const payloadOf = async (registry: string, token: string): Promise<unknown> => {
    try {
      const rules = { algorithms: ["RS256"], issuer: ISSUER, audience: registry, currentDate: now() };
      return (await jwtVerify(token, key.publicKey, rules)).payload;
    } catch {
      return null;
    }
  };
  return {
    refreshToken: (registry, sub, claims) =>
      sign({
        ...usual(registry, sub),
        exp: seconds() + REFRESH_TOKEN_SECONDS,
        ...claims,
        grant_type: "refresh_token",
      }),
    accessToken: (registry, sub, access, notAfter = Number.POSITIVE_INFINITY) =>
      sign({
        ...usual(registry, sub),
        exp: Math.min(seconds() + ACCESS_TOKEN_SECONDS, notAfter),
        access,
        grant_type: "access_token",
      }),
    async readRefreshToken(registry, token) {
      return refreshSchema.safeParse(await payloadOf(registry, token)).data ?? null;
    },
    async readAccessToken(registry, token) {
      const name = `${registry} ${token}`;
      const known = checked.get(name);
      if (known !== undefined && known.exp > seconds()) return known;
      const claims = accessSchema.safeParse(await payloadOf(registry, token)).data ?? null;
      if (claims !== null) checked.set(name, claims);
      const [oldest] = checked.keys();
      if (checked.size > MAX_CHECKED && oldest !== undefined) checked.delete(oldest);
      return claims;
    },
  };
}
