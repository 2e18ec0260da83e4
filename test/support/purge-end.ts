/** A purge at its end, in memory: its record, its blobs, and what can fail when it is ended. For unit tests. */
import { endRun } from "../../shared/purge/apply/finish.ts";
import { groupBlob, resting, writeIntent, writeStart } from "../../shared/purge/apply/slice-blobs.ts";
import type { AuditEvent } from "../../shared/purge/ports.ts";
import { noCounts, type PurgeRun } from "../../shared/purge/run.ts";
import { fakeLines } from "./fakes-purge.ts";
import { purgeRun, REGISTRY, runId, runStoreParts } from "./fakes-purge-runs.ts";

export const RUN = runId(1);
/** Its plan. */
export const PLAN = "plans/stored.jsonl";
/** Its report. */
export const REPORT = `reports/${RUN}.jsonl`;
/** Of the `n`th line. */
export const digest = (n: number) => `sha256:${String(n).padStart(64, "0")}`;

/** A line that deletes an image. */
export function planLine(n: number, isLocked = false): object {
  return {
    ...{ repository: "team/app", digest: digest(n), tags: [`v${n}`], action: "delete", rules: ["old"] },
    ...{ reason: "matched", because: null, mediaType: null, updatedAt: null, sizeBytes: null, freedBytes: 0 },
    ...{ isEstimate: true, after: [], seen: { manifestUpdatedAt: 0, isLocked, tags: [[`v${n}`, 0, false]] } },
  };
}

/** A purge that has done 2 of 5 lines in one group; its slice `s1` rests, unless said otherwise. Places are numbers of lines. */
export async function endParts(changes: Partial<PurgeRun> = {}) {
  const { newStore, clock, row } = runStoreParts();
  const store = newStore();
  const lines = fakeLines();
  const events: AuditEvent[] = [];
  const faults: { audit?: Error; replace?: Error; removeUnder?: Error } = {};
  const deps = {
    runs: {
      ...store,
      async replace(...given: Parameters<typeof store.replace>) {
        if (faults.replace !== undefined) throw faults.replace;
        return store.replace(...given);
      },
    },
    lines: {
      ...lines,
      async removeUnder(prefix: string) {
        if (faults.removeUnder !== undefined) throw faults.removeUnder;
        await lines.removeUnder(prefix);
      },
    },
    async appendAudit(event: AuditEvent) {
      if (faults.audit !== undefined) throw faults.audit;
      events.push(event);
    },
    now: clock.now,
  };
  await lines.write(PLAN, [planLine(0), planLine(1), planLine(2), planLine(3, true), planLine(4)]);
  await writeStart(lines, RUN, "s1", { previous: null, groups: 0 });
  await lines.write(groupBlob(RUN, "s1", 0), [{ done: 0 }, { done: 1 }]);
  await lines.write(`plans/${RUN}/000000-repositories.jsonl`, ["team/app"]);
  await lines.write(`plans/${RUN}/in-use.jsonl`, []);
  const applying = { state: "applying", planBlob: PLAN, cursor: 2, groups: 1, slice: resting("s1") } as const;
  const counts = { ...noCounts(), toDelete: 5, deletedManifests: 2 };
  await store.insert(purgeRun(1, { ...applying, counts, ...changes }));
  const run = async () => {
    const found = await store.get(REGISTRY, RUN);
    if (found === null) throw new Error("The run is gone.");
    return found;
  };
  return {
    ...{ lines, events, faults, clock, store, deps },
    lock: () => row("lock"),
    run: async () => (await run()).run,
    async change(other: Partial<PurgeRun>) {
      const stored = await run();
      await store.replace({ ...stored.run, ...other }, stored.etag);
    },
    end: (code: string | null) => endRun(deps, { loginServer: REGISTRY, runId: RUN }, code),
    /** Lines 2 and 3 may have been begun by a slice that broke off. */
    async breakOff() {
      const items = [2, 3].map((n) => ({ end: n + 1, repository: "team/app", digest: digest(n) }));
      await writeIntent(lines, RUN, "s1", items);
      const stored = await run();
      await store.replace({ ...stored.run, slice: "s1" }, stored.etag);
    },
  };
}
/** See endParts. */
export type EndParts = Awaited<ReturnType<typeof endParts>>;
/** What stands where nothing was ended. */
export const OPEN = ["applying", RUN, 0];
/** State, who has the lock, and how many records. */
export const standing = async ({ run, lock, events }: EndParts) => [(await run()).state, lock()?.runId, events.length];
