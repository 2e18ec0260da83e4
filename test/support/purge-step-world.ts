/** One run and what its planning steps need, in memory: its record can be changed between a step's reading and writing. For unit tests. */

import { type RegistryCluster, readInUse } from "../../shared/purge/in-use/read-in-use.ts";
import { planSlice } from "../../shared/purge/plan/plan-step.ts";
import { prepareRun } from "../../shared/purge/plan/prepare.ts";
import { settlePlan } from "../../shared/purge/plan/settle-plan.ts";
import { type PurgePolicy, readPurgePolicy } from "../../shared/purge/policy/policy.ts";
import type { PurgeRunStore } from "../../shared/purge/ports.ts";
import type { PurgeRun } from "../../shared/purge/run.ts";
import { openedCluster } from "./fakes-cluster.ts";
import { fakeFacts, fakeLines, fakeRegistry } from "./fakes-purge.ts";
import { openedOwn, WEEKLY } from "./fakes-purge-routes.ts";
import { purgeRun, REGISTRY, runId, runStoreParts } from "./fakes-purge-runs.ts";

/** A weekly policy as a run holds it. */
export function policyText(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify(readPurgePolicy({ ...WEEKLY, ...changes }, { maxItems: 10_000_000, maxSharePercent: 100 }));
}

/** @param changes of the run with index 1; without them a purge that was just asked for */
export async function stepWorld(changes: Partial<PurgeRun> = {}) {
  const registry = fakeRegistry();
  const lines = fakeLines();
  const facts = fakeFacts();
  const parts = runStoreParts();
  const store = parts.newStore();
  const bounds = { maxItems: 10_000_000, maxSharePercent: 100 };
  const opened: string[][] = [];
  const unread: string[] = [];
  /** Image references by cluster; an error: that one cannot be read. */
  const clusters = new Map<string, readonly string[] | Error>();
  /** What comes between: called before each replacing of the record, and thrown when it is an error. */
  const between = {
    replace: (): Promise<unknown> => Promise.resolve(),
    open: (): Promise<unknown> => Promise.resolve(),
    /** What the connector opens. */
    opened: openedOwn(),
    /** When the time of a step is over. */
    signal: new AbortController().signal,
  };

  const runs: Pick<PurgeRunStore, "get" | "replace"> = {
    get: store.get,
    async replace(run, etag) {
      await between.replace();
      return store.replace(run, etag);
    },
  };
  const deps = {
    runs,
    lines,
    facts,
    async openRegistry(...asked: string[]) {
      await between.open();
      opened.push(asked);
      return between.opened;
    },
    openContent: () => registry.content,
    readInUse: (_: PurgeRun, { inUse }: PurgePolicy, signal: AbortSignal) => {
      const named = [...clusters.keys()].map(
        (resourceId): RegistryCluster => ({ connector: "azure", resourceId, repositories: ["team/*"] }),
      );
      const reading = {
        openCluster: async (_connector: string, resourceId: string) => ({ ...openedCluster(), resourceId }),
        async *listClusterImages({ resourceId }: { readonly resourceId: string }) {
          const images = clusters.get(resourceId) ?? [];
          if (images instanceof Error) throw images;
          yield* images;
        },
      };
      return readInUse(reading, named, inUse.onUnreadableCluster, REGISTRY, signal);
    },
    boundsOf: () => bounds,
    onUnread: (repository: string) => void unread.push(repository),
    now: parts.clock.now,
    timeout: () => between.signal,
  };

  await store.insert(purgeRun(1, { policyJson: policyText(), ...changes }));
  const read = async (index = 1) => {
    const found = await store.get(REGISTRY, runId(index));
    if (found === null) throw new Error("The run is not there.");
    return found;
  };
  return {
    ...{ registry, lines, facts, store, bounds, opened, unread, clusters, between, clock: parts.clock },
    calls: parts.calls,
    /** Adds another run. */
    add: (index: number, other: Partial<PurgeRun>) => store.insert(purgeRun(index, other)),
    run: async () => (await read()).run,
    /** Somebody else changes the record. */
    async change(other: Partial<PurgeRun>) {
      const { run, etag } = await read();
      await store.replace({ ...run, ...other }, etag);
    },
    prepare: (index = 1) => prepareRun(deps, REGISTRY, runId(index)),
    plan: (slice: Partial<Parameters<typeof planSlice>[3]> = {}) =>
      planSlice(deps, REGISTRY, runId(1), { batch: 0, slice: 0, from: 0, ...slice }),
    settle: (slices: readonly number[] = [], index = 1) => settlePlan(deps, REGISTRY, runId(index), slices),
    /** Lines of a blob; null when there is none. */
    written: (blob: string): unknown[] | null => lines.blobs.get(blob)?.map((line) => JSON.parse(line)) ?? null,
  };
}
/** See stepWorld. */
export type StepWorld = Awaited<ReturnType<typeof stepWorld>>;
