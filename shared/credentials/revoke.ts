/** Ends a lease: does what can be done, and says what cannot and until when. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { ConflictError, DeniedError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { type Lease, stateOf } from "./lease.ts";
import { findVisibleLease, isHolder } from "./look.ts";
import type { LeaseStore } from "./ports.ts";

/** What ending needs. */
export type RevokeDeps = { readonly leases: LeaseStore; readonly appendAudit: AppendAudit; readonly now: () => Date };
/** What ending a lease did. */
export type Revoked = {
  readonly lease: Lease;
  /** What was done now. */
  readonly done: readonly string[];
  /** What nobody can do before `exposedUntil`. */
  readonly notDone: readonly string[];
};

/**
 * Ending an ended lease changes nothing and is no error.
 * @throws NotFoundError NOT_FOUND, DeniedError DENIED for another's lease without Admin, ConflictError LEASE_CLOSED when
 * it was changed meanwhile, UpstreamError
 */
export async function revokeLease(
  deps: RevokeDeps,
  leaseId: string,
  by: Principal,
  context: { rule: string; correlationId: string },
): Promise<Revoked> {
  const { lease, etag } = await findVisibleLease(deps.leases, leaseId, by);
  if (!isHolder(lease, by) && !by.roles.includes("Latchkey.Admin")) {
    throw new DeniedError("DENIED", "Only its holder or an administrator can end a lease.");
  }
  const now = deps.now();
  if (stateOf(lease, now) !== "active") {
    const isExposed = lease.exposedUntil === null || Date.parse(lease.exposedUntil) > now.getTime();
    return { lease, done: [], notDone: isExposed ? [notDone(lease)] : [] };
  }
  const revoked: Lease = { ...lease, state: "revoked" };
  const event: AuditEvent = {
    event: "lease.revoked",
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: lease.resourceId,
    leaseId: lease.id,
    rule: context.rule,
    correlationId: context.correlationId,
    detail: { holder: lease.principal.id, exposedUntil: lease.exposedUntil },
    credentialMac: null,
  };
  await deps.appendAudit(event);
  if (!(await deps.leases.replace(revoked, etag))) {
    await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw new ConflictError("LEASE_CLOSED", "The lease was changed meanwhile. Look at it and repeat.");
  }
  return {
    lease: revoked,
    done: ["the lease is closed and cannot be renewed"],
    notDone: [notDone(lease)],
  };
}

function notDone({ resourceType, exposedUntil }: Lease): string {
  switch (resourceType) {
    case "blob-container":
      return `a SAS cannot be revoked alone: this one works until ${exposedUntil}`;
    case "azure-generic":
      return `an access token cannot be revoked: this one works until ${exposedUntil}`;
    case "key-vault-secret":
      return "a value that was read cannot be taken back: it works until it is changed where it is used";
  }
}
