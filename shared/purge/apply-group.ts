/** Does one group of lines of a plan: looks at each anew, says what it may begin, deletes with several workers. Used by apply.ts. */
import pMap from "p-map";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import { type ApplyItem, itemKey } from "./apply-items.ts";
import { applyLine, part, removedPart, restoreLocks } from "./apply-line.ts";
import type { ApplyWatch } from "./apply-watch.ts";
import type { Found, Freshness } from "./freshness.ts";
import type { InUse } from "./in-use.ts";
import type { RegistryContent } from "./ports.ts";
import { ClusterUnreadableError } from "./read-in-use.ts";
import { type RecheckContext, recheck, type Verdict } from "./recheck.ts";
import { type Done, failureText, type Part } from "./report.ts";
import { openSlots } from "./slots.ts";

/** Deletions at once: at 50 ms a call more than any registry's limits let through. */
export const WORKERS = 32;
/** Lines that are begun at once; those behind what must go first wait without taking a worker. */
const BEGUN_AT_ONCE = 4 * WORKERS;
/** Repositories that are listed at once. */
const LISTED_AT_ONCE = 8;
/** Times that a line is tried again because its call waited too long, or it changed under our hands. */
const LINE_TRIES = 20;

/** What a group needs. */
export type GroupDeps = {
  readonly content: RegistryContent;
  readonly now: () => Date;
  readonly freshness: Freshness;
  readonly watch: ApplyWatch;
  /** Places of lines that a slice before may have begun. */
  readonly carried: ReadonlySet<number>;
  readonly followers: ReadonlyMap<string, readonly ApplyItem[]>;
  /** When this slice learned that something is deleted by this run, by itemKey. */
  readonly deleted: Map<string, number>;
  readonly warn: (text: string) => void;
  /** Makes durable which lines may be begun; nothing is deleted before. */
  readonly announce: (items: readonly ApplyItem[]) => Promise<void>;
};

/** What became of the first lines of the group, in order: all of them, unless the slice was stopped. @throws what ends the slice at once */
export async function applyGroup(deps: GroupDeps, group: readonly ApplyItem[]): Promise<readonly Done[]> {
  const work = openGroup(deps);
  const done = await work.lookAtAll(group);
  const candidates = group.filter(({ end }) => !done.has(end));
  if (candidates.length > 0 && deps.watch.stopped() === null) {
    await deps.announce(candidates);
    for (const result of await work.doAll(candidates)) done.set(result.item.end, result);
  }
  deps.watch.signal.throwIfAborted();
  const stop = deps.watch.stopped();
  if (stop !== null && stop.kind !== "time") await work.leaveRest(group, done);
  const open = group.findIndex(({ end }) => !done.has(end));
  return group.slice(0, open < 0 ? group.length : open).flatMap(({ end }) => done.get(end) ?? []);
}

