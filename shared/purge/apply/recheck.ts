/** Whether a line of a plan may still be done: what it saw against what is listed now. Pure; used before each deletion. */

import type { InUse } from "../in-use/in-use.ts";
import type { ListedTag } from "../registry-items.ts";
import { type ApplyItem, itemKey } from "./apply-items.ts";
import type { RepositoryNow } from "./repository-now.ts";

/** What else decides. */
export type RecheckContext = {
  readonly now: RepositoryNow;
  /** What clusters use now. */
  readonly inUse: Omit<InUse, "lines">;
  /** This run may have begun with a line before: its locks may be open. */
  isBegun(item: ApplyItem): boolean;
  /** This run may have sent a line's deletion before: what is missing of it went by its hand. */
  isSent(item: ApplyItem): boolean;
  /** A line's image may have gone with another that this run deleted, though the plan did not know that it refers to it. */
  mayHaveFollowed(item: ApplyItem): boolean;
  /** An image of the line's repository stays, with others that stay. */
  holds(digest: string): boolean;
  /** Whether this run deleted a digest of the line's repository. */
  isDeleted(digest: string): boolean;
  readonly followers: ReadonlyMap<string, readonly ApplyItem[]>;
};

/**
 * `go`: as the plan saw it; `tags`: those that are to be removed alone. Else what becomes of it. `removed`: tags that this
 * run has removed already, whatever becomes of the others.
 */
export type Verdict =
  | { readonly kind: "go"; readonly tags: readonly string[]; readonly removed: readonly string[] }
  | { readonly kind: "ours" }
  | { readonly kind: "gone" }
  | { readonly kind: "changed" | "protected"; readonly removed: readonly string[] };

/** See Verdict. Whatever is not certain keeps it. */
export function recheck(item: ApplyItem, context: RecheckContext): Verdict {
  const verdict = item.line.action === "delete" ? compareImage(item, context) : compareTags(item, context);
  if (verdict.kind !== "go") return verdict;
  const isProtected =
    isUsed(item, context) || isWaiting(item, context) || (item.line.action === "delete" && isNeeded(item, context));
  return isProtected ? { kind: "protected", removed: verdict.removed } : verdict;
}

/** Its image is there and stays for certain: not only as long as something else is there. */
export function staysNow(item: ApplyItem, context: RecheckContext): boolean {
  if (item.line.action !== "delete") return false;
  const { kind } = compareImage(item, context);
  return kind === "changed" || (kind === "go" && (isUsed(item, context) || isNeeded(item, context)));
}

function compareImage(item: ApplyItem, context: RecheckContext): Verdict {
  const { line } = item;
  const isBegun = context.isBegun(item);
  const found = context.now.manifests.get(line.digest);
  if (found === undefined) {
    // A registry removes by itself what refers to what was deleted.
    const isOurs =
      context.isSent(item) ||
      line.after.some(context.isDeleted) ||
      context.mayHaveFollowed(item) ||
      mayHaveFollowedOwn(item, context);
    return { kind: isOurs ? "ours" : "gone" };
  }
  const isSame =
    isSameManifest(line, found, isBegun) &&
    found.tags.length === line.seen.tags.length &&
    line.seen.tags.every((seen) => isSameTag(seen, line.digest, context.now.tags.get(seen[0]), isBegun));
  return isSame ? { kind: "go", tags: [], removed: [] } : { kind: "changed", removed: [] };
}

/**
 * It may refer to what waits for it, a child of its own: that one is missing as well, and nobody knows what it refers to,
 * which this run may have deleted.
 */
export function mayHaveFollowedOwn(
  { line }: ApplyItem,
  { now, followers, mayHaveFollowed }: Pick<RecheckContext, "now" | "followers" | "mayHaveFollowed">,
): boolean {
  const own = followers.get(itemKey(line.repository, line.digest)) ?? [];
  return own.some((follower) => !now.manifests.has(follower.line.digest) && mayHaveFollowed(follower));
}

function compareTags(item: ApplyItem, context: RecheckContext): Verdict {
  const { line } = item;
  const { now } = context;
  const [isBegun, isSent] = [context.isBegun(item), context.isSent(item)];
  const found = now.manifests.get(line.digest);
  const going = new Set(line.tags);
  const missing = line.tags.filter((name) => !now.tags.has(name));
  if (found === undefined || missing.length === line.tags.length) return { kind: isSent ? "ours" : "gone" };
  const removed = isSent ? missing : [];
  const left = line.seen.tags.filter(([name]) => !removed.includes(name));
  const isSame =
    // Removing a tag may move the manifest's time.
    (removed.length > 0 || isSameManifest(line, found, isBegun)) &&
    found.tags.length === left.length &&
    left.every((seen) => isSameTag(seen, line.digest, now.tags.get(seen[0]), isBegun && going.has(seen[0])));
  const tags = line.tags.filter((name) => !removed.includes(name));
  return isSame ? { kind: "go", tags, removed } : { kind: "changed", removed };
}

function isSameManifest(
  { seen }: ApplyItem["line"],
  found: { readonly updatedAt: number | null; readonly isLocked: boolean },
  isBegun: boolean,
): boolean {
  return found.updatedAt === seen.manifestUpdatedAt && isSameLock(seen.isLocked, found.isLocked, isBegun);
}

function isSameTag(
  [, updatedAt, isLocked]: ApplyItem["line"]["seen"]["tags"][number],
  digest: string,
  found: ListedTag | undefined,
  isBegun: boolean,
): boolean {
  return (
    found !== undefined &&
    found.digest === digest &&
    found.updatedAt === updatedAt &&
    isSameLock(isLocked, found.isLocked, isBegun)
  );
}

/** A line that was begun may have been unlocked by this run. */
function isSameLock(seen: boolean, found: boolean, isBegun: boolean): boolean {
  return found === seen || (isBegun && seen);
}

function isUsed({ line }: ApplyItem, { inUse }: RecheckContext): boolean {
  const { repository, digest, tags } = line;
  return (
    inUse.keepsRepository(repository) !== null ||
    inUse.usesDigest(repository, digest) !== null ||
    tags.some((tag) => inUse.usesTag(repository, tag) !== null)
  );
}

/** Something that must go first is still there. */
function isWaiting({ line }: ApplyItem, { now, isDeleted }: RecheckContext): boolean {
  return line.after.some((digest) => !isDeleted(digest) && now.manifests.has(digest));
}

/**
 * Something new names it; or what follows it is to stay: a registry deletes with an image what refers to it, and that again
 * with what refers to that.
 */
function isNeeded({ line }: ApplyItem, context: RecheckContext): boolean {
  const { now, followers } = context;
  if (now.isUncertain || now.needed.has(line.digest) || context.holds(line.digest)) return true;
  const seen = new Set<string>();
  const rest = [line.digest];
  for (let digest = rest.pop(); digest !== undefined; digest = rest.pop()) {
    for (const follower of followers.get(itemKey(line.repository, digest)) ?? []) {
      if (seen.has(follower.line.digest)) continue;
      seen.add(follower.line.digest);
      if (stays(follower, context)) return true;
      if (follower.line.action === "delete") rest.push(follower.line.digest);
    }
  }
  return false;
}

function stays(follower: ApplyItem, context: RecheckContext): boolean {
  const { kind } = follower.line.action === "delete" ? compareImage(follower, context) : compareTags(follower, context);
  return kind === "changed" || (kind === "go" && (isUsed(follower, context) || isNamed(follower, context)));
}

function isNamed({ line }: ApplyItem, { now }: RecheckContext): boolean {
  return line.action === "delete" && now.needed.has(line.digest);
}
