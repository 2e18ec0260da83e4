/** The end of a run: its report made whole, its last state, its record in the trail; then its row, which gives the registry back. */
import { NotFoundError, UpstreamError } from "../../errors.ts";
import { utc } from "../../time.ts";
import { PURGE_LIMIT } from "../plan/limits.ts";
import type { AppendAudit, LinesStore, PurgeRunStore } from "../ports.ts";
import { OPEN_STATES, type PurgeRun, type RunState } from "../run.ts";
import { planFolder, reportBlob, reportFolder } from "../run-blobs.ts";
import { endedEvent } from "./apply-audit.ts";
import { isOutageOver } from "./outage.ts";
import { blobsOf, readSlice } from "./slice-blobs.ts";
import type { RunPlace } from "./slice-row.ts";
import { NOTHING_LEFT, readUndone, type Undone, undoneWarnings } from "./undone.ts";

/** What ending needs. */
export type EndDeps = {
  readonly runs: PurgeRunStore;
  readonly lines: LinesStore;
  readonly appendAudit: AppendAudit;
  readonly now: () => Date;
};

/** Codes by which a run is refused: nothing, or nothing more, was to be deleted. */
const REFUSALS: ReadonlySet<string> = new Set([PURGE_LIMIT, "CLUSTER_UNREADABLE"]);
/** What a step says that found the run cancelled. */
const CANCELLED = "CANCELLED";
/** What a slice says whose run has lost its registry to another: it can never go on. */
const LOCK_LOST = "LOCK_LOST";
/** Tries against whoever writes the row at the same time. */
const MAX_TRIES = 8;

/**
 * Ends a run; one that has ended stays as it is, and what is left of its work is removed.
 *
 * Of what a slice had begun when it broke off only a next slice finds out whether it was done. Such a run is not ended but
 * left open, for the timer to drive it on, until it has got no further for MAX_OUTAGE_SECONDS.
 * @param code why it could not go on; null: all steps were done, or it was cancelled
 * @throws UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE: to be repeated, or the run is left open
 */
export async function endRun(deps: EndDeps, { loginServer, runId }: RunPlace, code: string | null): Promise<void> {
  let first: string | null | undefined;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const stored = await deps.runs.get(loginServer, runId);
    if (stored === null) return;
    const { run } = stored;
    if (!OPEN_STATES.has(run.state)) return cleanUp(deps.lines, run);
    const { isAtWork } = readSlice(run.slice);
    first ??= run.slice;
    // One that slept has taken it up again: it is ended when that one rests.
    if (run.slice !== first || (isAtWork && code === null)) throw leftOpen();
    const isApplied = run.kind === "purge" && run.state === "applying" && run.planBlob !== null;
    const undone = isApplied ? await readUndone(deps.lines, run) : NOTHING_LEFT;
    if (code !== LOCK_LOST && undone.canBeFoundOut && !(await isOutageOver(deps, run))) throw leftOpen();
    const isReported = run.groups === 0 || (await joinReport(deps.lines, run));
    const rest = isReported ? [] : await restOfReport(deps.lines, run);
    if (!isReported || undone.isDamaged) {
      // Whoever ended it meanwhile has removed what is missing here: then nothing is.
      if ((await deps.runs.get(loginServer, runId))?.etag !== stored.etag) continue;
    }
    if (!isReported) await deps.lines.join(reportBlob(runId), rest).catch(asLeftOpen);
    const ended = endedRun(deps.now(), run, code, undone, isReported);
    await deps.appendAudit(endedEvent(ended));
    if ((await deps.runs.replace(ended, stored.etag)) === null) continue;
    return cleanUp(deps.lines, ended);
  }
  throw leftOpen();
}

function leftOpen(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "What the run has begun is still to be found out. It stays open.", {
    retryable: true,
  });
}

function asLeftOpen(error: unknown): never {
  throw error instanceof NotFoundError ? leftOpen() : error;
}

/** False when some of it is gone or damaged: then nothing is written. @throws UpstreamError STATE_UNAVAILABLE */
async function joinReport(lines: LinesStore, run: PurgeRun): Promise<boolean> {
  const { groups, isWhole } = await blobsOf(lines, run.id, readSlice(run.slice).id, run.groups);
  if (!isWhole) return false;
  try {
    await lines.join(reportBlob(run.id), groups);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** What there is of it. @throws UpstreamError STATE_UNAVAILABLE */
async function restOfReport(lines: LinesStore, run: PurgeRun): Promise<readonly string[]> {
  const { groups } = await blobsOf(lines, run.id, readSlice(run.slice).id, run.groups);
  const there: string[] = [];
  for (const group of groups) if (await isThere(lines, group)) there.push(group);
  return there;
}

async function isThere(lines: LinesStore, blob: string): Promise<boolean> {
  try {
    for await (const _ of lines.read(blob, 0)) return true;
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/**
 * What the steps wrote for each other. The plan and the report stand beside these folders.
 * @throws UpstreamError STATE_UNAVAILABLE: ending it once more removes them
 */
async function cleanUp(lines: LinesStore, run: PurgeRun): Promise<void> {
  await lines.removeUnder(planFolder(run.id));
  await lines.removeUnder(reportFolder(run.id));
}

/** The run as it is at its end. */
function endedRun(now: Date, run: PurgeRun, code: string | null, undone: Undone, isReported: boolean): PurgeRun {
  const counts = { ...run.counts, skipped: run.counts.skipped + undone.lines };
  const warnings = [...run.warnings, ...undoneWarnings(undone), ...(isReported ? [] : [UNREPORTED])];
  const at = utc(now);
  const hasMore = undone.lines > 0 || undone.isDamaged;
  const state = endState({ ...run, counts }, code, hasMore);
  const why = code ?? (run.kind === "purge" && run.state === "applying" && state === "failed" ? "INTERNAL" : run.code);
  const report = run.groups > 0 ? reportBlob(run.id) : null;
  return { ...run, state, code: why, counts, warnings, reportBlob: report, updatedAt: at, endedAt: at };
}

const UNREPORTED = "Parts of the report are gone. The counts and the audit trail have what they said.";

function endState(run: PurgeRun, code: string | null, hasMore: boolean): RunState {
  if (code === CANCELLED) return "cancelled";
  if (code !== null) return REFUSALS.has(code) ? "refused" : "failed";
  if (run.kind === "plan") return run.state === "applying" ? "failed" : "planned";
  if (run.cancelRequested && (hasMore || run.counts.skipped > 0 || run.state !== "applying")) return "cancelled";
  // Whoever ends a run before its work is done says why.
  if (run.state !== "applying" || hasMore) return "failed";
  return run.counts.failed > 0 || run.counts.unreadRepositories > 0 ? "partial" : "done";
}
