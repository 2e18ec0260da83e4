/** One slice of the planning of one batch of repositories. Used by the orchestration's steps. */
import { utc } from "../../time.ts";
import { readInUseLines } from "../in-use/in-use.ts";
import { openOwnRegistry } from "../policy/manage.ts";
import { effectiveRules } from "../policy/policy.ts";
import type { FactsStore, LinesStore, OpenRegistry, OpenRegistryContent, PurgeRunStore } from "../ports.ts";
import { type PurgeRun, RUN_PASSED } from "../run.ts";
import { batchBlob, countsBlobOf, inUseBlob, planPartBlob, unfinishedBlob } from "../run-blobs.ts";
import { readRunPolicy } from "../run-policy.ts";
import { compileRules } from "./compiled-rules.ts";
import { planBatch } from "./plan-batch.ts";
import { matchesWhole, STEP_MS } from "./prepare.ts";

/** After this a slice begins nothing more; what it has begun has until STEP_MS. */
const SLICE_MS = 180_000;
/** Slices of a long plan write the run's record when it is older: it must not look as if nobody worked on it. */
const TOUCH_MS = 60_000;
/** How often a slice looks whether its run is cancelled: a batch may have thousands of small repositories. */
const LOOK_MS = 2_000;

/** What planning needs. */
export type PlanStepDeps = {
  readonly runs: Pick<PurgeRunStore, "get" | "replace">;
  readonly lines: LinesStore;
  readonly facts: FactsStore;
  readonly openRegistry: OpenRegistry;
  readonly openContent: OpenRegistryContent;
  readonly onUnread: (repository: string, error: unknown) => void;
  readonly now: () => Date;
  readonly timeout: (milliseconds: number) => AbortSignal;
};
/** Which slice: `from` is the place in the batch where it begins. */
export type PlanSlice = { readonly batch: number; readonly slice: number; readonly from: number };
/** Where the next slice begins; null: the batch is planned. A code: it cannot be. */
export type SlicePlanned =
  | { readonly ok: true; readonly next: number | null }
  | { readonly ok: false; readonly code: string };

/**
 * May be repeated: it writes the same blobs again. Nothing is planned of a run that is over or cancelled.
 * @throws LatchkeyError
 */
export async function planSlice(
  deps: PlanStepDeps,
  loginServer: string,
  runId: string,
  { batch, slice, from }: PlanSlice,
): Promise<SlicePlanned> {
  const stored = await deps.runs.get(loginServer, runId);
  if (stored?.run.state !== "planning") return { ok: false, code: RUN_PASSED };
  const { run } = stored;
  if (run.cancelRequested) return { ok: false, code: "CANCELLED" };
  if (run.listedAt === null) throw new Error("A run is planned that was not listed.");
  await touch(deps, run, stored.etag);
  const policy = readRunPolicy(run);
  const opened = await openOwnRegistry(deps.openRegistry, policy.connector, loginServer, run.resourceId ?? loginServer);
  const part = planPartBlob(runId, batch, slice);
  const { next, counts } = await planBatch(
    { ...deps, content: deps.openContent(opened), isCancelled: cancelWatch(deps, run) },
    {
      loginServer,
      repositories: await readNames(deps.lines, batchBlob(runId, batch)),
      from,
      rules: compileRules(effectiveRules(policy), matchesWhole),
      inUse: await readInUseLines(deps.lines.read(inUseBlob(runId), 0)),
      allowLastTag: policy.limits.allowLastTag,
      listedAt: new Date(run.listedAt),
      deadline: new Date(deps.now().getTime() + SLICE_MS),
      part,
      unfinished: unfinishedBlob(runId, batch),
      signal: deps.timeout(STEP_MS),
    },
  );
  await deps.lines.write(countsBlobOf(part), [counts]);
  return { ok: true, next };
}

/** Looks at the run's record now and then. */
function cancelWatch({ runs, now }: PlanStepDeps, { loginServer, id }: PurgeRun): () => Promise<boolean> {
  let lookedAt = now().getTime();
  return async () => {
    if (now().getTime() - lookedAt < LOOK_MS) return false;
    lookedAt = now().getTime();
    return (await runs.get(loginServer, id))?.run.cancelRequested ?? true;
  };
}

/** Slices run side by side: when one of them, or a cancel, was quicker, the record is fresh as well. */
async function touch({ runs, now }: PlanStepDeps, run: PurgeRun, etag: string): Promise<void> {
  const at = now();
  if (at.getTime() - Date.parse(run.updatedAt) < TOUCH_MS) return;
  await runs.replace({ ...run, updatedAt: utc(at) }, etag);
}

/** @throws NotFoundError NOT_FOUND, Error for what is no name: then nothing of the batch is planned */
async function readNames(lines: Pick<LinesStore, "read">, blob: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { value } of lines.read(blob, 0)) {
    if (typeof value !== "string") throw new Error("The repositories of a batch are damaged.");
    names.push(value);
  }
  return names;
}
