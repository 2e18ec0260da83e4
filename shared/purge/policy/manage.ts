/** Changes purge policies: one at a time, checked, and on the audit trail before it holds. Used by the routes. */
import { ConflictError, InputError, NotFoundError } from "../../errors.ts";
import type { Principal } from "../../principal.ts";
import { utc } from "../../time.ts";
import type {
  AppendAudit,
  AuditEvent,
  OpenedRegistry,
  OpenRegistry,
  PurgePolicyStore,
  StoredPurgePolicy,
} from "../ports.ts";
import { MAX_SPEC_CHARACTERS, type PurgeBounds, type PurgePolicy, readPurgePolicy, scheduleOf } from "./policy.ts";
import { allWarnings, ownWarnings, type PolicyWarning, type WarningDeps } from "./policy-warnings.ts";
import { nextDue } from "./schedule.ts";

/** What changing needs. */
export type ManageDeps = WarningDeps & {
  readonly policies: PurgePolicyStore;
  readonly openRegistry: OpenRegistry;
  readonly appendAudit: AppendAudit;
  /** What the server's settings allow for a registry. */
  readonly boundsOf: (loginServer: string) => PurgeBounds;
  readonly now: () => Date;
};
/** Which policy. */
export type PolicyPlace = { readonly loginServer: string; readonly policy: string };
/** Who changes or starts something, by which rule, for the audit trail. */
export type PurgeContext = { readonly by: Principal; readonly rule: string; readonly correlationId: string };

/** @throws NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE */
export async function findPurgePolicy(
  policies: Pick<PurgePolicyStore, "find">,
  { loginServer, policy }: PolicyPlace,
): Promise<StoredPurgePolicy> {
  const found = await policies.find(loginServer, policy);
  if (found === null) throw new NotFoundError("NOT_FOUND", "There is no purge policy of this name for this registry.");
  return found;
}

/**
 * The registry of a policy, inside the connector that it names. A connector resolves names of its own; a host is one registry
 * alone, so that nothing but this host may come back.
 * @param resourceId the registry's id where it is known already: it is found with fewer requests
 * @throws as OpenRegistry; NotFoundError RESOURCE_NOT_FOUND
 */
export async function openOwnRegistry(
  open: OpenRegistry,
  connector: string,
  loginServer: string,
  resourceId = loginServer,
): Promise<OpenedRegistry> {
  const opened = await open(connector, resourceId, loginServer);
  if (opened.registry.loginServer === loginServer) return opened;
  throw new NotFoundError("RESOURCE_NOT_FOUND", "The connector does not reach a registry with this login server.");
}

/**
 * Creates or replaces a policy.
 * @param etag what the writer saw; null = it must not exist yet
 * @throws InputError INVALID_REQUEST PATTERN_UNSUPPORTED, ConflictError ETAG_MISMATCH, UpstreamError STATE_UNAVAILABLE
 * AUDIT_UNAVAILABLE; as openOwnRegistry
 */
export async function putPurgePolicy(
  deps: ManageDeps,
  place: PolicyPlace,
  input: unknown,
  etag: string | null,
  context: PurgeContext,
): Promise<{ policy: PurgePolicy; etag: string; nextDueAt: string | null; warnings: readonly PolicyWarning[] }> {
  const policy = readPurgePolicy(input, deps.boundsOf(place.loginServer));
  const detail = detailOf(place, JSON.stringify(policy));
  refuseTooLarge(detail);
  const stored = await deps.policies.find(place.loginServer, place.policy);
  if ((stored?.etag ?? null) !== etag) throw notAsSeen();
  const warnings = isSwitchedOff(policy, stored?.spec)
    ? ownWarnings(deps, policy, place.loginServer)
    : await allWarnings(deps, policy, await openOwnRegistry(deps.openRegistry, policy.connector, place.loginServer));
  const nextDueAt = await dueAfter(policy, stored, deps.now());
  await deps.appendAudit(eventOf("purge-policy.changed", "ok", place, detail, context));
  const written = await deps.policies.write(
    {
      name: place.policy,
      loginServer: place.loginServer,
      spec: policy,
      nextDueAt,
      updatedBy: context.by.id,
      isEnabled: policy.enabled,
    },
    etag,
  );
  if (written === null) throw await takeBack(deps, "purge-policy.changed", place, context);
  return { policy, etag: written, nextDueAt, warnings };
}

