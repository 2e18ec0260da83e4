/** Ends a lease: does what can be done, and says what cannot and until when. */
import type { AuditEvent } from "../audit/ports.ts";
import { ConflictError, DeniedError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
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
const LEFT_OVER: ReadonlySet<Lease["state"]> = new Set(["revoking", "irrevocable"]);

/**
 * Ending an ended lease changes nothing and is no error; where something is left in Azure, it is tried again.
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
  if (lease.state === "pending") {
    throw new ConflictError(
      "LEASE_CLOSED",
      "The lease is being made and nobody has its credential. Repeat in a minute.",
    );
  }
  const leaves = deps.upstreamForms.has(lease.form);
  const isLeftOver = leaves && LEFT_OVER.has(lease.state);
  const now = deps.now();
  if (stateOf(lease, now) !== "active" && !isLeftOver) {
    if (isRecordAlone(lease)) return { lease, done: [], notDone: [NOTHING_OUT] };
    const isExposed = lease.exposedUntil === null || Date.parse(lease.exposedUntil) > now.getTime();
    return { lease, done: [], notDone: isExposed ? [notDone(lease)] : [] };
  }
  const revoked: Lease = { ...lease, state: "revoked", endedAt: utc(now) };
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
    detail: { holder: lease.principal.id, exposedUntil: lease.exposedUntil, ...(isLeftOver ? { again: true } : {}) },
    credentialMac: null,
  };
  await deps.appendAudit(event);
  const ended = leaves
    ? await removed(deps, { lease, etag }, context.correlationId)
    : (await deps.leases.replace(revoked, etag)) !== null && {
        lease: revoked,
        done: ["the lease is closed and cannot be renewed"],
        notDone: [notDone(lease)],
      };
  if (ended) return ended;
  await deps.appendAudit({ ...event, outcome: "withdrawn" });
  throw changed();
}

/** For a lease that left something: it ends when that is removed. Null when it was changed meanwhile. */
async function removed(deps: RevokeDeps, found: ReadLease, correlationId: string): Promise<Revoked | null> {
  const removal = await removeUpstream(deps, found, null, correlationId);
  if (removal.kind === "changed") return null;
  const { lease } = removal;
  const what = Object.entries(lease.upstream)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const closed = "the lease is closed and cannot be renewed";
  if (removal.kind === "removed") {
    const exposed = `whoever has signed in with it already may go on until ${lease.exposedUntil}`;
    return { lease, done: [closed, `removed: ${what}`], notDone: lease.revocation === "delayed" ? [exposed] : [] };
  }
  const next =
    removal.kind === "later"
      ? "it is tried again every few minutes"
      : "nobody tries any more: remove it by hand, then end the lease again";
  return { lease, done: [closed], notDone: [`could not be removed: ${what}; ${next}`] };
}

function changed(): ConflictError {
  return new ConflictError("LEASE_CLOSED", "The lease was changed meanwhile. Look at it and repeat.");
}

const NOTHING_OUT =
  "nothing was given out that could be ended: whoever has the kubeconfig signs in as himself, with the rights that he has there";

function notDone({ resourceType, exposedUntil }: Lease): string {
  switch (resourceType) {
    case "blob-container":
      return `a SAS cannot be revoked alone: this one works until ${exposedUntil}`;
    case "docker-registry":
      return `a token of a registry cannot be revoked: this one works until ${exposedUntil}`;
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
