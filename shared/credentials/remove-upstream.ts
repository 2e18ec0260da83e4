/** Ends a lease that left something in Azure, one attempt at a time. Used by issue-upstream.ts, revoke.ts and sweep.ts. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { NotNowError } from "../errors.ts";
import { utc } from "../time.ts";
import { type Lease, leaseEnd } from "./lease.ts";
import type { DueLease, LeaseDueStore, LeaseStore, UpstreamForms } from "./ports.ts";

/** Failed attempts after which nobody tries any more but by hand. */
export const MAX_REVOKE_ATTEMPTS = 6;
/** Wait after the first failed attempt; it doubles with each: 5, 10, 20, 40 and 80 minutes. */
const FIRST_RETRY_SECONDS = 300;

/** What ending needs. */
export type RemoveDeps = {
  readonly leases: Pick<LeaseStore, "find" | "replace" | "remove">;
  readonly leaseDue: LeaseDueStore;
  readonly upstreamForms: UpstreamForms;
  readonly appendAudit: AppendAudit;
  readonly now: () => Date;
};
/** A lease as it was read. */
export type ReadLease = { readonly lease: Lease; readonly etag: string };
/**
 * How an attempt ended: `removed`, nothing is left; `later`, it failed or was not possible now, and is filed for another;
 * `irrevocable`, it failed for the last time; `changed`, somebody else changed the lease meanwhile, and nothing was done.
 */
export type Removal =
  | { readonly kind: "removed" | "later" | "irrevocable"; readonly lease: Lease; readonly error: unknown }
  | { readonly kind: "changed" };

/**
 * Repeating it is safe at any point. Nothing that the form answers is thrown; where the sweep asks it is counted.
 * @param filed the time under which the sweep found the lease; null = somebody else asks, whose tries do not count
 * @throws UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE: then the sweep goes on with it
 */
export async function removeUpstream(
  deps: RemoveDeps,
  found: ReadLease,
  filed: DueLease | null,
  correlationId: string,
): Promise<Removal> {
  const claim = await claimed(deps, found, filed);
  if (claim === null) return { kind: "changed" };
  const { lease, etag, due } = claim;
  let exposedUntil: Date;
  try {
    const form = deps.upstreamForms.get(lease.form);
    // An older build's: nobody here knows what to remove, and it must not be tried for ever.
    if (form === undefined) throw new Error("No form of this name leaves anything.");
    ({ exposedUntil } = await form.remove(lease));
  } catch (error) {
    if (filed !== null) return failed(deps, lease, etag, filed, error, correlationId);
    return { kind: lease.state === "irrevocable" ? "irrevocable" : "later", lease, error };
  }
  const ended = closed(lease, exposedUntil);
  // Before the record is closed: a process that dies in between removes once more, and says so once more.
  if (lease.state === "pending") {
    await deps.appendAudit({ ...eventOf("credential.issued", lease, correlationId), outcome: "withdrawn" });
    await deps.leases.remove(lease);
  } else {
    await deps.appendAudit(eventOf("lease.removed", lease, correlationId));
    if ((await deps.leases.replace(ended, etag)) === null) return { kind: "changed" };
  }
  if (lease.state === "irrevocable") await deps.leaseDue.setIrrevocable(lease.id, false);
  if (due !== null) await deps.leaseDue.drop(due);
  return { kind: "removed", lease: ended, error: null };
}

/** From here on nobody can use or renew it, and if this process dies the sweep goes on. Null when it was changed. */
async function claimed(deps: RemoveDeps, { lease, etag }: ReadLease, filed: DueLease | null) {
  if (lease.endedAt !== null) return { lease, etag, due: filed };
  const now = deps.now();
  // Filed before the claim, so that no claimed lease is ever forgotten.
  const due = filed ?? { leaseId: lease.id, dueAt: utc(retryTime(now, 1)) };
  if (filed === null) await deps.leaseDue.file(due);
  const claim: Lease = { ...lease, state: lease.state === "pending" ? "pending" : "revoking", endedAt: utc(now) };
  const next = await deps.leases.replace(claim, etag);
  return next === null ? null : { lease: claim, etag: next, due };
}

