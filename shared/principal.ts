/** Who calls: the verified identity behind a token, and what its app roles allow. Pure. */
import { DeniedError } from "./errors.ts";

/** App roles of the API's registration, as they stand in the token's `roles` claim. */
export const ROLES = ["Latchkey.Admin", "Latchkey.Approver", "Latchkey.Auditor", "Latchkey.User"] as const;
/** One app role. */
export type Role = (typeof ROLES)[number];

/** A verified caller. Authorisation goes by (issuer, tenant, subject), never by a name or an address. */
export type Principal = {
  readonly kind: "user" | "app";
  readonly issuer: string;
  readonly tenantId: string;
  /** Object id of the user or service principal. */
  readonly subject: string;
  readonly roles: readonly Role[];
};

/** How the principal is written in records and grants, e.g. `user:<tenantId>/<oid>`. */
export function principalId(principal: Principal): string {
  return `${principal.kind}:${principal.tenantId}/${principal.subject}`;
}

/**
 * The role by which the caller may use a route: the first of those declared that it holds.
 * @throws DeniedError ROLE_REQUIRED
 */
export function requireRole(principal: Principal, roles: readonly Role[]): Role {
  const held = roles.find((role) => principal.roles.includes(role));
  if (held === undefined) {
    throw new DeniedError(
      "ROLE_REQUIRED",
      `This call needs the app role ${roles.join(" or ")}. Ask an administrator of the app registration to assign it to you, then get a new token.`,
    );
  }
  return held;
}
