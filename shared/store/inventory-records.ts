/** Inventories in blobs: `inventory/<connectorId>/<type>.json` is the summary, `.../<type>/<segment>.json` are the items. */
import { z } from "zod";
import { indexSchema } from "../connectors/inventory-index.ts";
import type { InventoryName, InventoryStore } from "../connectors/inventory-store.ts";
import type { ChangingBlobs } from "./blobs.ts";

/** Raised when the form changes: what is stored in another is not read, but listed anew. */
const FORM = 1;

const storedSchema = indexSchema.extend({ form: z.literal(FORM) });
const segmentSchema = z.array(z.array(z.tuple([z.string(), z.string()])));

/** @param blobs of the app's state */
export function createInventoryStore(blobs: Omit<ChangingBlobs, "put">): InventoryStore {
  return {
    async readIndex(name) {
      const stored = await blobs.getWithEtag(indexName(name));
      if (stored === null) return null;
      const read = storedSchema.safeParse(stored.value);
      // What cannot be read is as good as nothing, but it is replaced and not made.
      const index = read.success ? read.data : { basis: "", sections: [] };
      return { index: { basis: index.basis, sections: index.sections }, etag: stored.etag };
    },
    writeIndex: (name, index, etag) => blobs.putIf(indexName(name), { form: FORM, ...index }, etag),
    async readSegment(name, segment) {
      const stored = segmentSchema.safeParse(await blobs.get(segmentName(name, segment)));
      return stored.success ? stored.data : null;
    },
    async writeSegment(name, segment, parts) {
      // Written again by a repeated request, it is the same.
      await blobs.putIf(segmentName(name, segment), parts, null);
    },
    async removeUnused(name, used, before) {
      const names = new Set([...used].map((segment) => segmentName(name, segment)));
      for await (const { name: blob, lastModified } of blobs.list(segmentName(name, null))) {
        if (!names.has(blob) && lastModified < before) await blobs.remove(blob);
      }
    },
    async remove(connectorId) {
      for await (const { name } of blobs.list(`inventory/${connectorId}/`)) await blobs.remove(name);
    },
  };
}

function indexName({ connectorId, resourceType }: InventoryName): string {
  return `inventory/${connectorId}/${resourceType}.json`;
}

/** @param segment null: what the names of all begin with */
function segmentName({ connectorId, resourceType }: InventoryName, segment: string | null): string {
  const folder = `inventory/${connectorId}/${resourceType}/`;
  return segment === null ? folder : `${folder}${segment}.json`;
}
