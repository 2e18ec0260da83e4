/** Which of many resources are looked at. Pure. Used by verify. */
import type { Found } from "./found.ts";
import type { StorageAccount } from "./ports.ts";

/** Resources of each type that are looked at one by one; the rest is counted. About 3 calls each, 8 under way at once. */
export const MAX_PROBED = 40;

/**
 * Storage accounts whose containers one verification lists. Azure's storage provider takes 100 lists in 5 minutes of a
 * subscription and region, which the inventory and names need as well.
 */
export const MAX_LISTED_ACCOUNTS = 10;

/** As many as are looked at, from each place in turn: each account is seen before a second container of one is. */
export function probedOf(found: readonly Found[], max = MAX_PROBED): readonly Found[] {
  return inTurn(found, placeOf, max);
}

/** Accounts whose containers are listed, of each subscription in turn. */
export function listedOf<A extends StorageAccount>(accounts: readonly A[], max = MAX_LISTED_ACCOUNTS): readonly A[] {
  return inTurn(accounts, ({ subscriptionId }) => subscriptionId, max);
}

function inTurn<T>(all: readonly T[], placeOf: (one: T) => string, max: number): readonly T[] {
  if (all.length <= max) return all;
  const places = Map.groupBy(all, placeOf);
  const queues = [...places.values()];
  const chosen: T[] = [];
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
