/** Changes policy: one record at a time, each on the audit trail before it holds. */
import type { AppendAudit } from "../audit/ports.ts";
import { ConflictError, InputError, NotFoundError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { Grant, Membership } from "./policy.ts";
import type { PolicyKind, PolicyStore, StoredPolicy } from "./ports.ts";

/** What changing needs. */
export type ManageDeps = { readonly store: PolicyStore; readonly appendAudit: AppendAudit };
/** Who changes, by which rule, for the audit trail. */
export type ChangeContext = { readonly by: Principal; readonly rule: string; readonly correlationId: string };
/** What the writer saw: an ETag, or that there was nothing (`If-None-Match: *`). */
export type Seen = { readonly etag: string } | { readonly absent: true };

/** @throws NotFoundError NOT_FOUND */
export async function findPolicy(store: PolicyStore, kind: PolicyKind, name: string): Promise<StoredPolicy> {
  const found = await store.find(kind, name);
  if (found === null) throw new NotFoundError("NOT_FOUND", `There is no ${kind} of this name.`);
  return found;
}

/**
 * Creates or replaces a record.
 * @throws ConflictError ETAG_MISMATCH when it is not as the writer saw it; UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE
 */
export async function putPolicy(
  deps: ManageDeps,
  kind: PolicyKind,
  name: string,
  spec: Membership | Grant,
  seen: Seen,
  context: ChangeContext,
): Promise<{ etag: string }> {
  await record(deps, kind, name, "changed", context, JSON.stringify(spec));
  const etag = await deps.store.write(kind, name, spec, context.by.id, "etag" in seen ? seen.etag : null);
  if (etag === null) throw await takeBack(deps, kind, name, "changed", context);
  return { etag };
}

/** @throws ConflictError ETAG_MISMATCH, NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE */
export async function deletePolicy(
  deps: ManageDeps,
  kind: PolicyKind,
  name: string,
  etag: string,
  context: ChangeContext,
): Promise<void> {
  await findPolicy(deps.store, kind, name);
  await record(deps, kind, name, "deleted", context, "");
  if (!(await deps.store.remove(kind, name, etag))) throw await takeBack(deps, kind, name, "deleted", context);
}

/**
 * Reads `If-Match` and `If-None-Match` of a change.
 * @throws InputError IF_MATCH_REQUIRED without either
 */
export function readSeen(headers: { ifMatch: string | null; ifNoneMatch: string | null }): Seen {
  if (headers.ifMatch !== null && headers.ifMatch !== "*") return { etag: headers.ifMatch };
  if (headers.ifNoneMatch === "*") return { absent: true };
  throw new InputError(
    "IF_MATCH_REQUIRED",
    "Send If-Match with the ETag that GET gave, so that nobody's change is lost; or If-None-Match: * to create.",
  );
}

type What = "changed" | "deleted";

function record(
  deps: ManageDeps,
  kind: PolicyKind,
  name: string,
  what: What,
  context: ChangeContext,
  spec: string,
): Promise<void> {
  return deps.appendAudit(eventOf(kind, name, what, context, "ok", spec));
}

async function takeBack(
  deps: ManageDeps,
  kind: PolicyKind,
  name: string,
  what: What,
  context: ChangeContext,
): Promise<ConflictError> {
  await deps.appendAudit(eventOf(kind, name, what, context, "withdrawn", ""));
  return new ConflictError(
    "ETAG_MISMATCH",
    `The ${kind} is not as you saw it. GET it again and repeat the change on what is there now.`,
  );
}

function eventOf(
  kind: PolicyKind,
  name: string,
  what: What,
  context: ChangeContext,
  outcome: "ok" | "withdrawn",
  spec: string,
): Parameters<AppendAudit>[0] {
  return {
    event: `${kind}.${what}`,
    outcome,
    principalId: context.by.id,
    issuer: context.by.issuer,
    tenantId: context.by.tenantId,
    resourceId: `${kind}:${name}`,
    leaseId: null,
    rule: context.rule,
    correlationId: context.correlationId,
    detail: { name, spec },
    credentialMac: null,
  };
}
