/** What an access token of Entra says of itself. Not verified: only for tokens that Entra has just given us. */
import { z } from "zod";

/** The claims that we go by. `tenantId` and `objectId` say whose token it is, `kind` what that is in role assignments. */
export type TokenClaims = {
  readonly expiresAt: Date;
  readonly audience: string;
  readonly tenantId: string;
  readonly objectId: string;
  readonly kind: "User" | "ServicePrincipal";
};

const claimsSchema = z.object({
  exp: z.number().int().min(0).max(4_102_444_800),
  aud: z.string(),
  tid: z.guid().toLowerCase(),
  oid: z.guid().toLowerCase(),
  idtyp: z.unknown().optional(),
  scp: z.unknown().optional(),
  upn: z.unknown().optional(),
});

/** Null for what is no token, or says less: the cause may repeat the token and is dropped. */
export function readClaims(token: string): TokenClaims | null {
  const [, payload = "", , more] = token.split(".");
  if (more !== undefined) return null;
  try {
    const claims = claimsSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    const { exp, aud, tid, oid } = claims;
    return { expiresAt: new Date(exp * 1000), audience: aud, tenantId: tid, objectId: oid, kind: kindOf(claims) };
  } catch {
    return null;
  }
}

/** Scopes are delegated by people alone. Source: Entra's access token claims reference (`idtyp`, `scp`, `upn`). */
function kindOf({ idtyp, scp, upn }: z.output<typeof claimsSchema>): TokenClaims["kind"] {
  if (idtyp === "app") return "ServicePrincipal";
  return typeof scp === "string" || typeof upn === "string" ? "User" : "ServicePrincipal";
}
