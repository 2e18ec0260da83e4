/** Renews a lease: same id, new secret, policy asked anew. */
import { ConflictError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { DEFAULT_FORM } from "./blob-container.ts";
import type { IssueDeps, Issued } from "./issue.ts";
import { type Lease, longestLifeSeconds, stateOf } from "./lease.ts";
import { findOwnLease } from "./look.ts";
import { mint } from "./mint.ts";
import { auditOf, record } from "./record.ts";

/**
 * @param ttlSeconds null: as long as policy gives, at most an hour
 * @throws NotFoundError NOT_FOUND for a lease that is not the caller's; ConflictError LEASE_CLOSED; what issuing throws
 */
export async function renewLease(
  deps: IssueDeps,
  leaseId: string,
  ttlSeconds: number | null,
  by: Principal,
  correlationId: string,
): Promise<Issued> {
  const { lease, etag } = await findOwnLease(deps.leases, leaseId, by);
  const now = deps.now();
  const left = longestLifeSeconds([lease.maxUntil], now);
  if (stateOf(lease, now) !== "active" || left <= 0) throw closed();
  const ask = {
    connector: await deps.connectorName(lease.connectorId),
    resourceType: lease.resourceType,
    resourceId: lease.resourceId,
    access: lease.access,
    scope: lease.scope,
    form: lease.form,
    defaultForm: DEFAULT_FORM,
    ttlSeconds,
    project: lease.project,
    domain: lease.domain,
  };
  const authorized = await deps.authorize(by, ask);
  const maxTtlSeconds = Math.min(authorized.maxTtlSeconds, left);
  const minted = await mint(deps, { ...ask, ...authorized, maxTtlSeconds, ttlSeconds: ttlSeconds ?? null }, now);
  if (Date.parse(minted.times.expiresAt) > Date.parse(lease.maxUntil)) throw closed();
  const renewed: Lease = {
    ...lease,
    ...minted.times,
    issuedAt: lease.issuedAt,
    rule: authorized.rule,
    exposedUntil: minted.times.expiresAt,
  };
  const event = await auditOf(deps, "credential.renewed", renewed, minted, by, correlationId);
  const replace = async () => {
    // Revoked or renewed meanwhile: this secret must not go out.
    if (!(await deps.leases.replace(renewed, etag))) throw closed();
  };
  await record(deps, event, replace, async () => undefined);
  return { ...minted, lease: renewed };
}

function closed(): ConflictError {
  return new ConflictError(
    "LEASE_CLOSED",
    "The lease has ended, was changed meanwhile, or may not be renewed that long. Ask for a new credential.",
  );
}
