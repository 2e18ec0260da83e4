/** How many more list calls the storage provider takes, for each subscription and region. One for all connectors of a process. */
import { LimitError, UpstreamError } from "../errors.ts";
import type { AzureView, OpenAzure, StorageAccount } from "./ports.ts";

/**
 * List calls that Azure's storage provider takes for one subscription and region in one window, over all callers.
 * Source: "Scalability targets for the Azure Storage resource provider". Lists of containers are counted as well: no
 * document says that they are free, and other providers count theirs.
 */
export const PROVIDER_LISTS = 100;
/** The provider's window, in milliseconds. */
export const LIST_WINDOW_MS = 5 * 60_000;
/**
 * Those that the inventory takes. The rest is for what people wait for (verifying, names of containers) and for other
 * programs: the limit is the subscription's, not the caller's. Each process counts for itself.
 */
export const INVENTORY_LISTS = 80;
/** How long a place is left alone when it asks for less, in seconds: its Retry-After has been seen far below the true wait. */
const MIN_CLOSED_SECONDS = 30;
/** The code of the provider's own limit. ARM's other codes are about the whole subscription. */
const PROVIDER_CODE = "TooManyRequests";

/** What the provider counts by. */
export type ListPlace = {
  readonly subscriptionId: string;
  /** Region; null: a list over all regions of the subscription, which counts in each. */
  readonly location: string | null;
};

/** See createListBudget. */
export type ListBudget = {
  /** Takes a call of the inventory's share: 0, or, with nothing taken, the whole seconds to wait before the next try. */
  take(place: ListPlace): number;
  /** Counts a call that somebody waits for. It is never refused here. */
  note(place: ListPlace): void;
  /** Azure has had enough: nothing is taken there for so long, or for a default. */
  close(place: ListPlace, seconds: number | null): void;
};

/**
 * In any window, `take` gives at most `limit` calls for a place, counting what was noted.
 * @param options.limit calls in a window, 1 and up
 */
export function createListBudget(options: { now: () => Date; limit?: number }): ListBudget {
  const { now, limit = INVENTORY_LISTS } = options;
  const subscriptions = new Map<string, Regions>();
  const regionsOf = (place: ListPlace) => {
    const key = place.subscriptionId.toLowerCase();
    const known = subscriptions.get(key) ?? new Map<string, Counted>();
    subscriptions.set(key, known);
    return known;
  };
  return {
    take(place) {
      const at = now().getTime();
      const regions = regionsOf(place);
      prune(regions, at);
      const everywhere = regions.get(EVERYWHERE);
      const region = place.location === null ? null : (regions.get(place.location.toLowerCase()) ?? NOTHING);
      const affected = region === null ? [...regions.values(), NOTHING] : [region];
      const waits = affected.map((counted) => waitOf(counted, everywhere ?? NOTHING, limit, at));
      const wait = Math.max(...waits);
      if (wait > 0) return Math.ceil(wait / 1000);
      count(regions, place, limit, at);
      return 0;
    },
    note(place) {
      const regions = regionsOf(place);
      prune(regions, now().getTime());
      count(regions, place, limit, now().getTime());
    },
    close(place, seconds) {
      const until = now().getTime() + Math.max(seconds ?? 0, MIN_CLOSED_SECONDS) * 1000;
      const regions = regionsOf(place);
      const key = place.location?.toLowerCase() ?? EVERYWHERE;
      const counted = regions.get(key) ?? NOTHING;
      regions.set(key, { ...counted, closedUntil: Math.max(counted.closedUntil, until) });
    },
  };
}

/** When calls were made, oldest first. */
type Counted = { readonly calls: readonly number[]; readonly closedUntil: number };
type Regions = Map<string, Counted>;
const NOTHING: Counted = { calls: [], closedUntil: 0 };
/** No region's name. */
const EVERYWHERE = "*";

function prune(regions: Regions, at: number): void {
  for (const [key, { calls, closedUntil }] of regions) {
    // A call on the edge of the window still counts: clocks differ.
    const recent = calls.filter((then) => at - then <= LIST_WINDOW_MS);
    if (recent.length === 0 && closedUntil <= at) regions.delete(key);
    else if (recent.length < calls.length) regions.set(key, { calls: recent, closedUntil });
  }
}

/** Milliseconds until another call fits. */
function waitOf(region: Counted, everywhere: Counted, limit: number, at: number): number {
  const closed = Math.max(region.closedUntil, everywhere.closedUntil) - at;
  const calls = region === everywhere ? region.calls : [...region.calls, ...everywhere.calls].toSorted((a, b) => a - b);
  const leaving = calls.length < limit ? undefined : calls[calls.length - limit];
  return Math.max(closed, leaving === undefined ? 0 : leaving + LIST_WINDOW_MS + 1 - at);
}

function count(regions: Regions, { location }: ListPlace, limit: number, at: number): void {
  const key = location?.toLowerCase() ?? EVERYWHERE;
  const { calls, closedUntil } = regions.get(key) ?? NOTHING;
  // More than the limit need not be known to know that it is reached.
  regions.set(key, { calls: [...calls, at].slice(-limit), closedUntil });
}

/** What is known of an account when its containers are listed; without the region it counts in all. */
type ListedAccount = StorageAccount & { readonly location?: string };

/**
 * Views whose list calls are counted: each page of storage is one. A place that answers 429 is left alone for a while.
 * Repeats that an SDK makes after a failure, at most two for a page, are not seen here: they come out of the reserve.
 */
export function countLists(openAzure: OpenAzure, budget: ListBudget): OpenAzure {
  return (signIn) => {
    const view = openAzure(signIn);
    return {
      ...view,
      storageAccounts: (subscriptionId, resourceGroup, beforePage) => {
        const place = { subscriptionId, location: null };
        return closing(budget, place, () =>
          view.storageAccounts(subscriptionId, resourceGroup, beforePage ?? (() => budget.note(place))),
        );
      },
      containers: (account, beforePage) => {
        const place = placeOf(account);
        return closing(budget, place, () => view.containers(account, beforePage ?? (() => budget.note(place))));
      },
    };
  };
}

/** For the inventory. Each page is taken out of its share. Lists: @throws LimitError RATE_LIMITED, and what AzureView throws */
export function withinBudget(view: AzureView, budget: ListBudget): AzureView {
  const taking = (place: ListPlace) => () => {
    const seconds = budget.take(place);
    if (seconds > 0) throw budgetSpent(seconds);
  };
  return {
    ...view,
    storageAccounts: (subscriptionId, resourceGroup) =>
      view.storageAccounts(subscriptionId, resourceGroup, taking({ subscriptionId, location: null })),
    containers: (account) => view.containers(account, taking(placeOf(account))),
  };
}

/** What is told of a place for which no call is left. @param seconds until there may be one */
export function budgetSpent(seconds: number): LimitError {
  return new LimitError(
    "RATE_LIMITED",
    "Azure takes few lists of storage in five minutes, and the inventory's share is spent. Ask again later: what was left out comes first.",
    seconds,
  );
}

function placeOf({ subscriptionId, location = null }: Omit<ListedAccount, "location"> & { location?: string | null }) {
  return { subscriptionId, location };
}

async function closing<T>(budget: ListBudget, place: ListPlace, list: () => Promise<T>): Promise<T> {
  try {
    return await list();
  } catch (error) {
    if (error instanceof UpstreamError && error.failure?.status === 429) {
      const isRegion = error.failure.code === PROVIDER_CODE;
      budget.close(isRegion ? place : { ...place, location: null }, error.retryAfterSeconds);
    }
    throw error;
  }
}
