/** Does one group of lines of a plan: looks at each anew, says what it may begin, deletes with several workers. Used by apply.ts. */
import pMap from "p-map";
import { LatchkeyError, UpstreamError } from "../../errors.ts";
import type { RegistryContent } from "../ports.ts";
import { type ApplyItem, itemKey } from "./apply-items.ts";
import { applyLine, part, removedPart } from "./apply-line.ts";
import { restoreLocks } from "./apply-locks.ts";
import { ALL_IN_USE, openView } from "./apply-view.ts";
import type { ApplyWatch } from "./apply-watch.ts";
import type { Found, Freshness } from "./freshness.ts";
import { mayHaveFollowedOwn, recheck, type Verdict } from "./recheck.ts";
import { type Done, failureText, type Part } from "./report.ts";
import type { RepositoryNow } from "./repository-now.ts";
import type { RunTraces } from "./run-traces.ts";
import { openSlots } from "./slots.ts";
import type { Staying } from "./staying.ts";

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
  /** Lines ahead: all of each repository of the group. */
  items(): readonly ApplyItem[];
  readonly staying: Staying;
  readonly traces: RunTraces;
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
  const { freshness, watch, carried, deleted, staying } = deps;
  /** Lines of which something was sent to the registry by this slice; those of them that were to be deleted. */
  const sent = new Set<number>();
  const deleting = new Set<number>();
  const slots = openSlots(WORKERS);

  const finish = (item: ApplyItem, parts: readonly Part[]): Done => {
    const { repository, digest } = item.line;
    if (parts.some(({ outcome }) => outcome === "deleted")) {
      deleted.set(itemKey(repository, digest), deps.now().getTime());
      staying.went(repository, digest);
    } else if (item.line.action === "delete" && parts.some(({ outcome }) => outcome !== "gone")) {
      staying.keep(repository, digest);
    }
    return { item, parts };
  };
  const isDeleted = ({ line }: ApplyItem, digest: string) => deleted.has(itemKey(line.repository, digest));
  const isBegun = ({ end }: ApplyItem) => carried.has(end) || sent.has(end);
  const isSent = ({ end }: ApplyItem) => carried.has(end) || deleting.has(end);
  const { see, contextOf } = openView({
    ...deps,
    isBegun,
    isSent,
    isDeleted: (repository, digest) => deleted.has(itemKey(repository, digest)),
  });
  const followed = deps.traces.mayHaveFollowed;
  const mayBeGone = (item: ApplyItem): boolean =>
    isBegun(item) ||
    followed(item) ||
    item.line.after.some((digest) => isDeleted(item, digest)) ||
    (deps.followers.get(itemKey(item.line.repository, item.line.digest)) ?? []).some(followed);
  const failed = (item: ApplyItem, error: UpstreamError): Done => {
    if (mayBeGone(item)) deps.warn(unknownText(item));
    return finish(item, [part(deps, item.line.tags, "failed", failureText(error))]);
  };
  /** What a verdict other than `go` makes of a line. */
  const settled = async (item: ApplyItem, listed: Found, verdict: Exclude<Verdict, { readonly kind: "go" }>) => {
    const { tags, action } = item.line;
    if (verdict.kind === "ours") return finish(item, [part(deps, tags, action === "delete" ? "deleted" : "untagged")]);
    if (verdict.kind === "gone") return finish(item, [part(deps, tags, "gone")]);
    if (isBegun(item)) await restoreLocks(deps, item, listed.now);
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

  const doItem = async (item: ApplyItem): Promise<Done | null> => {
    for (let tries = 1; tries <= LINE_TRIES; ) {
      if (watch.stopped() !== null) return null;
      const { listed, inUse } = await see(item);
      if ("failure" in listed) return failed(item, listed.failure);
      watch.signal.throwIfAborted();
      if (inUse === null || watch.stopped() !== null) return null;
      // Another line has failed meanwhile: what hangs together with its image is to be found first.
      if (!staying.isSettled(item.line.repository)) continue;
      const verdict = recheck(item, contextOf(item, listed, inUse));
      if (verdict.kind !== "go") {
        // What it refers to took it along after that was listed.
        const since = Math.max(
          0,
          ...item.line.after.map((digest) => deleted.get(itemKey(item.line.repository, digest)) ?? 0),
        );
        if (listed.now.startedAt >= since) return settled(item, listed, verdict);
        const again = await freshness.listingFor(item, since);
        if ("failure" in again) return failed(item, again.failure);
        continue;
      }
      tries += 1;
      const isOurs = isSent(item);
      const mayBeOurs = (now?: RepositoryNow) =>
        isOurs ||
        item.line.after.some((digest) => isDeleted(item, digest)) ||
        followed(item) ||
        (now !== undefined && mayHaveFollowedOwn(item, { ...deps, now, mayHaveFollowed: followed }));
      const began = () => {
        deleting.add(item.end);
        if (item.line.action !== "delete") return;
        deps.traces.sent(item.line.repository, item.line.digest);
        staying.went(item.line.repository, item.line.digest);
      };
      const { repository, digest, action } = item.line;
      const mayStillGo = () =>
        action !== "delete" || (staying.isSettled(repository) && !staying.holds(repository, digest));
      sent.add(item.end);
      const listAgain = () => freshness.listingFor(item, deps.now().getTime());
      const lineDeps = { ...deps, until: freshness.until(listed, inUse), listAgain, began, mayBeOurs, mayStillGo };
      const result = await applyLine(lineDeps, item, verdict.tags, listed.now);
      // It was not its fault: this ends with the slice's time.
      if (result === "late") tries -= 1;
      else if (result !== "again") return finish(item, [...removedPart(deps, verdict.removed), ...result.parts]);
    }
    await restoreLocks(deps, item, null);
    return failed(item, new UpstreamError("UPSTREAM_TIMEOUT", "It changed at every try.", { retryable: true }));
  };

  return {
    /** What needs nothing to be done any more. */
    async lookAtAll(group: readonly ApplyItem[]): Promise<Map<number, Done>> {
      // Repositories side by side; what follows finds its own listed.
      await pMap(firstOfEach(group), see, { concurrency: LISTED_AT_ONCE });
      const views = await pMap(group, see, { concurrency: LISTED_AT_ONCE });
      const done = new Map<number, Done>();
      for (const [index, item] of group.entries()) {
        const { listed, inUse = null } = views[index] ?? {};
        if (listed === undefined) continue;
        if ("failure" in listed) {
          done.set(item.end, failed(item, listed.failure));
          continue;
        }
        const verdict = recheck(item, contextOf(item, listed, inUse ?? ALL_IN_USE));
        // What is protected may not be any more when its turn comes: what must go first has gone by then.
        if (verdict.kind === "go" || verdict.kind === "protected") continue;
        done.set(item.end, await settled(item, listed, verdict));
      }
      return done;
    },

    /** Those that were done. */
    async doAll(items: readonly ApplyItem[]): Promise<readonly Done[]> {
      const running = new Map<string, Promise<Done | null>>();
      const namedOnes = new Map<string, Promise<Done | null>[]>();
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
        const { repository, digest, tags, after } = item.line;
        const named = namedOnes.get(repository) ?? [];
        namedOnes.set(repository, named);
        // What is untagged mostly refers to something, and nobody knows to what: should that fail, it is to stay.
        const isUnknown = tags.length === 0 && after.length === 0;
        const first = isUnknown ? [...named] : after.flatMap((other) => running.get(itemKey(repository, other)) ?? []);
        const result = run(item, first);
        if (tags.length > 0) named.push(result);
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
        if (done.has(item.end) || !mayBeGone(item)) continue;
        const result = await leave(item, since).catch((error: unknown) => {
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
  async function leave(item: ApplyItem, since: number): Promise<Done | null> {
    const listed = await freshness.listingFor(item, since);
    if ("failure" in listed) return failed(item, listed.failure);
    const verdict = recheck(item, contextOf(item, listed, ALL_IN_USE));
    if (verdict.kind === "ours") return settled(item, listed, verdict);
    if (!isBegun(item)) return null;
    await restoreLocks(deps, item, listed.now);
    const removed = "removed" in verdict ? verdict.removed : [];
    return removed.length === 0 ? null : finish(item, partly(item, removed, "skipped"));
  }
}

function unknownText({ line }: ApplyItem): string {
  return `${line.repository}@${line.digest}: it may have been deleted, and whether it was cannot be found out.`;
}

/** The first line of each repository: what must go first stands behind it in none. */
function firstOfEach(items: readonly ApplyItem[]): readonly ApplyItem[] {
  const seen = new Set<string>();
  return items.filter(({ line }) => !seen.has(line.repository) && seen.add(line.repository));
}
