/** The policy of a run, as it was when the run began. Used by every step. */
import { NO_BOUNDS, type PurgePolicy, readPurgePolicy } from "./policy/policy.ts";
import type { PurgeRun } from "./run.ts";

/**
 * Bounds that were lowered since are no error here: effectiveLimits binds each run.
 * @throws InputError INVALID_REQUEST PATTERN_UNSUPPORTED, when a newer version reads policies more strictly
 */
export function readRunPolicy({ policyJson }: Pick<PurgeRun, "policyJson">): PurgePolicy {
  return readPurgePolicy(JSON.parse(policyJson), NO_BOUNDS);
}
