/** Changes policy: one record at a time, each on the audit trail before it holds. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { ConflictError, InputError, NotFoundError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { Grant, Membership } from "./policy.ts";
import type { PolicyKind, PolicyStore, StoredPolicy } from "./ports.ts";

/** Most characters of a column. Table Storage takes 64 KiB in UTF-16, so 32,768 of them; the rest is left as a margin. */
const MAX_COLUMN_CHARACTERS = 30_000;

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
 * @throws InputError INVALID_REQUEST when it is too large to be kept, ConflictError ETAG_MISMATCH when it is not as the writer saw it; UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE
 */
export async function putPolicy(
  deps: ManageDeps,
  kind: PolicyKind,
  name: string,
  spec: Membership | Grant,
  seen: Seen,
  context: ChangeContext,
): Promise<{ etag: string }> {
  const text = JSON.stringify(spec);
  refuseTooLarge(text, { name, spec: text });
  await record(deps, kind, name, "changed", context, text);
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

/** Reads `If-Match` where nothing is created. @throws InputError IF_MATCH_REQUIRED */
export function readEtag(ifMatch: string | null): string {
  const seen = readSeen({ ifMatch, ifNoneMatch: null });
  if ("etag" in seen) return seen.etag;
  throw new InputError("IF_MATCH_REQUIRED", "Send If-Match with the ETag that GET gave.");
}

/** The trail holds the text as a text in JSON, where each quote and backslash counts twice. */
function refuseTooLarge(spec: string, detail: AuditEvent["detail"]): void {
  const size = Math.max(spec.length, JSON.stringify(detail).length);
  if (size <= MAX_COLUMN_CHARACTERS) return;
  throw new InputError(
    "INVALID_REQUEST",
    `This is ${size} characters as it is kept, and ${MAX_COLUMN_CHARACTERS} is the most. Divide it into several records.`,
    { problems: [{ path: "", expected: `at most ${MAX_COLUMN_CHARACTERS} characters as it is kept` }] },
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