/** @throws ConflictError ETAG_MISMATCH, NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE */
export async function deletePurgePolicy(
  deps: Pick<ManageDeps, "policies" | "appendAudit">,
  place: PolicyPlace,
  etag: string,
  context: PurgeContext,
): Promise<void> {
  const stored = await findPurgePolicy(deps.policies, place);
  if (stored.etag !== etag) throw notAsSeen();
  await deps.appendAudit(eventOf("purge-policy.deleted", "ok", place, detailOf(place, ""), context));
  if (await deps.policies.remove(place.loginServer, place.policy, etag)) return;
  throw await takeBack(deps, "purge-policy.deleted", place, context);
}

/** Nothing but that: no registry is needed to stop a timer, just when it cannot be reached. */
function isSwitchedOff(policy: PurgePolicy, stored: unknown): boolean {
  return !policy.enabled && JSON.stringify({ ...Object(stored), enabled: false }) === JSON.stringify(policy);
}

/**
 * When the timer is to start it. A time that has come and was not run yet is not lost to a change of something else: it stays
 * for as long as the schedule does.
 */
async function dueAfter(policy: PurgePolicy, stored: StoredPurgePolicy | null, now: Date): Promise<string | null> {
  const schedule = scheduleOf(policy);
  if (schedule === null || !policy.enabled) return null;
  const before =
    stored === null || stored.nextDueAt === null ? null : { spec: Object(stored.spec), at: stored.nextDueAt };
  const isSame = before !== null && JSON.stringify(before.spec.schedule) === JSON.stringify(policy.schedule);
  if (isSame && before.at <= utc(now)) return before.at;
  const next = await nextDue(schedule, now);
  return next === null ? null : utc(next);
}

/** The trail holds the text as a text in JSON, where each quote and backslash counts twice. */
function refuseTooLarge(detail: AuditEvent["detail"]): void {
  const size = JSON.stringify(detail).length;
  if (size <= MAX_SPEC_CHARACTERS) return;
  throw new InputError(
    "INVALID_REQUEST",
    `The policy is ${size} characters as it is kept, and ${MAX_SPEC_CHARACTERS} is the most. Divide it into several policies.`,
    { problems: [{ path: "", expected: `at most ${MAX_SPEC_CHARACTERS} characters as it is kept` }] },
  );
}

type What = "purge-policy.changed" | "purge-policy.deleted";

async function takeBack(
  deps: Pick<ManageDeps, "appendAudit">,
  what: What,
  place: PolicyPlace,
  context: PurgeContext,
): Promise<ConflictError> {
  await deps.appendAudit(eventOf(what, "withdrawn", place, detailOf(place, ""), context));
  return notAsSeen();
}

function notAsSeen(): ConflictError {
  return new ConflictError(
    "ETAG_MISMATCH",
    "The purge policy is not as you saw it. GET it again and repeat the change on what is there now.",
  );
}

function detailOf({ loginServer, policy }: PolicyPlace, spec: string): AuditEvent["detail"] {
  return { registry: loginServer, policy, spec };
}

function eventOf(
  event: What,
  outcome: AuditEvent["outcome"],
  { loginServer, policy }: PolicyPlace,
  detail: AuditEvent["detail"],
  { by, rule, correlationId }: PurgeContext,
): AuditEvent {
  return {
    event,
    outcome,
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: `purge-policy:${loginServer}/${policy}`,
    leaseId: null,
    rule,
    correlationId,
    detail,
    credentialMac: null,
  };
}
