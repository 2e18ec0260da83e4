/** Locks of a line whose rule includes locked images: opened before it is deleted, closed again when it was not. Used by apply-line.ts and apply-group.ts. */
import { UpstreamError } from "../../errors.ts";
import { TooLateError } from "../may-still-send.ts";
import type { RegistryContent } from "../ports.ts";
import type { ApplyItem } from "./apply-items.ts";
import type { ApplyWatch, ChangeCall } from "./apply-watch.ts";
import type { RepositoryNow } from "./repository-now.ts";

/** What setting locks needs. */
export type LockDeps = {
  readonly content: RegistryContent;
  readonly watch: Pick<ApplyWatch, "signal" | "look" | "within">;
  /** For people, in the run's record. */
  readonly warn: (text: string) => void;
};

/** Unlocks what the plan saw locked. Null when all is unlocked; else why not. @throws the signal's reason */
export async function unlock(
  deps: LockDeps & { readonly until: number },
  item: ApplyItem,
  now: RepositoryNow,
): Promise<UpstreamError | "late" | null> {
  for (const set of lockCalls(deps.content, item, now).reverse()) {
    const error = await failureOf(deps.watch, deps.until, (signal, mayStillSend) => set(false, signal, mayStillSend));
    if (error !== null) return error;
  }
  return null;
}

/**
 * Locks again what the plan saw locked. What is not there any more needs none. However old the re-check is: only the run must
 * be this slice's still, since another may have unlocked it in order to delete it.
 * @param now only what is there now is locked; null: as the plan saw it
 */
export async function restoreLocks(deps: LockDeps, item: ApplyItem, now: RepositoryNow | null): Promise<void> {
  for (const set of lockCalls(deps.content, item, now)) {
    const lock = () => failureOf(deps.watch, null, (signal, mayStillSend) => set(true, signal, mayStillSend));
    let error = await lock();
    for (let tries = 1; error === "late" && tries < LOCK_TRIES; tries++) error = await lock();
    if (error === null || (error !== "late" && error.failure?.status === 404)) continue;
    deps.warn(`${item.line.repository}@${item.line.digest}: it was unlocked and could not be locked again.`);
  }
}

/** Times that a lock is set again whose turn came when the run's record could not be read. */
const LOCK_TRIES = 3;

type SetLock = (isLocked: boolean, ...how: Parameters<ChangeCall<void>>) => Promise<void>;

/** Tags first: the manifest's lock is the first to open and the last to close. */
function lockCalls(content: RegistryContent, { line }: ApplyItem, now: RepositoryNow | null): SetLock[] {
  const { repository, digest, seen } = line;
  const isThere = (tag: string) => now === null || now.tags.get(tag)?.digest === digest;
  const tags = seen.tags.filter(([tag, , wasLocked]) => wasLocked && line.tags.includes(tag) && isThere(tag));
  const calls = tags.map(
    ([tag]): SetLock =>
      (isLocked, ...how) =>
        content.setTagLock(repository, tag, isLocked, ...how),
  );
  if (!seen.isLocked || line.action !== "delete" || now?.manifests.has(digest) === false) return calls;
  return [...calls, (isLocked, ...how) => content.setManifestLock(repository, digest, isLocked, ...how)];
}

async function failureOf(
  watch: LockDeps["watch"],
  until: number | null,
  call: ChangeCall<void>,
): Promise<UpstreamError | "late" | null> {
  await watch.look();
  watch.signal.throwIfAborted();
  try {
    await watch.within(until, call);
    return null;
  } catch (error) {
    watch.signal.throwIfAborted();
    if (error instanceof TooLateError) return "late";
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}
