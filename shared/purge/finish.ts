/** The end of a run: its report made whole, its last state, its record in the trail; then its row, which gives the registry back. */
import pMap from "p-map";
import { UpstreamError } from "../errors.ts";
import { utc } from "../time.ts";
import { endedEvent } from "./apply-audit.ts";
import { changingLines } from "./apply-items.ts";
import { PURGE_LIMIT } from "./limits.ts";
import type { AppendAudit, LinesStore, PurgeRunStore } from "./ports.ts";
import { OPEN_STATES, type PurgeRun, type RunState } from "./run.ts";
import { reportBlob } from "./run-blobs.ts";
import { blobsOf, readCarried, readSlice } from "./slice-blobs.ts";
import type { RunPlace } from "./slice-row.ts";

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
/** Tries against whoever writes the row at the same time. */
const MAX_TRIES = 8;
/** Blobs that are removed at once. */
const REMOVED_AT_ONCE = 8;

/**
 * Ends a run; one that has ended stays as it is.
 * @param code why it could not go on; null: all steps were done, or it was cancelled
 * @throws UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE: to be repeated
 */
export async function endRun(deps: EndDeps, { loginServer, runId }: RunPlace, code: string | null): Promise<void> {
  let first: string | null | undefined;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const stored = await deps.runs.get(loginServer, runId);
    if (stored === null || !OPEN_STATES.has(stored.run.state)) return;
    const { run } = stored;
    const { id, isAtWork } = readSlice(run.slice);
    first ??= run.slice;
    // One that slept has taken it up again: it is ended when that one rests.
    if (run.slice !== first || (isAtWork && code === null)) throw contended();
    const blobs = await blobsOf(deps.lines, runId, id, run.groups);
    const ended = await endedRun(deps, run, code);
    if (run.groups > 0) await deps.lines.join(reportBlob(runId), blobs.groups);
    await deps.appendAudit(endedEvent(ended));
    if ((await deps.runs.replace(ended, stored.etag)) === null) continue;
    // What is left of it is in the way of nobody.
    const remove = (blob: string) => deps.lines.remove(blob).catch(() => undefined);
    await pMap([...blobs.groups, ...blobs.others], remove, { concurrency: REMOVED_AT_ONCE });
    return;
  }
  throw contended();
}

function contended(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "Others write the record of the run. Repeat the call.", {
    retryable: true,
  });
}

/** The run as it is at its end. */
async function endedRun({ lines, now }: EndDeps, run: PurgeRun, code: string | null): Promise<PurgeRun> {
  let left = 0;
  const isApplied = run.kind === "purge" && run.state === "applying" && run.planBlob !== null;
  if (isApplied && run.planBlob !== null) for await (const _ of changingLines(lines, run.planBlob, run.cursor)) left++;
  const counts = { ...run.counts, skipped: run.counts.skipped + left };
  const carried = isApplied ? await readCarried(lines, run.id, readSlice(run.slice).id, run.cursor) : [];
  // Only when the run could not go on for good after a crash: the next slice finds out what became of them.
  const isUnknown = carried.length > 0 && readSlice(run.slice).isAtWork;
  const warnings = isUnknown ? [...run.warnings, unknownText(carried.length)] : run.warnings;
  const at = utc(now());
  const state = endState({ ...run, counts }, code, left);
  const why = code ?? (isApplied && state === "failed" ? "INTERNAL" : run.code);
  const report = run.groups > 0 ? reportBlob(run.id) : null;
  return { ...run, state, code: why, counts, warnings, reportBlob: report, updatedAt: at, endedAt: at };
}

function endState(run: PurgeRun, code: string | null, left: number): RunState {
  if (code === CANCELLED) return "cancelled";
  if (code !== null) return REFUSALS.has(code) ? "refused" : "failed";
  if (run.kind === "plan") return run.state === "applying" ? "failed" : "planned";
  if (run.cancelRequested && (left > 0 || run.counts.skipped > 0 || run.state !== "applying")) return "cancelled";
  // Whoever ends a run before its work is done says why.
  if (run.state !== "applying" || left > 0) return "failed";
  return run.counts.failed > 0 || run.counts.unreadRepositories > 0 ? "partial" : "done";
}

function unknownText(count: number): string {
  return `${count} lines of the plan may have been begun when the run broke off; whether they were done is not known.`;
}
