/** Answers what connectors can reach, page by page, with the age of what is known and what is missing. Used by functions/resources.ts. */
import pMap from "p-map";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import { unsupportedText } from "./auth-methods.ts";
import type { Connector } from "./connector.ts";
import { refuseUnusable } from "./connector-life.ts";
import { type InventoryIndex, isPending, takenAt } from "./inventory-index.ts";
import { type InventoryDeps, type KeepInventory, knownInventory } from "./inventory-keep.ts";
import { missingPlace } from "./inventory-missing.ts";
import { type ItemPosition, readItems } from "./inventory-segments.ts";
import type { InventoryItem } from "./inventory-store.ts";
import { RESOURCE_TYPES, type ResourceType } from "./resource-type.ts";
import { resourceTypesOf } from "./resource-types.ts";

/**
 * Milliseconds for listing, for all connectors of one answer together. Callers and the usual proxies wait 30 s, the
 * front end of Azure Functions 230 s; reading and writing the state need the rest of the 30.
 */
export const LISTING_TIME_MS = 22_000;
/** Connectors that one answer lists at once. */
const CONNECTORS_AT_ONCE = 4;
/** Connectors that one answer looks at: a longer list goes on with the next page. */
const MAX_CONNECTORS = 40;
/** Places that one answer tells as pending, so that it stays readable; the first by type and place. */
const MAX_PENDING = 500;
/** Times that a summary is read anew because a segment of it has been cleared away. */
const MAX_READS = 3;
/** Behind every place. */
const END: ItemPosition = { place: "~", key: "" };

/** What is asked for. */
export type ResourcesQuery = {
  /** Null: all. */
  readonly resourceType: ResourceType | null;
  /** Lists everything anew, as far as the budget allows. Not for the connector in whose midst a page begins. */
  readonly isForced: boolean;
  readonly after: ResourcePosition | null;
  /** Items, 1 and up. */
  readonly limit: number;
};
/** Behind what a page begins. */
export type ResourcePosition = ItemPosition & { readonly connector: string; readonly resourceType: ResourceType };

/** One type of one connector. `error`: nothing of it can be told, and why. */
export type TypeAnswer = {
  readonly connector: string;
  readonly resourceType: ResourceType;
  readonly takenAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
};
/** A place of which the answer may miss something, or tell something old. */
export type PendingPlace = {
  readonly connector: string;
  readonly resourceType: ResourceType;
  readonly place: string;
  readonly code: string;
  readonly message: string;
  /** Null: waiting does not help. */
  readonly retryAfterSeconds: number | null;
  /** When the items of this place that are told were read; null: none are told. */
  readonly takenAt: string | null;
};
/** One page. May be short, or empty, while there is a next one. */
export type ResourcesPage = {
  readonly items: readonly (InventoryItem & { readonly connector: string; readonly resourceType: ResourceType })[];
  readonly next: ResourcePosition | null;
  /** Those that this page looked at. */
  readonly types: readonly TypeAnswer[];
  readonly pending: readonly PendingPlace[];
  /** All, also those that are too many to tell. */
  readonly pendingCount: number;
};

/** What answering needs. */
export type ResourcesDeps = InventoryDeps & {
  readonly keepInventory: KeepInventory;
  /** Aborts after so many milliseconds. */
  readonly timeout: (milliseconds: number) => AbortSignal;
};

/**
 * @param connectors by name; from that of `query.after` on. They are read as far as the page needs
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export async function listResources(
  deps: ResourcesDeps,
  connectors: AsyncIterable<Connector>,
  query: ResourcesQuery,
): Promise<ResourcesPage> {
  const deadline = deps.timeout(LISTING_TIME_MS);
  const page = newPage(query.limit);
  let looked = 0;
  for await (const batch of batches(connectors, CONNECTORS_AT_ONCE)) {
    if (page.isFull() || looked >= MAX_CONNECTORS) return page.end(deps.now());
    const kept = await pMap(batch, (connector) => keepTypes(deps, connector, query, deadline));
    for (const [at, connector] of batch.entries()) {
      for (const type of kept[at] ?? []) {
        if (page.isFull()) return page.end(deps.now());
        await addType(deps, page, connector, type, query.after);
      }
      looked += 1;
    }
  }
  const answer = page.end(deps.now());
  return page.isFilled() ? answer : { ...answer, next: null };
}

type KeptType = {
  readonly resourceType: ResourceType;
  readonly index: InventoryIndex | null;
  readonly error: LatchkeyError | null;
};

/** What is known of each type that is asked for, listed anew where that is due. */
async function keepTypes(
  deps: ResourcesDeps,
  connector: Connector,
  { resourceType: asked, isForced, after }: ResourcesQuery,
  deadline: AbortSignal,
): Promise<readonly KeptType[]> {
  const isBegun = after?.connector === connector.name;
  const from = isBegun ? RESOURCE_TYPES.indexOf(after.resourceType) : 0;
  const types = resourceTypesOf(connector).filter((type) => asked === null || type === asked);
  const ordered = RESOURCE_TYPES.filter((type, at) => at >= from && types.includes(type));
  return pMap(ordered, async (resourceType): Promise<KeptType> => {
    try {
      refuseUnusable(connector, deps.now());
      if (unsupportedText(connector.authMethod, resourceType) !== null) {
        return { resourceType, index: null, error: null };
      }
      // In the midst of an answer nothing changes that need not.
      const known = isBegun ? await knownInventory(deps, connector, resourceType) : null;
      const index = known ?? (await deps.keepInventory(connector, resourceType, { isForced, deadline }));
      return { resourceType, index, error: null };
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "STATE_UNAVAILABLE") throw error;
      // An outage of the sign-in or the vault takes nothing away; a sign-in that is refused reaches nothing.
      const known = error instanceof UpstreamError ? await knownInventory(deps, connector, resourceType) : null;
      return { resourceType, index: known, error };
    }
  });
}

