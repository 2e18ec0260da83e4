/** Microsoft Entra as an issuer of callers' tokens: pinned tenants, v1 and v2. Called by caller-token.ts. */
import type { JWTPayload } from "jose";
import { z } from "zod";
import { type CloudName, cloudOf } from "../cloud.ts";
import type { Config } from "../config.ts";
import { type Principal, ROLES, type Role } from "../principal.ts";
import { publishedKeys } from "./signing-keys.ts";
import { invalidToken, type TrustedIssuer } from "./trusted-issuer.ts";

const claimsSchema = z.object({
  ver: z.enum(["1.0", "2.0"]),
  tid: z.guid().toLowerCase(),
  oid: z.guid().toLowerCase(),
  // Entra names one audience; a token for several services could be replayed here by any of them.
  aud: z.string(),
  sub: z.string().min(1),
  scp: z.string().optional(),
  idtyp: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(z.guid().toLowerCase()).optional(),
  // Entra says so when the groups are too many for a token.
  hasgroups: z.boolean().optional(),
  _claim_names: z.object({ groups: z.string().optional() }).optional(),
});
type Claims = z.output<typeof claimsSchema>;

/** The v1 and v2 issuer of every pinned tenant; nothing else is ever asked for keys. */
export function entraIssuers(
  cloudName: CloudName,
  { tenantIds, apiClientId, v1Audiences }: Config["callers"],
  fetchKeys: typeof fetch,
): TrustedIssuer[] {
  const { authorityHost, v1Issuer, v2Issuer } = cloudOf(cloudName);
  return tenantIds.flatMap((tenantId): TrustedIssuer[] => {
    const v1Of = (tenant: string) => `${v1Issuer}${tenant}/`;
    const v2Of = (tenant: string) => `${v2Issuer}/${tenant}/v2.0`;
    const v2Keys = [v2Of(tenantId), v2Of(ANY_TENANT)];
    const issuer = (
      url: string,
      version: Claims["ver"],
      audiences: readonly string[],
      keys: { readonly path: string; readonly issuers: readonly string[] },
    ): TrustedIssuer => {
      const keysUrl = `${authorityHost}/${tenantId}/discovery/${keys.path}`;
      return {
        url,
        audiences,
        keys: publishedKeys(keysUrl, fetchKeys, async (read) => keysOf(await read(keysUrl), keys.issuers)),
        principalOf: (payload) => principalOf(payload, { url, version, tenantId }),
      };
    };
    const v2 = issuer(v2Of(tenantId), "2.0", [apiClientId], { path: "v2.0/keys", issuers: v2Keys });
    // Each version by its own metadata. Entra's v2 name stands for the tenant in either.
    const v1Keys = [v1Of(tenantId), v1Of(ANY_TENANT), ...v2Keys];
    const v1 = issuer(v1Of(tenantId), "1.0", v1Audiences, { path: "keys", issuers: v1Keys });
    return v1Audiences.length === 0 ? [v2] : [v2, v1];
  });
}

/** What stands in a key's issuer instead of a tenant when it signs for every tenant. */
const ANY_TENANT = "{tenantid}";
const keySetSchema = z.looseObject({ keys: z.array(z.looseObject({ issuer: z.unknown() })) });

/** Leaves out keys that are said to sign for somebody else. Those that do not say for whom, as in v1 metadata, stay. */
function keysOf(published: unknown, issuers: readonly unknown[]): unknown {
  const keySet = keySetSchema.safeParse(published);
  // Its form is refused after this.
  if (!keySet.success) return published;
  const keys = keySet.data.keys.filter(({ issuer }) => issuer === undefined || issuers.includes(issuer));
  return { ...keySet.data, keys };
}

function principalOf(
  payload: JWTPayload,
  issuer: { readonly url: string; readonly version: Claims["ver"]; readonly tenantId: string },
): Principal {
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) throw invalidToken("It lacks a claim that an access token of Entra has.");
  const { ver, tid, oid, roles } = claims.data;
  if (ver !== issuer.version || tid !== issuer.tenantId) {
    throw invalidToken("Its version or tenant does not fit its issuer.");
  }
  const kind = kindOf(claims.data);
  return {
    kind,
    issuer: issuer.url,
    tenantId: tid,
    subject: oid,
    id: `${kind}:${tid}/${oid}`,
    groups: groupsOf(claims.data),
    roles: ROLES.filter((role: Role) => roles.includes(role)),
  };
}

/** `idtyp` decides; without it a delegated token has `scp`, and an app's token has `oid` = `sub`. Else refused. */
function kindOf({ idtyp, scp, oid, sub }: Claims): "user" | "app" {
  if (idtyp === "app" && scp === undefined) return "app";
  if (idtyp === "user" && scp !== undefined) return "user";
  if (idtyp === undefined) {
    if (scp !== undefined) return "user";
    if (oid === sub.toLowerCase()) return "app";
  }
  throw invalidToken("It does not say whether a user or an app calls.");
}

/** Entra leaves groups out of a token when there are more than 200 and points to the directory instead. */
function groupsOf({ groups, hasgroups, _claim_names: elsewhere }: Claims): Principal["groups"] {
  if (groups !== undefined) return groups;
  return hasgroups === true || elsewhere?.groups !== undefined ? "overage" : [];
}
