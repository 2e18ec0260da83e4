/** Whether a plan takes away more than it may: then nothing of it is done. Used by settle-plan.ts, and its code by finish.ts. Pure. */
import type { PurgeLimits } from "../policy/policy.ts";
import type { RunCounts } from "../run.ts";

/** What a run that is refused by its limits ends with. */
export const PURGE_LIMIT = "PURGE_LIMIT";

/**
 * `maxItems` counts images that go whole and tags that go alone; `maxSharePercent` is of all manifests of the repositories
 * that were read, and tags that go alone take none of them.
 * @param counts sums of the whole plan
 * @param limits as they bind this run: those of the policy within the server's bounds
 */
export function limitOf(
  counts: Pick<RunCounts, "toDelete" | "toUntag" | "manifests">,
  limits: Pick<PurgeLimits, "maxItems" | "maxSharePercent">,
): typeof PURGE_LIMIT | null {
  const isTooMany = counts.toDelete + counts.toUntag > limits.maxItems;
  const isTooMuch = counts.toDelete * 100 > counts.manifests * limits.maxSharePercent;
  return isTooMany || isTooMuch ? PURGE_LIMIT : null;
}
