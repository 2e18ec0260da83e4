/** Who calls: the verified identity behind a token, and what its app roles allow. Pure. */
import { DeniedError } from "./errors.ts";

/** App roles of the API's registration, as they stand in the token's `roles` claim. */
export const ROLES = ["Latchkey.Admin", "Latchkey.Approver", "Latchkey.Auditor", "Latchkey.User"] as const;
/** One app role. */
export type Role = (typeof ROLES)[number];

/** A verified caller. Authorisation goes by ids that nobody can choose, never by a name or an address. */
export type Principal = {
  readonly kind: "user" | "app" | "workload";
  readonly issuer: string;
  /** Entra: the tenant. Other issuers: the name that the settings give them. */
  readonly tenantId: string;
  /** Entra: object id. GitHub Actions: numeric id of the repository. Other issuers: `sub`. */
  readonly subject: string;
  /** How memberships and records name it: `user:<tenant>/<oid>`, `app:<tenant>/<oid>`, `github:<id>`, `workload:<issuer>/<sub>`. */
  readonly id: string;
  /** Object ids of groups; `overage` when Entra left them out of the token because there are too many. */
  readonly groups: readonly string[] | "overage";
  readonly roles: readonly Role[];
};

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