async function addType(
  deps: ResourcesDeps,
  page: ReturnType<typeof newPage>,
  connector: Connector,
  { resourceType, index, error }: KeptType,
  after: ResourcePosition | null,
): Promise<void> {
  const about = { connector: connector.name, resourceType };
  const unsupported = unsupportedText(connector.authMethod, resourceType);
  const told = unsupported !== null && error === null ? { code: "UNSUPPORTED_BY_METHOD", message: unsupported } : null;
  const sections = index?.sections ?? [];
  const pending = sections
    .filter(isPending)
    .map(({ place, failure, takenAt: taken }) => ({ ...about, place, failure, takenAt: taken }));
  const missing = missingPlace(connector, resourceType, sections, deps.now());
  page.addType(
    {
      ...about,
      takenAt: takenAt(sections),
      error: error === null ? told : { code: error.code, message: error.message },
    },
    missing === null ? pending : [{ ...about, ...missing, takenAt: null }],
  );
  const isBegun = after?.connector === connector.name && after.resourceType === resourceType;
  let current = index;
  for (let reads = 0; current !== null; reads++) {
    const name = { connectorId: connector.id, resourceType };
    const read = await readItems(deps.inventories, name, current, isBegun ? after : null, page.room());
    if (read !== null) {
      for (const { position, ...item } of read.items) page.addItem({ ...item, ...about }, { ...about, ...position });
      if (read.isLast) page.pass({ ...about, ...END });
      else page.fill();
      return;
    }
    if (reads >= MAX_READS) throw changing();
    current = await knownInventory(deps, connector, resourceType);
  }
  page.pass({ ...about, ...END });
}

function changing(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "The inventory changes faster than it can be read. Try again.", {
    retryable: true,
  });
}

type Told = Omit<PendingPlace, "code" | "message" | "retryAfterSeconds"> & {
  readonly failure: InventoryIndex["sections"][number]["failure"];
};

function newPage(limit: number) {
  const items: ResourcesPage["items"][number][] = [];
  const types: TypeAnswer[] = [];
  const pending: Told[] = [];
  let pendingCount = 0;
  let last: ResourcePosition | null = null;
  let isFilled = false;
  return {
    room: () => limit - items.length,
    /** Whether there may be more than fits. */
    isFull: () => isFilled || items.length >= limit,
    /** Whether there is more of what was read last. */
    isFilled: () => isFilled,
    fill() {
      isFilled = true;
    },
    pass(position: ResourcePosition) {
      last = position;
    },
    addItem(item: ResourcesPage["items"][number], position: ResourcePosition) {
      items.push(item);
      last = position;
    },
    addType(type: TypeAnswer, places: readonly Told[]) {
      types.push(type);
      pendingCount += places.length;
      pending.push(...places.slice(0, Math.max(0, MAX_PENDING - pending.length)));
    },
    end(now: Date): ResourcesPage {
      return { items, next: last, types, pending: pending.map((place) => pendingOf(place, now)), pendingCount };
    },
  };
}

function pendingOf({ failure, ...about }: Told, now: Date): PendingPlace {
  if (failure === null) {
    const message = "This place has not been reached yet. Ask again.";
    return { ...about, code: "UPSTREAM_TIMEOUT", message, retryAfterSeconds: null };
  }
  const { code, message, isRetryable, until } = failure;
  const seconds = Math.max(1, Math.ceil((Date.parse(until) - now.getTime()) / 1000));
  return { ...about, code, message, retryAfterSeconds: isRetryable ? seconds : null };
}

async function* batches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
