/** Ends a lease: does what can be done, and says what cannot and until when. */
import type { AuditEvent } from "../audit/ports.ts";
import { ConflictError, DeniedError, NotFoundError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { MAX_MAKING_SECONDS } from "./issue-upstream.ts";
import { isRecordAlone, type Lease, stateOf } from "./lease.ts";
import { findVisibleLease, isHolder } from "./look.ts";
import type { LeaseStore } from "./ports.ts";
import { type ReadLease, type RemoveDeps, removeUpstream } from "./remove-upstream.ts";

/** What ending needs. */
export type RevokeDeps = RemoveDeps & { readonly leases: LeaseStore };
/** What ending a lease did. */
export type Revoked = {
  readonly lease: Lease;
  /** What was done now. */
  readonly done: readonly string[];
  /** What nobody can do before `exposedUntil`. */
  readonly notDone: readonly string[];
};

/** States in which something may be left in Azure that ending it again would remove. */
const LEFT_OVER: ReadonlySet<Lease["state"]> = new Set(["pending", "active", "revoking", "irrevocable"]);

/** Tries against whoever changes the lease at the same time: a holder that renews in a loop must not keep it alive. */
const MAX_TRIES = 10;

/** Who ends it, and how. */
type RevokeContext = {
  readonly rule: string;
  readonly correlationId: string;
  /** Whether it is ended however it is by now; else only as it is read first. */
  readonly isAnyVersion: boolean;
};

/**
 * Ending an ended lease changes nothing and is no error; where something is left in Azure, it is tried again.
 * @throws NotFoundError NOT_FOUND, DeniedError DENIED for another's lease without Admin, ConflictError LEASE_CLOSED when
 * it was changed meanwhile, or is being made and not yet MAX_MAKING_SECONDS old, UpstreamError
 */
export async function revokeLease(
  deps: RevokeDeps,
  leaseId: string,
  by: Principal,
  context: RevokeContext,
): Promise<Revoked> {
  const first = await findEndable(deps, leaseId, by);
  const over = lookAtEnded(deps, first.lease);
  if (over !== null) return over;
  const event = eventOf(first.lease, by, context);
  await deps.appendAudit(event);
  try {
    let found = first;
    for (let tries = 1; ; tries++) {
      const ended = await end(deps, found, context.correlationId);
      if (ended !== null) return ended;
      if (!context.isAnyVersion || tries === MAX_TRIES) throw changed();
      found = await findEndable(deps, leaseId, by);
      const meanwhile = lookAtEnded(deps, found.lease);
      if (meanwhile !== null) return meanwhile;
    }
  } catch (error) {
    // What failed for another reason may have been done: then the record stands. One that has gone came to nothing by itself.
    if (error instanceof ConflictError || error instanceof NotFoundError)
      await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw error;
  }
}

async function findEndable(deps: RevokeDeps, leaseId: string, by: Principal): Promise<ReadLease> {
  const { lease, etag } = await findVisibleLease(deps.leases, leaseId, by);
  if (!isHolder(lease, by) && !by.roles.includes("Latchkey.Admin")) {
    throw new DeniedError("DENIED", "Only its holder or an administrator can end a lease.");
  }
  const givenUpAt = new Date(Date.parse(lease.issuedAt) + MAX_MAKING_SECONDS * 1000);
  // Whoever made it has given it up already where it has an end.
  if (lease.state === "pending" && lease.endedAt === null && deps.now() < givenUpAt) {
    throw new ConflictError(
      "LEASE_CLOSED",
      `The lease is being made and nobody has its credential. If it is still pending at ${utc(givenUpAt)}, it can be ended from then on.`,
    );
  }
  return { lease, etag };
}

/** What is to be said of a lease that is over; null when it can still be ended. */
function lookAtEnded(deps: RevokeDeps, lease: Lease): Revoked | null {
  if (stateOf(lease, deps.now()) === "active" || isLeftOver(deps, lease)) return null;
  if (isRecordAlone(lease)) return { lease, done: [], notDone: [NOTHING_OUT] };
  return { lease, done: [], notDone: (leaves(deps, lease) ? exposure : stillOut)(lease, deps.now()) };
}

function leaves({ upstreamForms }: RevokeDeps, { form }: Lease): boolean {
  return upstreamForms.has(form);
}

function isLeftOver(deps: RevokeDeps, lease: Lease): boolean {
  return leaves(deps, lease) && LEFT_OVER.has(lease.state);
}

function eventOf(lease: Lease, by: Principal, { rule, correlationId }: RevokeContext): AuditEvent {
  const isAgain = lease.state !== "active" && lease.state !== "pending";
  return {
    event: "lease.revoked",
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: lease.resourceId,
    leaseId: lease.id,
    rule,
    correlationId,
    detail: { holder: lease.principal.id, exposedUntil: lease.exposedUntil, ...(isAgain ? { again: true } : {}) },
    credentialMac: null,
  };
}

/** Null when it was changed meanwhile. */
async function end(deps: RevokeDeps, { lease, etag }: ReadLease, correlationId: string): Promise<Revoked | null> {
  if (leaves(deps, lease)) return removed(deps, { lease, etag }, correlationId);
  const revoked: Lease = { ...lease, state: "revoked", endedAt: utc(deps.now()) };
  if ((await deps.leases.replace(revoked, etag)) === null) return null;
  return { lease: revoked, done: [CLOSED], notDone: [notDone(lease)] };
}

const CLOSED = "the lease is closed and cannot be renewed";

/** For a lease that left something: it ends when that is removed. Null when it was changed meanwhile. */
async function removed(deps: RevokeDeps, found: ReadLease, correlationId: string): Promise<Revoked | null> {
  const removal = await removeUpstream(deps, found, null, correlationId);
  if (removal.kind === "changed") return null;
  const { lease } = removal;
  const what = Object.entries(lease.upstream)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  if (removal.kind === "removed") {
    // Of one that was still being made nobody has the credential.
    const left = found.lease.state === "pending" ? [] : exposure(lease, deps.now());
    return { lease, done: [CLOSED, `removed: ${what}`], notDone: left };
  }
  const next =
    removal.kind === "later"
      ? "it is tried again every few minutes"
      : "nobody tries any more: remove it by hand, then end the lease again";
  const done = lease.state === "pending" ? [] : [CLOSED];
  return { lease, done, notDone: [`could not be removed: ${what}; ${next}`] };
}

/** What outlives the removal, by the lease's own `exposedUntil`. */
function exposure(lease: Lease, now: Date): string[] {
  const { exposedUntil, revocation } = lease;
  if (exposedUntil === null || Date.parse(exposedUntil) <= now.getTime()) return [];
  return [
    revocation === "immediate"
      ? `whoever checks it may go by what it has seen until ${exposedUntil}`
      : `whoever has signed in with it already may go on until ${exposedUntil}`,
  ];
}

function stillOut(lease: Lease, now: Date): string[] {
  const isExposed = lease.exposedUntil === null || Date.parse(lease.exposedUntil) > now.getTime();
  return isExposed ? [notDone(lease)] : [];
}

function changed(): ConflictError {
  return new ConflictError("LEASE_CLOSED", "The lease was changed meanwhile. Look at it and repeat.");
}

const NOTHING_OUT =
  "nothing was given out that could be ended: whoever has the kubeconfig signs in as himself, with the rights that he has there";

/** Of what cannot be ended before its own end. */
function notDone({ resourceType, form, expiresAt, exposedUntil }: Lease): string {
  switch (resourceType) {
    case "blob-container":
      return `a SAS cannot be revoked alone: this one works until ${exposedUntil}`;
    case "docker-registry":
      return form === "registry-wide"
        ? `a login of this form cannot be revoked: it works until ${expiresAt}, and what it is exchanged for until ${exposedUntil}`
        : `a token of a registry cannot be revoked: this one works until ${exposedUntil}`;
    case "kubernetes-cluster":
      return exposedUntil === null
        ? "an administrator's certificate cannot be revoked: it works until the cluster's certificates are rotated"
        : `an access token cannot be revoked: this one works until ${exposedUntil}`;
    case "azure-generic":
      return `an access token cannot be revoked: this one works until ${exposedUntil}`;
    case "key-vault-secret":
      return "a value that was read cannot be taken back: it works until it is changed where it is used";
  }
}
