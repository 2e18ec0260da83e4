/** Does one line of a plan: unlocks what its rule includes, deletes, and finds out what a lost reply left open. Used by apply-group.ts. */
import { UpstreamError } from "../errors.ts";
import type { ApplyItem } from "./apply-items.ts";
import type { Listed } from "./freshness.ts";
import type { RegistryContent } from "./ports.ts";
import { failureText, type Part } from "./report.ts";
import type { RepositoryNow } from "./repository-now.ts";

/** What doing a line needs. */
export type ApplyLineDeps = {
  readonly content: RegistryContent;
  readonly now: () => Date;
  /** Aborted when the slice must stop at once. */
  readonly signal: AbortSignal;
  /** Makes sure that the run is still this slice's: a machine may have slept since the last call. */
  readonly look: () => Promise<void>;
  /** Gives up a call that waits longer than its re-check is good for. */
  readonly within: <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** The repository, listed from now on. */
  readonly listAgain: (item: ApplyItem) => Promise<Listed>;
  /** For people, in the run's record. */
  readonly warn: (text: string) => void;
};
/** What became of it; `again`: it is still there and is to be tried anew. */
export type LineResult = { readonly parts: readonly Part[] } | "again";

/** Answers of a registry that it gives before it does anything. 408 and 429 say nothing of an earlier try. */
function isRefusal(error: UpstreamError): boolean {
  const status = error.failure?.status ?? null;
  return status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/**
 * @param tags to be removed alone; empty for an image
 * @param now what it was re-checked with: what is not there any more is not unlocked
 * @throws InputError SIGN_IN_FAILED UNSUPPORTED_BY_METHOD; the signal's reason
 */
export async function applyLine(
  deps: ApplyLineDeps,
  item: ApplyItem,
  tags: readonly string[],
  now: RepositoryNow,
): Promise<LineResult> {
  const refused = await unlock(deps, item, now);
  if (refused?.failure?.status === 404) {
    await deps.listAgain(item);
    return "again";
  }
  if (refused !== null) {
    if (item.line.after.length > 0 && isGone(await deps.listAgain(item), item)) return "again";
    await restoreLocks(deps, item, null);
    return { parts: [part(deps, item.line.tags, "failed", failureText(refused))] };
  }
  return item.line.action === "delete" ? deleteImage(deps, item) : removeTags(deps, item, tags);
}

async function deleteImage(deps: ApplyLineDeps, item: ApplyItem): Promise<LineResult> {
  const { repository, digest, tags } = item.line;
  const call = await attempt(deps, item, (signal) => deps.content.deleteManifest(repository, digest, signal));
  if (call.kind === "done") return { parts: [part(deps, tags, "deleted")] };
  // What refers to something goes with it: it may be gone although its own deletion was refused.
  if (call.kind === "unsure" || item.line.after.length > 0) {
    const listed = await deps.listAgain(item);
    if ("failure" in listed) return { parts: [unknown(deps, item, tags, call.error)] };
    if (isGone(listed, item)) return { parts: [part(deps, tags, "deleted")] };
    if (call.kind === "unsure" && call.isGivenUp) return "again";
  }
  await restoreLocks(deps, item, null);
  return { parts: [part(deps, tags, "failed", failureText(call.error))] };
}

function isGone(listed: Listed, { line }: ApplyItem): boolean {
  return "now" in listed && !listed.now.manifests.has(line.digest);
}

async function removeTags(deps: ApplyLineDeps, item: ApplyItem, tags: readonly string[]): Promise<LineResult> {
  const { repository } = item.line;
  const removed: string[] = [];
  const left = new Map<string, UpstreamError>();
  let isOpen = false;
  let isGivenUp = false;
  for (const tag of tags) {
    const call = await attempt(deps, item, (signal) => deps.content.deleteTag(repository, tag, signal));
    if (call.kind === "done") removed.push(tag);
    else left.set(tag, call.error);
    isOpen ||= call.kind === "unsure";
    isGivenUp ||= call.kind === "unsure" && call.isGivenUp;
  }
  if (isOpen) {
    const listed = await deps.listAgain(item);
    if ("failure" in listed) {
      const [error] = left.values();
      return {
        parts: [...removedPart(deps, removed), ...(error ? [unknown(deps, item, [...left.keys()], error)] : [])],
      };
    }
    for (const tag of left.keys()) {
      if (listed.now.tags.get(tag)?.digest === item.line.digest) continue;
      left.delete(tag);
      removed.push(tag);
    }
    if (left.size > 0 && isGivenUp) return "again";
  }
  if (left.size > 0) await restoreLocks(deps, item, null);
  const failures = Map.groupBy(left.keys(), (tag) => failureText(left.get(tag) ?? never()));
  const failed = [...failures].map(([failure, names]) => part(deps, names, "failed", failure));
  return { parts: [...removedPart(deps, removed), ...failed] };
}

/** Tags that were removed, if any. */
export function removedPart(deps: Pick<ApplyLineDeps, "now">, tags: readonly string[]): readonly Part[] {
  return tags.length === 0 ? [] : [part(deps, tags, "untagged")];
}

/** A part of now. */
export function part(
  deps: Pick<ApplyLineDeps, "now">,
  tags: readonly string[],
  outcome: Part["outcome"],
  failure: string | null = null,
): Part {
  return { tags, outcome, failure, at: deps.now() };
}

function unknown(deps: ApplyLineDeps, { line }: ApplyItem, tags: readonly string[], error: UpstreamError): Part {
  deps.warn(`${line.repository}@${line.digest}: it was told to be deleted, and whether it was cannot be found out.`);
  return part(deps, tags, "failed", failureText(error));
}

type Call =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly error: UpstreamError }
  | { readonly kind: "unsure"; readonly error: UpstreamError; readonly isGivenUp: boolean };

