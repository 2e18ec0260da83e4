/** One slice of applying a plan: group by group, each looked at anew, announced, deleted, recorded, reported. Called by the orchestration's steps. */
import pMap from "p-map";
import { z } from "zod";
import type { ReadInUse } from "../in-use/read-in-use.ts";
import type { AppendAudit, LinesStore, OpenRegistry, OpenRegistryContent, PurgeRunStore } from "../ports.ts";
import type { PurgeRun } from "../run.ts";
import { deletedEvents, deletingEvent } from "./apply-audit.ts";
import { readBehind } from "./apply-behind.ts";
import { applyGroup } from "./apply-group.ts";
import { type ApplyItem, GROUP_LINES, itemKey, openWindow } from "./apply-items.ts";
import { FENCE_SECONDS, openWatch, type Stop } from "./apply-watch.ts";
import { openFreshness } from "./freshness.ts";
import { isOutageOver } from "./outage.ts";
import { addDone, type Done, reportLines } from "./report.ts";
import { followersOf } from "./repository-now.ts";
import { openTraces } from "./run-traces.ts";
import { groupBlob, intentOf, readCarried, writeIntent } from "./slice-blobs.ts";
import { type Halt, HaltError, type RunPlace, type SliceRow, takeRow } from "./slice-row.ts";
import { openStaying } from "./staying.ts";

/** Seconds after which a slice begins nothing more: what it has begun ends well before the 4 minutes of an activity. */
export const SLICE_SECONDS = 200;
/** Records that are written to the trail at once. */
const AUDITED_AT_ONCE = 100;
/** Warnings of one run: the row has room for few. */
const MAX_WARNINGS = 20;

/** What applying needs. */
export type ApplyDeps = {
  readonly runs: PurgeRunStore;
  readonly lines: LinesStore;
  readonly openRegistry: OpenRegistry;
  readonly openContent: OpenRegistryContent;
  /** What clusters use now, by the run's policy. @throws as readInUse */
  readonly readInUse: (run: PurgeRun, signal: AbortSignal) => Promise<ReadInUse>;
  readonly appendAudit: AppendAudit;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly wait: (milliseconds: number) => Promise<unknown>;
};
/** `more`: a further slice is needed. A code: the run ends with it; what was done is in its record. */
export type Applied = { readonly ok: true; readonly more: boolean } | { readonly ok: false; readonly code: string };

const HALTED: Record<Halt, Applied> = {
  // The one that took the row over goes on; should it have died, the next one does.
  superseded: { ok: true, more: true },
  over: { ok: true, more: false },
  "lock-lost": { ok: false, code: "LOCK_LOST" },
};

/**
 * Slices that get nowhere are followed by others for MAX_OUTAGE_SECONDS: then the run ends with UPSTREAM_TIMEOUT.
 * Any number of these may run at once, and may end anywhere: the last that took the row goes on with what the others did.
 * @param signal ends the slice when its time is over
 * @throws UpstreamError STATE_UNAVAILABLE AUDIT_UNAVAILABLE and others, as openRegistry: nothing is lost, to be tried again
 */
export async function applySlice(deps: ApplyDeps, place: RunPlace, signal: AbortSignal): Promise<Applied> {
  try {
    const stored = await deps.runs.get(place.loginServer, place.runId);
    if (stored === null || stored.run.state !== "applying") return HALTED.over;
    const { resourceId, planBlob, listedAt } = stored.run;
    if (resourceId === null || planBlob === null || listedAt === null)
      throw new Error("A run is applied without a plan.");
    const opened = await deps.openRegistry(connectorOf(stored.run), resourceId, place.loginServer);
    if (opened.registry.loginServer !== place.loginServer) return { ok: false, code: "RESOURCE_NOT_FOUND" };
    const row = await takeRow(deps, place);
    const content = deps.openContent(opened);
    const { cursor } = row.run();
    const applied = await untilItsTime(signal, () =>
      applyAs(deps, row, { content, planBlob, plannedAt: Date.parse(listedAt), signal }),
    );
    const isStuck = applied.ok && applied.more && row.run().cursor === cursor;
    return isStuck && (await isOutageOver(deps, row.run())) ? STUCK : applied;
  } catch (error) {
    if (error instanceof HaltError) return HALTED[error.halt];
    throw error;
  }
}

/** What a registry says that puts off everything for a day, or what hangs for so long. */
const STUCK: Applied = { ok: false, code: "UPSTREAM_TIMEOUT" };

/** A slice that is not done in its time has not failed: what it has begun is found out about by the next one. */
async function untilItsTime(signal: AbortSignal, work: () => Promise<Applied>): Promise<Applied> {
  try {
    return await work();
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    return { ok: true, more: true };
  }
}

type Opened = {
  readonly content: ReturnType<OpenRegistryContent>;
  readonly planBlob: string;
  readonly plannedAt: number;
  readonly signal: AbortSignal;
};

