/** Puts a credential on record before it is answered: lease and audit, both or neither. Used by issue and renew. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import type { Principal } from "../principal.ts";
import type { Lease } from "./lease.ts";
import type { Minted } from "./minted.ts";
import type { ComputeMac } from "./ports.ts";

/** What recording needs. */
export type RecordDeps = { readonly appendAudit: AppendAudit; readonly computeMac: ComputeMac };

/** The audit event of a credential: everything but the credential. @throws UpstreamError VAULT_UNAVAILABLE */
export async function auditOf(
  deps: Pick<RecordDeps, "computeMac">,
  event: "credential.issued" | "credential.renewed",
  lease: Lease,
  minted: Minted,
  by: Principal,
  correlationId: string,
): Promise<AuditEvent> {
  return {
    event,
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: lease.resourceId,
    leaseId: lease.id,
    rule: lease.rule,
    correlationId,
    detail: {
      connector: minted.connector.name,
      form: lease.form,
      access: lease.access,
      expiresAt: lease.expiresAt,
      project: lease.project,
      domain: lease.domain,
      reason: lease.reason,
      ...scopeFacts(lease.scope),
      ...minted.upstream,
    },
    credentialMac: minted.marked === null ? null : await deps.computeMac(minted.marked),
  };
}

/** What the credential is limited to. A secret's version is among the names of what was read. */
function scopeFacts({ audience, repositories, namespace }: Lease["scope"]) {
  return {
    ...(audience === undefined ? {} : { audience }),
    ...(repositories === undefined ? {} : { repositories: repositories.join(", ") }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/**
 * Both records or neither: what is made here leaves nothing in Azure, so dropping it here is enough to withdraw it.
 * @param write puts the lease; @param takeBack undoes that
 */
export async function record(
  deps: Pick<RecordDeps, "appendAudit">,
  event: AuditEvent,
  write: () => Promise<unknown>,
  takeBack: () => Promise<unknown>,
): Promise<void> {
  const written = await Promise.allSettled([deps.appendAudit(event), write()]);
  const failure = written.find((result) => result.status === "rejected");
  if (failure === undefined) return;
  // Best effort: what cannot be taken back only over-reports, and the caller gets no credential in any case.
  // Even a failed write may have arrived, so both are taken back whichever failed.
  // Not waited for: the caller has waited for what failed already.
  void Promise.allSettled([deps.appendAudit({ ...event, outcome: "withdrawn" }), takeBack()]);
  throw failure.reason;
}
