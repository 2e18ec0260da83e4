/** The steps of a purge as its orchestration calls them, with the product's own client of registries and state in memory. Used by purge-child.ts. */
import { performance } from "node:perf_hooks";
import { applySlice } from "../../shared/purge/apply/apply.ts";
import { endRun } from "../../shared/purge/apply/finish.ts";
import { inUseMaker } from "../../shared/purge/in-use/in-use.ts";
import { planSlice } from "../../shared/purge/plan/plan-step.ts";
import { prepareRun } from "../../shared/purge/plan/prepare.ts";
import { settlePlan } from "../../shared/purge/plan/settle-plan.ts";
import { NO_BOUNDS } from "../../shared/purge/policy/policy.ts";
import type { OpenedRegistry, OpenRegistryContent } from "../../shared/purge/ports.ts";
import type { PurgeRun } from "../../shared/purge/run.ts";
import { memoryFacts, memoryLines, memoryRuns, queuedPurge } from "./purge-state.ts";

/** Batches that are planned side by side, as in the orchestration. */
const PLANNED_AT_ONCE = 4;

/** Seconds of each step, and the run's record at its end. */
export type PurgeTimes = {
  readonly plan: number;
  readonly apply: number;
  readonly whole: number;
  readonly slices: number;
  readonly run: PurgeRun;
};

/** Purges a registry by a policy. @throws Error when it does not come to an end of its own */
export async function purgeBySteps(
  opened: OpenedRegistry,
  openContent: OpenRegistryContent,
  policy: object,
): Promise<PurgeTimes> {
  const { loginServer } = opened.registry;
  const now = () => new Date();
  const asked = queuedPurge(loginServer, policy, now);
  const { inUse } = inUseMaker();
  let ids = 0;
  const deps = {
    runs: memoryRuns(asked),
    lines: memoryLines(),
    facts: memoryFacts(),
    openRegistry: async () => opened,
    openContent,
    readInUse: async () => ({ inUse, warnings: [] }),
    boundsOf: () => NO_BOUNDS,
    appendAudit: async () => undefined,
    onUnread: (repository: string, error: unknown) => {
      throw new Error(`${repository} could not be read`, { cause: error });
    },
    now,
    newId: () => String(++ids),
    timeout: (milliseconds: number) => AbortSignal.timeout(milliseconds),
    wait: (milliseconds: number) =>
      new Promise<void>((resolve) => {
        setTimeout(resolve, milliseconds).unref();
      }),
  };

  const startedAt = performance.now();
  const prepared = await prepareRun(deps, loginServer, asked.id);
  if (!prepared.ok) throw new Error(prepared.code);
  const slices: number[] = [];
  const planBatch = async (batch: number) => {
    for (let slice = 0, from: number | null = 0; from !== null; slice++) {
      const planned = await planSlice(deps, loginServer, asked.id, { batch, slice, from });
      if (!planned.ok) throw new Error(planned.code);
      slices[batch] = slice + 1;
      from = planned.next;
    }
  };
  for (let batch = 0; batch < prepared.batches; batch += PLANNED_AT_ONCE) {
    const count = Math.min(PLANNED_AT_ONCE, prepared.batches - batch);
    await Promise.all(Array.from({ length: count }, (_, nth) => planBatch(batch + nth)));
  }
  const settled = await settlePlan(deps, loginServer, asked.id, slices);
  if (!settled.ok) throw new Error(settled.code);
  const plannedAt = performance.now();
  let appliedIn = 0;
  for (let isMore = true; isMore; appliedIn++) {
    const place = { loginServer, runId: asked.id };
    const applied = await applySlice(deps, place, AbortSignal.timeout(300_000));
    if (!applied.ok) throw new Error(applied.code);
    isMore = applied.more;
  }
  await endRun(deps, { loginServer, runId: asked.id }, null);
  const endedAt = performance.now();
  const run = (await deps.runs.get(loginServer, asked.id))?.run ?? asked;
  const seconds = (from: number, to: number) => (to - from) / 1000;
  return {
    plan: seconds(startedAt, plannedAt),
    apply: seconds(plannedAt, endedAt),
    whole: seconds(startedAt, endedAt),
    slices: appliedIn,
    run,
  };
}
