/** Packs the items of places into segments of bounded size, and reads them page by page. Memory does not grow with an inventory. */
import { type Chunk, type InventoryIndex, keyOfPlace, type Section } from "./inventory-index.ts";
import type { InventoryItem, InventoryName, InventoryStore, PackedItem } from "./inventory-store.ts";

/** Items of one chunk. */
const CHUNK_ITEMS = 1_000;
/** Items after which a segment is written: about 100 bytes each. */
const SEGMENT_ITEMS = 2_000;
/** Segments that one page holds in memory. */
const HELD_SEGMENTS = 4;

/** Where the items of a place went. */
export type Packed = Pick<Section, "count" | "prefix" | "chunks">;

/** Items are compared as ARM compares ids. */
export function keyOfItem({ resourceId }: Pick<InventoryItem, "resourceId">): string {
  return resourceId.toLowerCase();
}

/** Writes items as they come. `flush` writes the rest: nothing may be named in a summary before. */
export function createSegmentWriter(deps: {
  readonly write: (segment: string, parts: readonly (readonly PackedItem[])[]) => Promise<void>;
  readonly newId: () => string;
}): { add(place: string, items: readonly InventoryItem[]): Promise<Packed>; flush(): Promise<void> } {
  let open = { segment: deps.newId(), parts: [] as PackedItem[][], items: 0 };
  let written: Promise<void> = Promise.resolve();
  const flush = () => {
    const { segment, parts, items } = open;
    if (items > 0) {
      open = { segment: deps.newId(), parts: [], items: 0 };
      // One after another: what waits to be written is in memory.
      written = written.then(() => deps.write(segment, parts));
    }
    return written;
  };
  return {
    async add(place, items) {
      const sorted = items.toSorted((left, right) => (keyOfItem(left) < keyOfItem(right) ? -1 : 1));
      const prefix = sorted.every(({ resourceId }) => resourceId.startsWith(place)) ? place : "";
      const chunks: Chunk[] = [];
      for (let from = 0; from < sorted.length; from += CHUNK_ITEMS) {
        const part = sorted.slice(from, from + CHUNK_ITEMS);
        const [first] = part;
        if (first === undefined) break;
        chunks.push({ segment: open.segment, part: open.parts.length, first: keyOfItem(first) });
        open.parts.push(part.map(({ resourceId, displayName }) => [resourceId.slice(prefix.length), displayName]));
        open.items += part.length;
        if (open.items >= SEGMENT_ITEMS) await flush();
      }
      return { count: sorted.length, prefix, chunks };
    },
    flush,
  };
}

/** Behind which item a page begins: the keys of its place and of itself. */
export type ItemPosition = { readonly place: string; readonly key: string };

/** Items of one inventory in order: by place, then by id. */
export type ItemPage = {
  readonly items: readonly (InventoryItem & { readonly position: ItemPosition })[];
  /** False when there are more. */
  readonly isLast: boolean;
};

/**
 * @param after null: from the start
 * @param limit items, 0 and up
 * @returns null when a segment has been cleared away: the summary is too old, and has to be read again
 */
export async function readItems(
  store: Pick<InventoryStore, "readSegment">,
  name: InventoryName,
  index: InventoryIndex,
  after: ItemPosition | null,
  limit: number,
): Promise<ItemPage | null> {
  const items: ItemPage["items"][number][] = [];
  const read = holding((segment) => store.readSegment(name, segment));
  const sections = index.sections
    .filter(({ count, place }) => count > 0 && (after === null || keyOfPlace(place) >= after.place))
    .toSorted((left, right) => (keyOfPlace(left.place) < keyOfPlace(right.place) ? -1 : 1));
  for (const { place, prefix, chunks } of sections) {
    const key = keyOfPlace(place);
    const behind = after !== null && after.place === key ? after.key : null;
    for (const [at, { segment, part }] of chunks.entries()) {
      const next = chunks[at + 1];
      // The next chunk begins at or before what was seen: nothing of this one is new.
      if (behind !== null && next !== undefined && next.first <= behind) continue;
      if (items.length === limit) return { items, isLast: false };
      const packed = (await read(segment))?.[part];
      if (packed === undefined) return null;
      for (const [rest, displayName] of packed) {
        const item = { resourceId: `${prefix}${rest}`, displayName };
        const itemKey = keyOfItem(item);
        if (behind !== null && itemKey <= behind) continue;
        if (items.length === limit) return { items, isLast: false };
        items.push({ ...item, position: { place: key, key: itemKey } });
      }
    }
  }
  return { items, isLast: true };
}

/** Neighbouring places are mostly in one segment. */
function holding<V>(read: (name: string) => Promise<V>): (name: string) => Promise<V> {
  const held = new Map<string, Promise<V>>();
  return (name) => {
    const value = held.get(name) ?? read(name);
    held.delete(name);
    held.set(name, value);
    const [oldest] = held.keys();
    if (held.size > HELD_SEGMENTS && oldest !== undefined) held.delete(oldest);
    return value;
  };
}