/** @param call false: the registry says that there is no such thing, which was listed a moment ago */
async function attempt(
  deps: ApplyLineDeps,
  item: ApplyItem,
  call: (signal: AbortSignal) => Promise<boolean>,
): Promise<Call> {
  await deps.look();
  deps.signal.throwIfAborted();
  try {
    const isDone = await deps.within(call);
    // What refers to something goes with it. Of anything else the list is asked: what is still in it was not deleted.
    if (isDone || item.line.after.length > 0) return { kind: "done" };
    return { kind: "unsure", error: absent(), isGivenUp: false };
  } catch (error) {
    deps.signal.throwIfAborted();
    if (error === GIVEN_UP) return { kind: "unsure", error: late(), isGivenUp: true };
    if (!(error instanceof UpstreamError)) throw error;
    return isRefusal(error) ? { kind: "refused", error } : { kind: "unsure", error, isGivenUp: false };
  }
}

/** Why `within` aborts a call. */
export const GIVEN_UP = new Error("The call waited for longer than its re-check is good for.");
function late(): UpstreamError {
  return new UpstreamError("UPSTREAM_TIMEOUT", GIVEN_UP.message, { retryable: true });
}
function absent(): UpstreamError {
  const failure = { name: "RestError", status: 404, code: null };
  return new UpstreamError("UPSTREAM_REFUSED", "The registry lists it and says that it is not there.", {
    retryable: false,
    failure,
  });
}
function never(): never {
  throw new Error("A tag that is left has no failure.");
}

/** Null when all is unlocked; else why not. */
async function unlock(deps: ApplyLineDeps, item: ApplyItem, now: RepositoryNow): Promise<UpstreamError | null> {
  for (const set of lockCalls(deps.content, item, now).reverse()) {
    const error = await failureOf(deps.signal, set(false, deps.signal));
    if (error !== null) return error;
  }
  return null;
}

/**
 * Locks again what the plan saw locked. What is not there any more needs none.
 * @param now only what is there now is locked; null: as the plan saw it
 */
export async function restoreLocks(
  deps: Pick<ApplyLineDeps, "content" | "signal" | "warn">,
  item: ApplyItem,
  now: RepositoryNow | null,
): Promise<void> {
  for (const set of lockCalls(deps.content, item, now)) {
    const error = await failureOf(deps.signal, set(true, deps.signal));
    if (error === null || error.failure?.status === 404) continue;
    deps.warn(`${item.line.repository}@${item.line.digest}: it was unlocked and could not be locked again.`);
  }
}

type SetLock = (isLocked: boolean, signal: AbortSignal) => Promise<void>;

/** Tags first: the manifest's lock is the first to open and the last to close. */
function lockCalls(content: RegistryContent, { line }: ApplyItem, now: RepositoryNow | null): SetLock[] {
  const { repository, digest, seen } = line;
  const isThere = (tag: string) => now === null || now.tags.get(tag)?.digest === digest;
  const tags = seen.tags.filter(([tag, , wasLocked]) => wasLocked && line.tags.includes(tag) && isThere(tag));
  const calls = tags.map(
    ([tag]): SetLock =>
      (isLocked, signal) =>
        content.setTagLock(repository, tag, isLocked, signal),
  );
  if (!seen.isLocked || line.action !== "delete" || now?.manifests.has(digest) === false) return calls;
  return [...calls, (isLocked, signal) => content.setManifestLock(repository, digest, isLocked, signal)];
}

async function failureOf(signal: AbortSignal, call: Promise<void>): Promise<UpstreamError | null> {
  try {
    await call;
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}
