/**
 * Issues a credential that leaves something in Azure: due + pending lease → make → audit → active lease → answer.
 * Whatever dies in between, the sweep finds the pending lease and removes what was made. Used by issue.ts.
 */
import type { AuditEvent } from "../audit/ports.ts";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { type Lease, leaseEnd } from "./lease.ts";
import type { Minted } from "./minted.ts";
import { NothingMade } from "./nothing-made.ts";
import type { DueLease, LeaseStore, RefuseUnusable } from "./ports.ts";
import { auditOf, type RecordDeps } from "./record.ts";
import { type RemoveDeps, removeUpstream } from "./remove-upstream.ts";

/** A lease that is pending for longer is given up by the sweep: over twice what Azure lets a request take (230 s). */
export const PENDING_SECONDS = 600;
/**
 * Somebody may give up a pending lease when it is so old: whoever asked for it has had no answer for over a minute, since
 * Azure ends a request to a function app after 230 s. Source: the Azure Functions documentation, function app timeout.
 */
export const MAX_MAKING_SECONDS = 300;
/** Whoever has not begun to make it by now has been held up, and must not meet the sweep. */
const MAX_START_SECONDS = 120;

/** What this needs. */
export type IssueUpstreamDeps = RecordDeps &
  RemoveDeps & { readonly leases: LeaseStore; readonly refuseUnusable: RefuseUnusable };

/**
 * @param pending the lease as planned; it is still on record nowhere
 * @param make makes what the lease names
 * @throws LimitError LEASE_LIMIT; what making and RefuseUnusable throw; UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE VAULT_UNAVAILABLE
 */
export async function issueUpstream(
  deps: IssueUpstreamDeps,
  pending: Lease,
  make: () => Promise<Minted>,
  by: Principal,
  correlationId: string,
): Promise<Minted & { readonly lease: Lease }> {
  const startedAt = deps.now().getTime();
  const due = { leaseId: pending.id, dueAt: utc(new Date(startedAt + PENDING_SECONDS * 1000)) };
  await deps.leaseDue.file(due);
  const etag = await inserted(deps, pending, due);
  let event: AuditEvent | null = null;
  let isMade: "no" | "unknown" | "yes" = "no";
  try {
    // Whoever deletes the connector disables it and then looks for leases: it sees this one, or this sees it disabled.
    await deps.refuseUnusable(pending.connectorId);
    if (deps.now().getTime() - startedAt > MAX_START_SECONDS * 1000) throw tooLate();
    isMade = "unknown";
    const minted = await make();
    isMade = "yes";
    const lease: Lease = {
      ...pending,
      ...minted.times,
      state: "active",
      mintedAt: minted.times.issuedAt,
      exposedUntil: minted.exposedUntil,
      upstream: { ...pending.upstream, ...minted.upstream },
    };
    event = await auditOf(deps, "credential.issued", lease, minted, by, correlationId);
    await deps.appendAudit(event);
    // The sweep has given it up: what was made is gone, or about to go.
    if ((await deps.leases.replace(lease, etag)) === null) throw tooLate();
    const end = utc(new Date(leaseEnd(lease)));
    // A short one is not left lying until the sweep would have given it up.
    if (end < due.dueAt) await ignoringFailure(() => deps.leaseDue.file({ leaseId: lease.id, dueAt: end }));
    return { ...minted, lease };
  } catch (failure) {
    const isNothingMade = failure instanceof NothingMade;
    const error = isNothingMade ? failure.refusal : failure;
    const mayArrive = isMade === "unknown" && !isRefusal(error);
    await ignoringFailure(() => {
      if (isMade === "no" || isNothingMade) return takeBack(deps, pending, due);
      return mayArrive ? removeAhead(deps, pending) : withdraw(deps, pending, due, event, correlationId);
    });
    throw error;
  }
}

/** A lease that could not be put on record leaves no time behind, as far as that is certain. */
async function inserted(deps: IssueUpstreamDeps, pending: Lease, due: DueLease): Promise<string> {
  try {
    return await deps.leases.insert(pending);
  } catch (error) {
    // After a lost reply the lease may be there; nothing is made yet, so taking it back is enough.
    await ignoringFailure(() => takeBack(deps, pending, due));
    throw error;
  }
}

/** Of what was never begun only the record goes: its connector, without which nothing is removed, may be gone. */
async function takeBack(deps: IssueUpstreamDeps, pending: Lease, due: DueLease): Promise<void> {
  await deps.leases.remove(pending);
  await deps.leaseDue.drop(due);
}

/** Removes what was made, as far as it can be done now; the sweep does the rest. */
async function withdraw(
  deps: IssueUpstreamDeps,
  pending: Lease,
  due: DueLease,
  event: AuditEvent | null,
  correlationId: string,
) {
  const found = await deps.leases.find(due.leaseId);
  // The sweep was here before what it removed was there.
  if (found === null) return removeAhead(deps, pending);
  // Its activation arrived though we had no answer: for a pending one, ending it says this itself.
  if (found.lease.state === "active" && event !== null) await deps.appendAudit({ ...event, outcome: "withdrawn" });
  await removeUpstream(deps, found, due, correlationId);
}

/**
 * Removes what may be there, and leaves the pending lease on file: what Azure finishes later the sweep removes when the
 * time is up.
 */
async function removeAhead(deps: IssueUpstreamDeps, pending: Lease): Promise<void> {
  await deps.upstreamForms.get(pending.form)?.remove(pending);
}

/** Whether nothing was made for certain: Azure, or a rule of ours, said no. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return error instanceof LatchkeyError;
  const status = error.failure?.status ?? null;
  return error.code !== "UPSTREAM_TIMEOUT" && status !== null && status >= 400 && status < 500 && status !== 408;
}

/** The caller waits for another error already; the time on file brings the sweep here. */
async function ignoringFailure(work: () => Promise<void>): Promise<void> {
  await work().catch(() => undefined);
}

function tooLate(): UpstreamError {
  return new UpstreamError("UPSTREAM_TIMEOUT", "Making the credential took too long, so it was withdrawn. Try again.", {
    retryable: true,
  });
}
