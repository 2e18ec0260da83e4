/** Does one line of a plan: unlocks what its rule includes, deletes, and finds out what a lost reply left open. Used by apply-group.ts. */
import { UpstreamError } from "../../errors.ts";
import { type MayStillSend, TooLateError } from "../may-still-send.ts";
import type { RegistryContent } from "../ports.ts";
import type { ApplyItem } from "./apply-items.ts";
import { restoreLocks, unlock } from "./apply-locks.ts";
import type { ApplyWatch, ChangeCall } from "./apply-watch.ts";
import type { Listed } from "./freshness.ts";
import { failureText, type Part } from "./report.ts";
import type { RepositoryNow } from "./repository-now.ts";

/** What doing a line needs. */
export type ApplyLineDeps = {
  readonly content: RegistryContent;
  readonly now: () => Date;
  readonly watch: Pick<ApplyWatch, "signal" | "look" | "within">;
  /** Until when something may be sent that its re-check decided, milliseconds since 1970. */
  readonly until: number;
  /** The repository, listed from now on. */
  readonly listAgain: (item: ApplyItem) => Promise<Listed>;
  /** Called right before something is told to be deleted. */
  readonly began: () => void;
  /** Nothing came to stay meanwhile that may hang together with it. */
  readonly mayStillGo: () => boolean;
  /**
   * What is missing of the line may have gone by this run's hand, in a try before this one or with what it refers to.
   * @param now as it is listed behind this try
   */
  readonly mayBeOurs: (now?: RepositoryNow) => boolean;
  /** For people, in the run's record. */
  readonly warn: (text: string) => void;
};
/** What became of it; `again`: it is still there and is to be tried anew; `late`: so is this, it waited for too long. */
export type LineResult = { readonly parts: readonly Part[] } | "again" | "late";

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
  if (refused === "late") return "late";
  if (refused?.failure?.status === 404) {
    // Nothing was told to be deleted: what is not there is looked at as if it had never been begun.
    await deps.listAgain(item);
    return "again";
  }
  if (refused !== null) {
    if (item.line.after.length > 0 && isGone(await deps.listAgain(item), item)) return "again";
    await restoreLocks(deps, item, null);
    const left = item.line.action === "delete" ? item.line.tags : tags;
    return { parts: [part(deps, left, "failed", failureText(refused))] };
  }
  return item.line.action === "delete" ? deleteImage(deps, item) : removeTags(deps, item, tags);
}

async function deleteImage(deps: ApplyLineDeps, item: ApplyItem): Promise<LineResult> {
  const { repository, digest, tags } = item.line;
  const call = await attempt(deps, item, (signal, mayStillSend) =>
    deps.content.deleteManifest(repository, digest, signal, mayStillSend),
  );
  if (call.kind === "late") return "late";
  if (call.kind === "done") return { parts: [part(deps, tags, "deleted")] };
  // What refers to something goes with it: it may be gone although its own deletion was refused.
  if (call.kind !== "refused" || item.line.after.length > 0) {
    const listed = await deps.listAgain(item);
    if ("failure" in listed) return { parts: [unknown(deps, item, tags, call.error)] };
    if (isGone(listed, item)) {
      const isOurs = call.kind === "unsure" || deps.mayBeOurs(listed.now);
      return { parts: [part(deps, tags, isOurs ? "deleted" : "gone")] };
    }
    if (call.kind === "unsure" && call.isGivenUp) return "late";
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
  const gone: string[] = [];
  const absent = new Set<string>();
  const unsent = new Set<string>();
  let isOpen = false;
  let isLate = false;
  for (const tag of tags) {
    const call = await attempt(deps, item, (signal, mayStillSend) =>
      deps.content.deleteTag(repository, tag, signal, mayStillSend),
    );
    if (call.kind === "done") removed.push(tag);
    else left.set(tag, call.kind === "late" ? late() : call.error);
    isOpen ||= call.kind === "unsure" || call.kind === "absent";
    if (call.kind === "absent") absent.add(tag);
    if (call.kind === "late") unsent.add(tag);
    isLate ||= call.kind === "late" || (call.kind === "unsure" && call.isGivenUp);
  }
  // What is tried anew is compared with a listing that has begun after what was removed.
  if (isOpen || (isLate && removed.length > 0)) {
    const listed = await deps.listAgain(item);
    if ("failure" in listed) {
      const [error] = left.values();
      return {
        parts: [...removedPart(deps, removed), ...(error ? [unknown(deps, item, [...left.keys()], error)] : [])],
      };
    }
    for (const tag of left.keys()) {
      if (unsent.has(tag) || listed.now.tags.get(tag)?.digest === item.line.digest) continue;
      left.delete(tag);
      if (absent.has(tag) && !deps.mayBeOurs()) gone.push(tag);
      else removed.push(tag);
    }
  }
  if (left.size > 0 && isLate) return "late";
  if (left.size > 0) await restoreLocks(deps, item, null);
  const failures = Map.groupBy(left.keys(), (tag) => failureText(left.get(tag) ?? never()));
  const failed = [...failures].map(([failure, names]) => part(deps, names, "failed", failure));
  const goneParts = gone.length === 0 ? [] : [part(deps, gone, "gone")];
  return { parts: [...removedPart(deps, removed), ...goneParts, ...failed] };
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
  /** Nothing was sent. */
  | { readonly kind: "late" }
  /** `absent`: it was not there when this call asked for the first time. */
  | { readonly kind: "refused" | "absent"; readonly error: UpstreamError }
  | { readonly kind: "unsure"; readonly error: UpstreamError; readonly isGivenUp: boolean };

/** @param call false: the registry says that there is no such thing, which was listed a moment ago */
async function attempt(deps: ApplyLineDeps, item: ApplyItem, call: ChangeCall<boolean>): Promise<Call> {
  const { watch, until, began } = deps;
  await watch.look();
  watch.signal.throwIfAborted();
  try {
    const isDone = await watch.within(until, (signal, mayStillSend) =>
      call(signal, telling(deps.mayStillGo, mayStillSend, began)),
    );
    // What refers to something goes with it. Of anything else the list is asked: what is still in it was not deleted.
    if (isDone || (item.line.after.length > 0 && deps.mayBeOurs())) return { kind: "done" };
    return { kind: "absent", error: absent() };
  } catch (error) {
    watch.signal.throwIfAborted();
    if (error instanceof TooLateError) {
      return error.mayBeDone ? { kind: "unsure", error: late(), isGivenUp: true } : { kind: "late" };
    }
    if (!(error instanceof UpstreamError)) throw error;
    return isRefusal(error) ? { kind: "refused", error } : { kind: "unsure", error, isGivenUp: false };
  }
}

/** Says so before it lets something be sent. */
function telling(mayStillGo: () => boolean, mayStillSend: MayStillSend, began: () => void): MayStillSend {
  return () => {
    const isInTime = mayStillGo() && mayStillSend();
    if (isInTime) began();
    return isInTime;
  };
}

function late(): UpstreamError {
  return new UpstreamError("UPSTREAM_TIMEOUT", new TooLateError().message, { retryable: true });
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