async function failed(
  deps: RemoveDeps,
  lease: Lease,
  etag: string,
  due: DueLease,
  error: unknown,
  correlationId: string,
): Promise<Removal> {
  if (error instanceof NotNowError) return putOff(deps, lease, due, error);
  const revokeAttempts = lease.revokeAttempts + 1;
  const isLast = revokeAttempts >= MAX_REVOKE_ATTEMPTS;
  const next: Lease = { ...lease, state: isLast ? "irrevocable" : lease.state, revokeAttempts };
  const again = { leaseId: lease.id, dueAt: utc(retryTime(deps.now(), revokeAttempts)) };
  if (!isLast) await deps.leaseDue.file(again);
  else {
    await deps.appendAudit(eventOf("lease.irrevocable", next, correlationId));
    // Listed before its state says so: an entry too many is seen through, a missing one would be forgotten.
    await deps.leaseDue.setIrrevocable(lease.id, true);
  }
  if ((await deps.leases.replace(next, etag)) === null) return { kind: "changed" };
  if (isLast) await deps.leaseDue.drop(due);
  else await dropUnlessOverwritten(deps.leaseDue, due, again);
  return { kind: isLast ? "irrevocable" : "later", lease: next, error };
}

/**
 * Not counted, however long it lasts: nobody could do it by hand either. While a secret of the lease could still work once
 * the thing is back, it is tried as often as at first; then what is left harms nobody, and it is tried as seldom as at last.
 */
async function putOff(deps: RemoveDeps, lease: Lease, due: DueLease, error: NotNowError): Promise<Removal> {
  const now = deps.now();
  const mayWork = lease.exposedUntil === null || Date.parse(lease.exposedUntil) > now.getTime();
  const again = { leaseId: lease.id, dueAt: utc(retryTime(now, mayWork ? 1 : MAX_REVOKE_ATTEMPTS - 1)) };
  await deps.leaseDue.file(again);
  await dropUnlessOverwritten(deps.leaseDue, due, again);
  return { kind: "later", lease, error };
}

/** By the clock or by somebody: what came first. Nothing works for longer than it would have without ending it. */
function closed(lease: Lease, exposedUntil: Date): Lease {
  const isExpired = lease.endedAt !== null && Date.parse(lease.endedAt) >= leaseEnd(lease);
  const until = utc(exposedUntil);
  const isEarlier = lease.exposedUntil === null || until < lease.exposedUntil;
  return { ...lease, state: isExpired ? "expired" : "revoked", exposedUntil: isEarlier ? until : lease.exposedUntil };
}

function retryTime(now: Date, attempts: number): Date {
  return new Date(now.getTime() + FIRST_RETRY_SECONDS * 1000 * 2 ** (attempts - 1));
}

/** One time per lease is enough, and one in the same hour has been overwritten: UTC texts of one hour begin alike. */
export async function dropUnlessOverwritten(
  leaseDue: Pick<LeaseDueStore, "drop">,
  due: DueLease,
  by: DueLease,
): Promise<void> {
  if (due.dueAt.slice(0, 13) !== by.dueAt.slice(0, 13)) await leaseDue.drop(due);
}

/** What the service does by itself is its own event, whoever held the lease. */
function eventOf(event: AuditEvent["event"], lease: Lease, correlationId: string): AuditEvent {
  return {
    event,
    outcome: "ok",
    principalId: "latchkey",
    issuer: "latchkey",
    tenantId: "",
    resourceId: lease.resourceId,
    leaseId: lease.id,
    rule: lease.rule,
    correlationId,
    detail: { holder: lease.principal.id, form: lease.form, attempts: lease.revokeAttempts, ...lease.upstream },
    credentialMac: null,
  };
}