function openGroup(deps: GroupDeps) {
  const { freshness, watch, carried, deleted } = deps;
  /** Lines of which something was sent to the registry by this slice. */
  const sent = new Set<number>();
  const slots = openSlots(WORKERS);

  const finish = (item: ApplyItem, parts: readonly Part[]): Done => {
    const { repository, digest } = item.line;
    if (parts.some(({ outcome }) => outcome === "deleted")) {
      deleted.set(itemKey(repository, digest), deps.now().getTime());
    }
    return { item, parts };
  };
  const isDeleted = ({ line }: ApplyItem, digest: string) => deleted.has(itemKey(line.repository, digest));
  const failed = (item: ApplyItem, error: UpstreamError): Done => {
    const isOpen =
      carried.has(item.end) || sent.has(item.end) || item.line.after.some((digest) => isDeleted(item, digest));
    if (isOpen) deps.warn(unknownText(item));
    return finish(item, [part(deps, item.line.tags, "failed", failureText(error))]);
  };
  const contextOf = (
    item: ApplyItem,
    listed: Found,
    inUse: RecheckContext["inUse"],
    isBegun: boolean,
  ): RecheckContext => ({
    now: listed.now,
    inUse,
    isBegun,
    isDeleted: (digest) => isDeleted(item, digest),
    followers: deps.followers,
  });
  /** What a verdict other than `go` makes of a line. */
  const settled = async (item: ApplyItem, listed: Found, verdict: Exclude<Verdict, { readonly kind: "go" }>) => {
    const { tags, action } = item.line;
    if (verdict.kind === "ours") return finish(item, [part(deps, tags, action === "delete" ? "deleted" : "untagged")]);
    if (verdict.kind === "gone") return finish(item, [part(deps, tags, "gone")]);
    if (carried.has(item.end) || sent.has(item.end))
      await restoreLocks({ ...deps, signal: watch.signal }, item, listed.now);
    return finish(item, partly(item, verdict.removed, verdict.kind));
  };
  const partly = (item: ApplyItem, removed: readonly string[], outcome: Part["outcome"]) => [
    ...removedPart(deps, removed),
    part(
      deps,
      item.line.tags.filter((tag) => !removed.includes(tag)),
      outcome,
    ),
  ];

  const inUseNow = async (): Promise<InUse | null> => {
    try {
      return await freshness.inUse();
    } catch (error) {
      watch.signal.throwIfAborted();
      if (!(error instanceof ClusterUnreadableError)) throw error;
      watch.stop({ kind: "refused", code: error.code });
      return null;
    }
  };

  const doItem = async (item: ApplyItem): Promise<Done | null> => {
    for (let tries = 1; tries <= LINE_TRIES; tries++) {
      if (watch.stopped() !== null) return null;
      const listed = await freshness.listingFor(item);
      if ("failure" in listed) return failed(item, listed.failure);
      const inUse = await inUseNow();
      await watch.look();
      watch.signal.throwIfAborted();
      if (inUse === null || watch.stopped() !== null) return null;
      const isBegun = carried.has(item.end) || sent.has(item.end);
      const verdict = recheck(item, contextOf(item, listed, inUse, isBegun));
      if (verdict.kind !== "go") return settled(item, listed, verdict);
      sent.add(item.end);
      const listAgain = () => freshness.listingFor(item, deps.now().getTime());
      const { signal, within, look } = watch;
      const result = await applyLine({ ...deps, signal, within, look, listAgain }, item, verdict.tags, listed.now);
      if (result !== "again") return finish(item, [...removedPart(deps, verdict.removed), ...result.parts]);
    }
    await restoreLocks({ ...deps, signal: watch.signal }, item, null);
    return failed(item, new UpstreamError("UPSTREAM_TIMEOUT", "It changed at every try.", { retryable: true }));
  };

  return {
    /** What needs nothing to be done any more. */
    async lookAtAll(group: readonly ApplyItem[]): Promise<Map<number, Done>> {
      const list = (item: ApplyItem) => freshness.listingFor(item);
      // Repositories side by side; what follows finds its own listed.
      await pMap(firstOfEach(group), list, { concurrency: LISTED_AT_ONCE });
      const listings = await pMap(group, list, { concurrency: LISTED_AT_ONCE });
      const inUse = await inUseNow();
      const done = new Map<number, Done>();
      for (const [index, item] of group.entries()) {
        const listed = listings[index];
        if (listed === undefined) continue;
        if ("failure" in listed) {
          done.set(item.end, failed(item, listed.failure));
          continue;
        }
        const verdict = recheck(item, contextOf(item, listed, inUse ?? ALL_IN_USE, carried.has(item.end)));
        // What is protected may not be any more when its turn comes: what must go first has gone by then.
        if (verdict.kind === "go" || verdict.kind === "protected") continue;
        done.set(item.end, await settled(item, listed, verdict));
      }
      return done;
    },

    /** Those that were done. */
    async doAll(items: readonly ApplyItem[]): Promise<readonly Done[]> {
      const running = new Map<string, Promise<Done | null>>();
      const run = async (item: ApplyItem, first: readonly Promise<Done | null>[]): Promise<Done | null> => {
        try {
          const before = await Promise.all(first);
          // What must go first was not done: its turn has not come.
          if (before.includes(null)) return null;
          return await slots(() => doItem(item));
        } catch (error) {
          if (error instanceof LatchkeyError && !(error instanceof UpstreamError))
            watch.stop({ kind: "failed", error });
          else watch.fail(error);
          return null;
        }
      };
      const begin = (item: ApplyItem) => {
        const { repository, digest, after } = item.line;
        const first = after.flatMap((other) => running.get(itemKey(repository, other)) ?? []);
        const result = run(item, first);
        running.set(itemKey(repository, digest), result);
        return result;
      };
      // One of each repository before the others: their tokens are asked for together then, and nobody waits for the next.
      const firsts = new Set(firstOfEach(items));
      const ordered = [...firsts, ...items.filter((item) => !firsts.has(item))];
      const results = await pMap(ordered, begin, { concurrency: BEGUN_AT_ONCE });
      return results.filter((result) => result !== null);
    },

    /** The run ends here: finds out what became of all that was begun, and says of what stands before it that it was left. */
    async leaveRest(group: readonly ApplyItem[], done: Map<number, Done>): Promise<void> {
      const since = deps.now().getTime();
      for (const item of group) {
        const isBegun = carried.has(item.end) || sent.has(item.end);
        if (done.has(item.end) || !(isBegun || item.line.after.some((digest) => isDeleted(item, digest)))) continue;
        const result = await leave(item, since, isBegun).catch((error: unknown) => {
          watch.signal.throwIfAborted();
          if (!(error instanceof LatchkeyError)) throw error;
          deps.warn(unknownText(item));
          return null;
        });
        if (result !== null) done.set(item.end, result);
      }
      const last = group.findLastIndex(({ end }) => done.has(end));
      for (const item of group.slice(0, last)) {
        if (!done.has(item.end)) done.set(item.end, finish(item, [part(deps, item.line.tags, "skipped")]));
      }
    },
  };

  /** Null when nothing of it is gone. */
  async function leave(item: ApplyItem, since: number, isBegun: boolean): Promise<Done | null> {
    const listed = await freshness.listingFor(item, since);
    if ("failure" in listed) return failed(item, listed.failure);
    const verdict = recheck(item, contextOf(item, listed, ALL_IN_USE, isBegun));
    if (verdict.kind === "ours") return settled(item, listed, verdict);
    if (!isBegun) return null;
    await restoreLocks({ ...deps, signal: watch.signal }, item, listed.now);
    const removed = "removed" in verdict ? verdict.removed : [];
    return removed.length === 0 ? null : finish(item, partly(item, removed, "skipped"));
  }
}

/** Where nobody can say what is used. */
const ALL_IN_USE: RecheckContext["inUse"] = { usesTag: () => "", usesDigest: () => "", keepsRepository: () => "" };

function unknownText({ line }: ApplyItem): string {
  return `${line.repository}@${line.digest}: it may have been deleted, and whether it was cannot be found out.`;
}

/** The first line of each repository: what must go first stands behind it in none. */
function firstOfEach(items: readonly ApplyItem[]): readonly ApplyItem[] {
  const seen = new Set<string>();
  return items.filter(({ line }) => !seen.has(line.repository) && seen.add(line.repository));
}
