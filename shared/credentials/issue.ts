/** Issues a credential: resolve → mint → lease and audit, side by side → answer. No record, no credential. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { InputError } from "../errors.ts";
import { newLeaseId, principalHash, type RandomBytes } from "../ids.ts";
import { type Principal, principalId } from "../principal.ts";
import { type BlobCredentialRequest, sasPermissions } from "./blob-container.ts";
import { type Lease, leaseTimes, longestLifeSeconds } from "./lease.ts";
import type { BlobSas, ComputeMac, IssueBlobSas, LeaseStore, OpenContainer } from "./ports.ts";

/** What issuing needs. */
export type IssueDeps = {
  readonly openContainer: OpenContainer;
  readonly issueBlobSas: IssueBlobSas;
  readonly leases: LeaseStore;
  readonly appendAudit: AppendAudit;
  readonly computeMac: ComputeMac;
  readonly now: () => Date;
  readonly randomBytes: RandomBytes;
};
/** A lease with its credential: the only place where both are together. */
export type Issued = {
  readonly lease: Lease;
  readonly connector: { readonly id: string; readonly name: string };
  readonly displayName: string;
  readonly account: string;
  readonly container: string;
  readonly credential: BlobSas;
};

/**
 * @param rule what allowed it, e.g. `role:Latchkey.Admin`; kept in lease and audit
 * @throws what OpenContainer and IssueBlobSas throw; UpstreamError AUDIT_UNAVAILABLE STATE_UNAVAILABLE VAULT_UNAVAILABLE
 */
export async function issueBlobCredential(
  deps: IssueDeps,
  request: BlobCredentialRequest & { readonly connector: string },
  by: Principal,
  context: { rule: string; correlationId: string },
): Promise<Issued> {
  const opened = await deps.openContainer(request.connector, request.resourceId);
  const { account, container } = opened.container;
  const now = deps.now();
  const longest = longestLifeSeconds(opened.connector.expiresAt, now);
  if (request.ttlSeconds > longest) {
    const problems = [{ path: "/ttlSeconds", expected: `at most ${longest}` }];
    throw new InputError("INVALID_REQUEST", `The connector expires in ${longest} seconds. Ask for a shorter life.`, {
      problems,
    });
  }
  const times = leaseTimes(now, request.ttlSeconds, longest);
  const credential = await deps.issueBlobSas({
    signIn: opened.signIn,
    account,
    container,
    permissions: sasPermissions(request.access),
    expiresAt: new Date(times.expiresAt),
  });
  const ph = principalHash(by);
  const lease: Lease = {
    id: newLeaseId(ph, deps.randomBytes),
    principalHash: ph,
    state: "active",
    connectorId: opened.connector.id,
    resourceType: request.resourceType,
    resourceId: opened.resourceId,
    access: request.access,
    scope: request.scope,
    form: request.form,
    principal: { id: principalId(by), issuer: by.issuer },
    project: request.project,
    domain: request.domain,
    reason: request.reason,
    rule: context.rule,
    ...times,
    revocation: "expiry-only",
    exposedUntil: times.expiresAt,
  };
  const credentialMac = await deps.computeMac(credential.sasToken);
  await record(deps, lease, {
    event: "credential.issued",
    outcome: "ok",
    principalId: lease.principal.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: lease.resourceId,
    leaseId: lease.id,
    rule: context.rule,
    correlationId: context.correlationId,
    detail: {
      connector: opened.connector.name,
      form: lease.form,
      access: lease.access,
      expiresAt: lease.expiresAt,
      project: lease.project,
      domain: lease.domain,
      reason: lease.reason,
    },
    credentialMac,
  });
  return { lease, connector: opened.connector, displayName: opened.displayName, account, container, credential };
}

/** Both records or neither: a SAS leaves nothing in Azure, so dropping it here is enough to withdraw it. */
async function record(deps: IssueDeps, lease: Lease, event: AuditEvent): Promise<void> {
  const written = await Promise.allSettled([deps.appendAudit(event), deps.leases.insert(lease)]);
  const failure = written.find((result) => result.status === "rejected");
  if (failure === undefined) return;
  // Best effort: what cannot be taken back only over-reports, and the caller gets no credential in any case.
  // Even a failed write may have arrived, so both are taken back whichever failed.
  // Not waited for: the caller has waited for what failed already.
  void Promise.allSettled([deps.appendAudit({ ...event, outcome: "withdrawn" }), deps.leases.remove(lease)]);
  throw failure.reason;
}
