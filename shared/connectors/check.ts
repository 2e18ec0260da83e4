/** What one look at one resource says: its words, and how they add up. Pure. Used by verify and the check-*.ts. */
import { z } from "zod";

/** Kinds of access that are looked at. `sign`: getting the key that SAS tokens are signed with. */
export const CHECKED_ACCESS = ["read", "write", "list", "delete", "sign", "use", "admin"] as const;
/** See CHECKED_ACCESS. */
export type CheckedAccess = (typeof CHECKED_ACCESS)[number];

/** Why an access does not work, or is not known to. docs/verification.md explains each. */
export const CHECK_CODES = [
  "ROLE_MISSING",
  "CONTROL_PLANE_ONLY",
  "ROLE_NOT_HONOURED",
  "ACCESS_POLICY_MISSING",
  "NETWORK_BLOCKED",
  "LOCAL_ACCOUNTS_DISABLED",
  "RESOURCE_NOT_FOUND",
  "UPSTREAM_REFUSED",
  "UPSTREAM_TIMEOUT",
  "NOT_PROVED",
] as const;
/** See CHECK_CODES. */
export type CheckCode = (typeof CHECK_CODES)[number];

/** What is worth knowing of a resource, whether or not it works. docs/verification.md explains each. */
export const FINDINGS = [
  "ADMIN_USER_ENABLED",
  "ABAC_MODE",
  "ARM_TOKENS_REFUSED",
  "NO_ENTRA",
  "AZURE_RBAC",
  "KUBERNETES_RBAC",
  "LOCAL_ACCOUNTS_DISABLED",
  "STOPPED",
  "PRIVATE",
  "ACCESS_POLICIES",
  "HNS",
] as const;
/** See FINDINGS. */
export type Finding = (typeof FINDINGS)[number];

const remedySchema = z.object({
  role: z.string().nullable().describe("null: not a role but an access policy"),
  roleDefinitionId: z.string().nullable(),
  scope: z.string(),
  az: z.string().describe("the command that mends it"),
  bicep: z.string().describe("the same as a template"),
  optional: z.boolean().default(false).describe("true: something less works already, and nothing may be amiss"),
});
/** What would mend a failure. */
export type Remedy = z.output<typeof remedySchema>;

const accessSchema = z.object({
  access: z.enum(CHECKED_ACCESS),
  ok: z.boolean().nullable().describe("null: nobody knows"),
  proof: z
    .enum(["proved", "assigned", "none"])
    .describe("proved: Azure was asked for it; assigned: only the identity's permissions were read"),
  code: z.enum(CHECK_CODES).nullable(),
  message: z.string().nullable(),
  remedy: remedySchema.nullable(),
});
/** What a look at one resource says of one access. */
export type AccessCheck = z.output<typeof accessSchema>;

/** What a look at one resource says. */
export const checkSchema = z.object({
  resourceId: z.string(),
  displayName: z.string(),
  state: z.enum(["ok", "degraded", "failed", "unknown"]),
  access: z.array(accessSchema),
  findings: z.array(z.enum(FINDINGS)),
});
/** See checkSchema. */
export type Check = z.output<typeof checkSchema>;

/** Works, as far as the proof goes. */
export function works(access: CheckedAccess, proof: "proved" | "assigned"): AccessCheck {
  return { access, ok: true, proof, code: null, message: null, remedy: null };
}

/** Does not work. */
export function fails(
  access: CheckedAccess,
  proof: "proved" | "assigned",
  why: { code: CheckCode; message: string; remedy?: Remedy | null },
): AccessCheck {
  return { access, ok: false, proof, code: why.code, message: why.message, remedy: why.remedy ?? null };
}

/** Nobody knows whether it works. */
export function unknown(
  access: CheckedAccess,
  why: { code: CheckCode; message: string; remedy?: Remedy | null },
): AccessCheck {
  return { access, ok: null, proof: "none", code: why.code, message: why.message, remedy: why.remedy ?? null };
}

/** One access that works is enough: a connector that may only read is in order for reading. */
export function stateOfAccess(access: readonly Pick<AccessCheck, "ok">[]): "ok" | "failed" | "unknown" {
  if (access.some(({ ok }) => ok === true)) return "ok";
  return access.some(({ ok }) => ok === false) ? "failed" : "unknown";
}

/**
 * What an access lacks that goes beyond one that works need not be a lack: reading is no wish to delete.
 * @param ladder the least first
 */
export function withOptionalRemedies(ladder: readonly AccessCheck[]): AccessCheck[] {
  const least = ladder.findIndex(({ ok }) => ok === true);
  return ladder.map((one, index) =>
    least >= 0 && index > least && one.remedy !== null ? { ...one, remedy: { ...one.remedy, optional: true } } : one,
  );
}
