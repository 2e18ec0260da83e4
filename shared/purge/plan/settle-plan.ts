/** Last step of planning: makes one plan of its parts, counts it, and says whether it may be done. Used by the orchestration's steps. */
import pMap from "p-map";
import { NotFoundError } from "../../errors.ts";
import { utc } from "../../time.ts";
import { effectiveLimits, type PurgeBounds } from "../policy/policy.ts";
import type { LinesStore, PurgeRunStore } from "../ports.ts";
import { countsSchema, noCounts, OPEN_STATES, type PurgeRun, type RunCounts } from "../run.ts";
import { countsBlobOf, planBlob, planPartBlob } from "../run-blobs.ts";
import { readRunPolicy } from "../run-policy.ts";
import { limitOf } from "./limits.ts";
import { addCounts } from "./plan-counts.ts";

/** Blobs that are removed at once: a large registry has thousands of parts. */
const REMOVED_AT_ONCE = 8;

/** What settling needs. */
export type SettleDeps = {
  readonly runs: Pick<PurgeRunStore, "get" | "replace">;
  readonly lines: Pick<LinesStore, "read" | "join" | "remove">;
  /** What the server's settings allow for a registry. */
  readonly boundsOf: (loginServer: string) => PurgeBounds;
  readonly now: () => Date;
};
/** Whether there is something to delete now; a code when the limits forbid it. */
export type Settlement =
  | { readonly ok: true; readonly applies: boolean }
  | { readonly ok: false; readonly code: string };

/**
 * May be repeated: parts are removed only when the record says that they are joined.
 * @param slices how many slices each batch took, in the order of the batches: numbers, so that the history of a run of very
 * many repositories stays small
 * @throws UpstreamError STATE_UNAVAILABLE, NotFoundError NOT_FOUND
 */
export async function settlePlan(
  deps: SettleDeps,
  loginServer: string,
  runId: string,
  slices: readonly number[],
): Promise<Settlement> {
  const stored = await deps.runs.get(loginServer, runId);
  if (stored === null) throw new NotFoundError("NOT_FOUND", "There is no such run.");
  const { run } = stored;
  if (run.state !== "planning") return { ok: true, applies: run.state === "applying" };
  if (run.cancelRequested) return { ok: false, code: "CANCELLED" };

  const parts = slices.flatMap((count, batch) =>
    Array.from({ length: count }, (_, slice) => planPartBlob(runId, batch, slice)),
  );
  const { counts, blob } = await planOf(deps, run, parts).catch(async (error: unknown) => {
    // Whoever was quicker has removed the parts: what the record says now is looked at again.
    const now = await deps.runs.get(loginServer, runId);
    throw now?.etag === stored.etag ? error : new Error("The run's record changed.");
  });
  const limits = effectiveLimits(readRunPolicy(run), deps.boundsOf(loginServer));
  const code = limitOf(counts, limits);
  const at = utc(deps.now());
  const planned: PurgeRun = { ...run, planBlob: blob, counts, updatedAt: at };
  // A plan that is over its limits is a plan: it shows what is too much.
  const settled: PurgeRun =
    run.kind === "plan"
      ? { ...planned, state: "planned", code, endedAt: at }
      : { ...planned, state: code === null ? "applying" : "planning" };
  if ((await deps.runs.replace(settled, stored.etag)) === null) throw new Error("The run's record changed.");
  // What is left of them is in the way of nobody.
  const remove = (blob: string) => deps.lines.remove(blob).catch(() => undefined);
  await pMap([...parts, ...parts.map(countsBlobOf)], remove, { concurrency: REMOVED_AT_ONCE });
  if (run.kind === "purge" && code !== null) return { ok: false, code };
  return { ok: true, applies: run.kind === "purge" };
}

async function planOf(deps: SettleDeps, run: PurgeRun, parts: readonly string[]) {
  // Joined before, and over its limits: the parts may be gone.
  if (run.planBlob !== null) return { counts: run.counts, blob: run.planBlob };
  return run.planId === null ? join(deps, run, parts) : adopt(deps, run, run.planId);
}

async function join({ lines }: SettleDeps, run: PurgeRun, parts: readonly string[]) {
  let counts: RunCounts = noCounts();
  for (const part of parts) {
    for await (const { value } of lines.read(countsBlobOf(part), 0))
      counts = addCounts(counts, countsSchema.parse(value));
  }
  const blob = planBlob(run.id);
  await lines.join(blob, parts);
  return { counts, blob };
}

/** @throws NotFoundError NOT_FOUND when the stored plan is gone */
async function adopt({ runs }: SettleDeps, run: PurgeRun, planId: string) {
  const plan = (await runs.get(run.loginServer, planId))?.run;
  if (plan === undefined || plan.planBlob === null || OPEN_STATES.has(plan.state)) {
    throw new NotFoundError("NOT_FOUND", "There is no such plan any more.");
  }
  return { counts: plan.counts, blob: plan.planBlob };
}
