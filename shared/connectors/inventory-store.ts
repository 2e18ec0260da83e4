/** What the inventory needs of its store; shared/store/inventory-records.ts has it. */
import type { InventoryIndex } from "./inventory-index.ts";
import type { ResourceType } from "./resource-type.ts";

/** One resource. Items of a place are in order of their ids' lower case. */
export type InventoryItem = { readonly resourceId: string; readonly displayName: string };
/** Items without what their ids have in common: the rest of the id, and the display name. */
export type PackedItem = readonly [rest: string, displayName: string];

/** Which inventory. */
export type InventoryName = { readonly connectorId: string; readonly resourceType: ResourceType };

/**
 * Keeps inventories: a small summary by connector and type, which is replaced, and segments with the items, which are
 * never changed: what was not listed anew is not written anew. Every call: @throws UpstreamError STATE_UNAVAILABLE
 */
export type InventoryStore = {
  /** Null when there is none, or one of an older form. */
  readIndex(name: InventoryName): Promise<{ readonly index: InventoryIndex; readonly etag: string } | null>;
  /** @param etag of what is replaced; null: there is none. False when another was quicker */
  writeIndex(name: InventoryName, index: InventoryIndex, etag: string | null): Promise<boolean>;
  /** The parts of a segment; null when it has been cleared away. */
  readSegment(name: InventoryName, segment: string): Promise<readonly (readonly PackedItem[])[] | null>;
  /** @param segment a new name, of letters, digits and hyphens */
  writeSegment(name: InventoryName, segment: string, parts: readonly (readonly PackedItem[])[]): Promise<void>;
  /** Clears away segments that no summary names and that are older than `before`: a refresh may be about to name a new one. */
  removeUnused(name: InventoryName, used: ReadonlySet<string>, before: Date): Promise<void>;
  /** Forgets all of a connector. */
  remove(connectorId: string): Promise<void>;
};