async function applyAs(deps: ApplyDeps, row: SliceRow, opened: Opened): Promise<Applied> {
  const { lines, now } = deps;
  const { id: runId } = row.run();
  const endAt = now().getTime() + SLICE_SECONDS * 1000;
  // Whoever had the row may still delete what it has announced, until it looks.
  if (row.before.isAtWork) await deps.wait(FENCE_SECONDS * 1000);
  const intents = await readCarried(lines, runId, row.before.id, row.run().cursor);
  if (intents.length > 0) await writeIntent(lines, runId, row.id, intents);
  const carried = new Set(intents.map(({ end }) => end));

  const watch = openWatch({ ...deps, row, signal: opened.signal, endAt });
  try {
    const window = openWindow(lines, opened.planBlob, row.run().cursor);
    const deleted = new Map<string, number>();
    let ahead: readonly ApplyItem[] = [];
    let followers = followersOf(ahead);
    let own: ReadonlySet<string> = new Set();
    const isLeft = ({ line }: ApplyItem) => !deleted.has(itemKey(line.repository, line.digest));
    const items = () => ahead.filter(isLeft);
    const traces = openTraces();
    const warnings = new Set<string>();
    const warn = (text: string) => warnings.add(text);
    const staying = openStaying({
      ...deps,
      ...opened,
      signal: watch.signal,
      warn,
      items,
      followers: () => followers,
    });
    const isOurs = (repository: string, digest: string, startedAt: number) => {
      const key = itemKey(repository, digest);
      const deletedAt = deleted.get(key);
      return deletedAt === undefined ? own.has(key) : startedAt <= deletedAt;
    };
    const hasDeleted = () => {
      const { deletedManifests, deletedTags } = row.run().counts;
      return deletedManifests + deletedTags + deleted.size + intents.length > 0;
    };
    const readInUse = async (inner: AbortSignal) => {
      const read = await deps.readInUse(row.run(), inner);
      for (const warning of read.warnings) warnings.add(warning);
      return read.inUse;
    };
    const freshness = openFreshness({
      ...deps,
      ...opened,
      signal: watch.signal,
      readInUse,
      warn,
      isOurs,
      hasDeleted,
      items: () => ahead,
    });

    const [next] = await window.ahead();
    await readBehind(lines, row, next?.line.repository ?? null, { traces, staying });
    for (const { repository, digest } of intents) traces.sent(repository, digest);

    for (;;) {
      ahead = await window.ahead();
      const group = firstGroup(ahead);
      followers = followersOf(ahead);
      own = new Set(
        ahead.filter(({ line }) => line.action === "delete").map(({ line }) => itemKey(line.repository, line.digest)),
      );
      const repositories = new Set(group.map(({ line }) => line.repository));
      for (const held of [freshness, traces, staying]) held.keepOnly(repositories);
      const isLast = group.length === 0;
      if (isLast || (watch.stopped() !== null && !group.some(({ end }) => carried.has(end)))) {
        return await end(row, isLast ? null : watch.stopped());
      }
      const announce = async (items: readonly ApplyItem[]) => {
        try {
          await deps.appendAudit(deletingEvent(row.run(), items));
        } catch (error) {
          // With nothing begun that is not settled, by it or before, the next slice has nobody to wait for.
          if (intents.every(({ end: at }) => at <= row.run().cursor)) await row.rest().catch(() => undefined);
          throw error;
        }
        const before = intents.filter(({ end: at }) => at > row.run().cursor && !items.some((item) => item.end === at));
        await writeIntent(lines, runId, row.id, [...before, ...items.map(intentOf)]);
        // Whoever takes the row from now on reads this; whoever has taken it may not have.
        await row.look(0);
      };
      const done = await applyGroup(
        { ...deps, ...opened, freshness, staying, traces, watch, carried, items, followers, deleted, warn, announce },
        group,
      );
      await record(deps, row, done, [...warnings]);
      const last = done.at(-1);
      if (last !== undefined) window.pass(last.item.end);
      // A line whose turn did not come is one for the next slice, whatever kept it.
      if (done.length < group.length) return await end(row, watch.stopped() ?? { kind: "time" });
    }
  } finally {
    watch.end();
  }
}

/** Trail, report, row, in this order: what is counted is on record. */
async function record(
  deps: ApplyDeps,
  row: SliceRow,
  done: readonly Done[],
  warnings: readonly string[],
): Promise<void> {
  const last = done.at(-1);
  if (last === undefined) return;
  const run = row.run();
  const events = done.flatMap((one) => deletedEvents(run, one));
  await pMap(events, deps.appendAudit, { concurrency: AUDITED_AT_ONCE });
  await deps.lines.write(groupBlob(run.id, row.id, run.groups), done.flatMap(reportLines));
  await row.commit((current) => ({
    ...addDone(current, done),
    warnings: [...new Set([...current.warnings, ...warnings])].slice(
      0,
      Math.max(MAX_WARNINGS, current.warnings.length),
    ),
    cursor: last.item.end,
    groups: current.groups + 1,
  }));
}

async function end(row: SliceRow, stop: Stop | null): Promise<Applied> {
  await row.rest();
  switch (stop?.kind) {
    case "time":
      return { ok: true, more: true };
    case "refused":
      return { ok: false, code: stop.code };
    case "failed":
      throw stop.error;
    default:
      return { ok: true, more: false };
  }
}

/** What follows something stands in its group: it may go with it, and must be told of with it. */
function firstGroup(ahead: readonly ApplyItem[]): readonly ApplyItem[] {
  const names = new Set(ahead.slice(0, GROUP_LINES).map(({ line }) => itemKey(line.repository, line.digest)));
  const isFollower = ({ line }: ApplyItem) => line.after.some((digest) => names.has(itemKey(line.repository, digest)));
  let count = GROUP_LINES;
  for (let next = ahead[count]; next !== undefined && isFollower(next); next = ahead[++count]) {
    names.add(itemKey(next.line.repository, next.line.digest));
  }
  return ahead.slice(0, count);
}

function connectorOf(run: PurgeRun): string {
  return z.object({ connector: z.string() }).parse(JSON.parse(run.policyJson)).connector;
}
