/** Which of many resources are looked at. Pure. Used by verify. */
import type { Found } from "./found.ts";

/** Resources of each type that are looked at one by one; the rest is counted. About 3 calls each, 8 under way at once. */
export const MAX_PROBED = 40;

/** As many as are looked at, from each place in turn: each account is seen before a second container of one is. */
export function probedOf(found: readonly Found[], max = MAX_PROBED): readonly Found[] {
  if (found.length <= max) return found;
  const places = Map.groupBy(found, placeOf);
  const queues = [...places.values()];
  const chosen: Found[] = [];
  for (let round = 0; chosen.length < max; round++) {
    const next = queues.flatMap((queue) => queue[round] ?? []);
    if (next.length === 0) break;
    chosen.push(...next.slice(0, max - chosen.length));
  }
  return chosen;
}

function placeOf(found: Found): string {
  return found.resourceType === "blob-container" ? found.details.account : "";
}
