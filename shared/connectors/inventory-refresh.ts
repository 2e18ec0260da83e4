/** Lists anew what is due of one connector and type: many places at once, what failed beside what was found. Used by inventory-answer.ts. */
import { LatchkeyError, LimitError, UpstreamError } from "../errors.ts";
import type { Reach } from "./found.ts";
import {
  type InventoryIndex,
  isDue,
  keyOfPlace,
  newSection,
  oldestFirst,
  type PlaceFailure,
  RETRY_AFTER_FAILURE_MS,
  type Section,
} from "./inventory-index.ts";
import { PLACE_LISTS, type PlaceLists } from "./inventory-places.ts";
import type { createSegmentWriter } from "./inventory-segments.ts";
import type { AzureView } from "./ports.ts";
import type { ResourceType } from "./resource-type.ts";

/** Places of one type listed at once. ARM takes 250 reads at once of a caller and subscription, and 25 more each second. */
export const LIST_CONCURRENCY = 16;

/** What one refresh needs. */
export type RefreshDeps = {
  /** Within the budget. */
  readonly view: AzureView;
  readonly reach: Reach;
  readonly writer: ReturnType<typeof createSegmentWriter>;
  readonly now: () => Date;
  /** When it aborts, what is not there yet is left for the next refresh. */
  readonly deadline: AbortSignal;
};

/**
 * The sections as they are now known. What was not due, not reached or failed for a while keeps its earlier items.
 * @param known null: nothing, or under other limits
 * @param isForced lists everything, due or not
 * @returns the new index, and whether anything was tried
 * @throws InputError SIGN_IN_FAILED: then nothing is reached at all; UpstreamError of the store
 */
export async function refreshInventory(
  deps: RefreshDeps,
  resourceType: ResourceType,
  basis: string,
  known: InventoryIndex | null,
  isForced: boolean,
): Promise<{ readonly index: InventoryIndex; readonly isChanged: boolean }> {
  const walk = createWalk(deps, PLACE_LISTS[resourceType], known, isForced);
  await walk.run();
  await deps.writer.flush();
  return { index: { basis, sections: walk.sections() }, isChanged: walk.isChanged() };
}

function createWalk(deps: RefreshDeps, lists: PlaceLists, known: InventoryIndex | null, isForced: boolean) {
  const { view, reach, writer, now, deadline } = deps;
  const before = new Map(known?.sections.map((section) => [keyOfPlace(section.place), section]));
  const childrenBefore = Map.groupBy(known?.sections ?? [], ({ parent }) => keyOfPlace(parent ?? ""));
  const current = new Map<string, Section>();
  let waiting: Section[] = [];
  let isChanged = known === null;

  const set = (section: Section) => {
    isChanged = true;
    current.set(keyOfPlace(section.place), section);
  };
  const enter = (places: readonly Section[]) => {
    for (const section of places) {
      current.set(keyOfPlace(section.place), section);
      if (isForced || isDue(section, now())) waiting.push(section);
      // Its own list stands: what is in it may be due by itself.
      else enterChildren(section);
    }
    waiting.sort(oldestFirst);
  };
  const enterChildren = ({ place }: Section) => enter(childrenBefore.get(keyOfPlace(place)) ?? []);

  const look = async (section: Section): Promise<void> => {
    try {
      const listed = await beforeDeadline(lists.list(view, reach, section), deadline);
      const at = now().toISOString();
      const done = { ...section, takenAt: at, triedAt: at, failure: null };
      if (listed.places === null) {
        set({ ...done, ...(await writer.add(section.place, listed.items)) });
        return;
      }
      set(done);
      enter(
        listed.places.map(({ place, location }) => ({
          ...(before.get(keyOfPlace(place)) ?? newSection(place, null, null)),
          place,
          parent: section.place,
          location,
        })),
      );
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED" || error.code === "STATE_UNAVAILABLE") {
        throw error;
      }
      const failed = afterFailure(section, error, now());
      set(failed);
      if (failed.takenAt !== null || failed.failure?.isRetryable === true) enterChildren(section);
    }
  };

  return {
    sections: () => [...current.values()],
    isChanged: () => isChanged,
    async run() {
      enter(lists.roots(reach).map((place) => before.get(keyOfPlace(place)) ?? newSection(place, null, null)));
      await drain(() => (deadline.aborted ? undefined : waiting.shift()), look);
      for (let left = waiting; left.length > 0; left = waiting) {
        waiting = [];
        for (const section of left) {
          set({ ...section, failure: notReached(now()) });
          enterChildren(section);
        }
      }
    },
  };
}

/** Works on what `take` gives, and on what is added meanwhile, until nothing is left or one fails. */
async function drain<T>(take: () => T | undefined, work: (item: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  for (;;) {
    while (running.size < LIST_CONCURRENCY && failure === null) {
      const item = take();
      if (item === undefined) break;
      const job: Promise<void> = work(item)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(job));
      running.add(job);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}

/** What comes later is dropped. @throws UpstreamError UPSTREAM_TIMEOUT */
function beforeDeadline<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  if (deadline.aborted) return Promise.reject(tooLate());
  return new Promise((resolve, reject) => {
    const end = () => reject(tooLate());
    deadline.addEventListener("abort", end, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener("abort", end));
  });
}

function tooLate(): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_TIMEOUT",
    "Azure gave no answer in the time that a caller waits. Ask again later.",
    {
      retryable: true,
    },
  );
}

function notReached(now: Date): PlaceFailure {
  const message = "There was no time left for this place. Ask again: what was left out comes first.";
  return { code: "UPSTREAM_TIMEOUT", message, isRetryable: true, until: now.toISOString() };
}

/** What passes by itself leaves the earlier items; what does not, takes them away: they are not reached any more. */
function afterFailure(section: Section, error: LatchkeyError, now: Date): Section {
  const { code, message } = error;
  const until = (milliseconds: number) => new Date(now.getTime() + milliseconds).toISOString();
  if (error instanceof LimitError) {
    // Azure was not asked, so it stays among those that come first.
    const failure = { code, message, isRetryable: true, until: until(error.retryAfterSeconds * 1000) };
    return { ...section, failure };
  }
  const isRetryable = error instanceof UpstreamError && error.retryable;
  const asked = error instanceof UpstreamError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  const failure = { code, message, isRetryable, until: until(Math.max(RETRY_AFTER_FAILURE_MS, asked)) };
  const tried = { ...section, triedAt: now.toISOString(), failure };
  return isRetryable ? tried : { ...tried, takenAt: null, count: 0, prefix: "", chunks: [] };
}
