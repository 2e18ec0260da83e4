/** Renews a lease: same id, new secret, policy asked anew. */
import { ConflictError, InputError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { IssueDeps, Issued } from "./issue.ts";
import { type Lease, longestLifeSeconds, stateOf } from "./lease.ts";
import { findOwnLease } from "./look.ts";
import { mint } from "./mint.ts";
import { auditOf, record } from "./record.ts";
import { isWholeForm, TYPE_RULES, ttlOf } from "./request.ts";
import type { TtlRange } from "./request-fields.ts";

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
  refuseLife(ttlSeconds, ttlOf(lease.resourceType, lease.form));
  const ask = {
    connector: await deps.connectorName(lease.connectorId),
    resourceType: lease.resourceType,
    resourceId: lease.resourceId,
    access: lease.access,
    scope: lease.scope,
    form: lease.form,
    defaultForm: TYPE_RULES[lease.resourceType].forms[0],
    isWhole: isWholeForm(lease.form),
    ttlSeconds,
    project: lease.project,
    domain: lease.domain,
  };
  const authorized = await deps.authorize(by, ask);
  const maxTtlSeconds = Math.min(authorized.maxTtlSeconds, left);
  const request = { ...ask, asked: lease.resourceId, ...authorized, maxTtlSeconds };
  const minted = await (deps.upstreamForms.get(lease.form)?.renew(request, lease, now) ??
    mint(deps, lease.resourceType, request, now));
  // What works until it is rotated has no end that the lease could bound.
  const { expiresAt } = minted.times;
  if (expiresAt !== null && Date.parse(expiresAt) > Date.parse(lease.maxUntil)) throw closed();
  const renewed: Lease = {
    ...lease,
    ...minted.times,
    issuedAt: lease.issuedAt,
    mintedAt: minted.times.issuedAt,
    rule: authorized.rule,
    exposedUntil: latest(lease.exposedUntil, minted.exposedUntil),
    // What is to be removed keeps its names.
    upstream: { ...lease.upstream, ...minted.upstream },
  };
  const event = await auditOf(deps, "credential.renewed", renewed, minted, by, correlationId);
  const replace = async () => {
    // Revoked or renewed meanwhile: this secret must not go out.
    if ((await deps.leases.replace(renewed, etag)) === null) throw closed();
  };
  await record(deps, event, replace, async () => undefined);
  return { ...minted, lease: renewed };
}

/** As at issuing. @throws InputError INVALID_REQUEST */
function refuseLife(ttlSeconds: number | null, range: TtlRange | null): void {
  if (ttlSeconds === null || (range !== null && ttlSeconds >= range.min && ttlSeconds <= range.max)) return;
  const expected = range === null ? "null: nobody chooses the life of this form" : `${range.min} to ${range.max}`;
  throw new InputError("INVALID_REQUEST", `This credential cannot have that life. Correct /ttlSeconds: ${expected}.`, {
    problems: [{ path: "/ttlSeconds", expected }],
  });
}

/** A secret that was given out earlier may outlive the one of now. Null = no end. */
function latest(left: string | null, right: string | null): string | null {
  if (left === null || right === null) return null;
  return Date.parse(left) > Date.parse(right) ? left : right;
}

function closed(): ConflictError {
  return new ConflictError(
    "LEASE_CLOSED",
    "The lease has ended, was changed meanwhile, or may not be renewed that long. Ask for a new credential.",
  );
}
