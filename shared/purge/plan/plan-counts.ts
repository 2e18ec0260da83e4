/** Sums of a plan. Used by plan-repository.ts, plan-batch.ts and the limits. Pure. */
import type { PlanLine } from "../plan-line.ts";
import { countsSchema, type RunCounts } from "../run.ts";

/** Counts with one line more. */
export function countLine(counts: RunCounts, { action, tags, freedBytes, isEstimate }: PlanLine): RunCounts {
  if (action === "keep") return { ...counts, toKeep: counts.toKeep + 1 };
  const tagsToGo = counts.tagsToGo + tags.length;
  if (action === "untag") return { ...counts, toUntag: counts.toUntag + tags.length, tagsToGo };
  return {
    ...counts,
    toDelete: counts.toDelete + 1,
    tagsToGo,
    bytesToFree: counts.bytesToFree + freedBytes,
    bytesEstimated: counts.bytesEstimated + (isEstimate ? freedBytes : 0),
  };
}

/** The sums of both. */
export function addCounts(one: RunCounts, other: RunCounts): RunCounts {
  const names = Object.keys(countsSchema.shape);
  const given = new Map(Object.entries(other));
  const sums = new Map(Object.entries(one).map(([name, value]) => [name, value + (given.get(name) ?? 0)]));
  return countsSchema.parse(Object.fromEntries(names.map((name) => [name, sums.get(name)])));
}
