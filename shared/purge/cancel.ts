/** Asks a run to stop: what it has begun it finishes, the rest stays. Used by the routes. */
import { NotFoundError, UpstreamError } from "../errors.ts";
import type { PurgeContext } from "./policy/manage.ts";
import type { AppendAudit, DriveRun, PurgeRunStore, StoredRun } from "./ports.ts";
import { OPEN_STATES } from "./run.ts";

/** Tries against the run itself, which writes its row after every group. */
const MAX_TRIES = 8;

/** What cancelling needs. */
export type CancelDeps = {
  readonly runs: Pick<PurgeRunStore, "find" | "replace">;
  readonly appendAudit: AppendAudit;
  readonly driveRun: DriveRun;
};

/** @throws NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE */
export async function findRun(runs: Pick<PurgeRunStore, "find">, runId: string): Promise<StoredRun> {
  const found = await runs.find(runId);
  if (found === null)
    throw new NotFoundError("NOT_FOUND", "There is no run with this id. GET /api/purge-runs lists them.");
  return found;
}

/**
 * The run with the request on record; one that has ended, or was asked before, as it is: asking twice is asking once.
 * @throws NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE
 */
export async function cancelRun(deps: CancelDeps, runId: string, context: PurgeContext): Promise<StoredRun> {
  let isRecorded = false;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const found = await findRun(deps.runs, runId);
    if (!OPEN_STATES.has(found.run.state)) return found;
    if (found.run.cancelRequested) {
      // Whoever asks again sees that it does not end.
      await deps.driveRun(found.run).catch(() => undefined);
      return found;
    }
    if (!isRecorded) await deps.appendAudit(eventOf(found, context));
    isRecorded = true;
    // Its `updatedAt` stays: nobody has worked on it, and one that stands still must go on looking so.
    const run = { ...found.run, cancelRequested: true };
    const etag = await deps.runs.replace(run, found.etag);
    if (etag === null) continue;
    // One that nobody drives would not learn of it.
    await deps.driveRun(run).catch(() => undefined);
    return { run, etag };
  }
  throw new UpstreamError("STATE_UNAVAILABLE", "The run was written again and again. Repeat the call.", {
    retryable: true,
  });
}

function eventOf({ run }: StoredRun, { by, rule, correlationId }: PurgeContext): Parameters<AppendAudit>[0] {
  return {
    event: "purge.cancel-requested",
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: run.resourceId ?? run.loginServer,
    leaseId: null,
    rule,
    correlationId,
    detail: { registry: run.loginServer, policy: run.policy, runId: run.id, state: run.state },
    credentialMac: null,
  };
}
