/** Starts the purges whose time has come: each slot once, and of several that were missed the last one alone. Called by the timer. */
import { utc } from "../time.ts";
import { NO_BOUNDS, readPurgePolicy, scheduleOf } from "./policy/policy.ts";
import { latestDue, nextDue, type Schedule } from "./policy/schedule.ts";
import type { PurgePolicyStore, PurgeRunStore, StoredPurgePolicy } from "./ports.ts";
import { type PurgeRun, TIMER } from "./run.ts";
import { queuedRun, type StartDeps, startedEvent } from "./start.ts";

/** Policies that are read at once. */
const PAGE = 100;
/** Rule of runs that the timer starts, for the audit trail. */
const RULE = "purge-policy:schedule";

/** What starting needs. */
export type DueDeps = Pick<StartDeps, "appendAudit" | "driveRun" | "randomBytes" | "now"> & {
  readonly policies: Pick<PurgePolicyStore, "listDue" | "write">;
  readonly runs: Pick<PurgeRunStore, "insert" | "holder">;
  readonly newId: () => string;
  /** Told of each policy that could not be started, and of each run that could not be driven. */
  readonly onFailure: (error: unknown) => void;
};

/** Several machines may do this at once. @returns how many were started. @throws UpstreamError STATE_UNAVAILABLE */
export async function startDue(deps: DueDeps): Promise<number> {
  const now = deps.now();
  let started = 0;
  let after: { readonly loginServer: string; readonly name: string } | null = null;
  for (;;) {
    const page: readonly StoredPurgePolicy[] = await deps.policies.listDue(now, after, PAGE);
    for (const stored of page) {
      try {
        if (await startOne(deps, stored, now)) started++;
      } catch (error) {
        deps.onFailure(error);
      }
    }
    after = page.at(-1) ?? null;
    if (page.length < PAGE || after === null) return started;
  }
}

async function startOne(deps: DueDeps, stored: StoredPurgePolicy, now: Date): Promise<boolean> {
  const policy = readPurgePolicy(stored.spec, NO_BOUNDS);
  const schedule = scheduleOf(policy);
  // A policy that is not enabled has no such time; should its row say one, it does not run all the same.
  if (!policy.enabled || schedule === null || stored.nextDueAt === null) return false;
  const slot = await latestDue(schedule, new Date(stored.nextDueAt), now);
  if (slot === null) {
    await moveOn(deps, stored, schedule, now);
    return false;
  }
  const { loginServer, name } = stored;
  // Its turn comes when the other has ended: the slot stays due, and the trail is told of nothing that does not begin.
  if ((await deps.runs.holder(loginServer)) !== null) return false;
  const run: PurgeRun = {
    ...queuedRun(deps, { loginServer, policy: name }, JSON.stringify(policy)),
    kind: "purge",
    planId: null,
    slot: utc(slot),
    correlationId: deps.newId(),
    startedBy: TIMER,
  };
  await deps.appendAudit(startedEvent(run, RULE, "ok"));
  const inserted = await deps.runs.insert(run);
  if (inserted.kind !== "inserted") await deps.appendAudit(startedEvent(run, RULE, "withdrawn"));
  if (inserted.kind === "active") return false;
  await moveOn(deps, stored, schedule, now);
  if (inserted.kind === "taken") return false;
  // One that is not driven now is queued: the next look finds it standing still.
  await deps.driveRun(run).catch(deps.onFailure);
  return true;
}

/** Whoever changed the policy meanwhile has said when it is due. */
async function moveOn(deps: DueDeps, stored: StoredPurgePolicy, schedule: Schedule, now: Date): Promise<void> {
  const next = await nextDue(schedule, now);
  const { etag, ...policy } = stored;
  await deps.policies.write({ ...policy, nextDueAt: next === null ? null : utc(next), isEnabled: true }, etag);
}
