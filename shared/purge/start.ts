/** Starts plans and purges on demand: checks what can be checked now, puts it on record, and has it driven. Used by the routes. */
import { ConflictError } from "../errors.ts";
import { newRunId, type RandomBytes } from "../ids.ts";
import { utc } from "../time.ts";
import {
  findPurgePolicy,
  type ManageDeps,
  openOwnRegistry,
  type PolicyPlace,
  type PurgeContext,
} from "./policy/manage.ts";
import { NO_BOUNDS, readPurgePolicy } from "./policy/policy.ts";
import type { AuditEvent, DriveRun, PurgePolicyStore, PurgeRunStore } from "./ports.ts";
import { noCounts, type PurgeRun } from "./run.ts";

/** A plan that is older is not executed: the registry has moved on, and everything would be kept as changed. Seconds. */
const PLAN_MAX_AGE_SECONDS = 24 * 60 * 60;

/** What starting needs. */
export type StartDeps = Pick<ManageDeps, "openRegistry" | "appendAudit" | "now"> & {
  readonly policies: Pick<PurgePolicyStore, "find">;
  readonly runs: Pick<PurgeRunStore, "get" | "insert">;
  readonly driveRun: DriveRun;
  readonly randomBytes: RandomBytes;
};
/** What to start: a plan, or a purge that makes its own plan or executes one. */
export type StartRequest =
  | { readonly kind: "plan"; readonly planId: null }
  | { readonly kind: "purge"; readonly planId: string | null };

/**
 * The run, which goes on by itself. When it cannot be driven now, it is queued: the timer takes it up.
 * @throws NotFoundError NOT_FOUND, ConflictError PLAN_CHANGED RUN_ACTIVE, InputError INVALID_REQUEST for a stored policy that
 * is damaged, UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE; as openOwnRegistry
 */
export async function startRun(
  deps: StartDeps,
  place: PolicyPlace,
  request: StartRequest,
  context: PurgeContext,
): Promise<PurgeRun> {
  const stored = await findPurgePolicy(deps.policies, place);
  // The bounds of today are applied by the run itself: a policy from before they were lowered still runs, within them.
  const policy = readPurgePolicy(stored.spec, NO_BOUNDS);
  const policyJson = JSON.stringify(policy);
  if (request.planId !== null) await refuseOtherPlan(deps, place, request.planId, policyJson);
  const opened = await openOwnRegistry(deps.openRegistry, policy.connector, place.loginServer);
  const { by, correlationId } = context;
  const startedBy = { principalId: by.id, issuer: by.issuer, tenantId: by.tenantId };
  const run = {
    ...queuedRun(deps, place, policyJson),
    ...request,
    resourceId: opened.resourceId,
    correlationId,
    startedBy,
  };
  await deps.appendAudit(startedEvent(run, context.rule, "ok"));
  const inserted = await deps.runs.insert(run);
  if (inserted.kind !== "inserted") {
    await deps.appendAudit(startedEvent(run, context.rule, "withdrawn"));
    const other = inserted.kind === "active" ? inserted.runId : null;
    // Nobody begins before that one has ended: should it stand still, this gets it going.
    if (other !== null) await deps.driveRun({ id: other, loginServer: place.loginServer }).catch(() => undefined);
    throw active(other);
  }
  await deps.driveRun(run).catch(() => undefined);
  return run;
}

/** A new run that has done nothing; whoever starts it says who and why. */
export function queuedRun(
  deps: Pick<StartDeps, "now" | "randomBytes">,
  { loginServer, policy }: PolicyPlace,
  policyJson: string,
): Omit<PurgeRun, "kind" | "planId" | "correlationId" | "startedBy"> {
  const at = utc(deps.now());
  return {
    id: newRunId(deps.now(), deps.randomBytes),
    loginServer,
    policy,
    state: "queued",
    code: null,
    warnings: [],
    slot: null,
    policyJson,
    listedAt: null,
    batches: 0,
    resourceId: null,
    planBlob: null,
    reportBlob: null,
    counts: noCounts(),
    bytesFreed: 0,
    cursor: 0,
    groups: 0,
    slice: null,
    cancelRequested: false,
    startedAt: at,
    updatedAt: at,
    endedAt: null,
  };
}

/** What the trail is told before the row is written; `withdrawn` when it was not. */
export function startedEvent(run: PurgeRun, rule: string, outcome: AuditEvent["outcome"]): AuditEvent {
  return {
    event: "purge.started",
    outcome,
    ...run.startedBy,
    resourceId: run.resourceId ?? run.loginServer,
    leaseId: null,
    rule,
    correlationId: run.correlationId,
    detail: {
      registry: run.loginServer,
      policy: run.policy,
      runId: run.id,
      kind: run.kind,
      planId: run.planId,
      slot: run.slot,
    },
    credentialMac: null,
  };
}

/**
 * A plan is executed as somebody has read it: under this very policy, and not long after.
 * @throws ConflictError PLAN_CHANGED, UpstreamError STATE_UNAVAILABLE
 */
async function refuseOtherPlan(
  deps: Pick<StartDeps, "runs" | "now">,
  { loginServer, policy }: PolicyPlace,
  planId: string,
  policyJson: string,
): Promise<void> {
  const plan = (await deps.runs.get(loginServer, planId))?.run;
  if (plan === undefined || plan.policy !== policy || plan.kind !== "plan") {
    throw changed("There is no such plan of this policy for this registry.");
  }
  if (plan.state !== "planned") throw changed(`The plan is not one to execute: it is ${plan.state}.`);
  if (plan.policyJson !== policyJson) throw changed("The policy was changed after the plan had been made.");
  const ageMs = deps.now().getTime() - Date.parse(plan.listedAt ?? plan.startedAt);
  // Not a number, from a damaged time, is older as well.
  if (!(ageMs <= PLAN_MAX_AGE_SECONDS * 1000)) throw changed("The plan is older than 24 hours.");
}

function changed(what: string): ConflictError {
  return new ConflictError("PLAN_CHANGED", `${what} Make a new plan and look at it, or send planId null.`);
}

function active(runId: string | null): ConflictError {
  const which = runId === null ? "" : ` ${runId}`;
  return new ConflictError(
    "RUN_ACTIVE",
    `The purge${which} of this registry is running. Wait until it ends, or cancel it.`,
  );
}
