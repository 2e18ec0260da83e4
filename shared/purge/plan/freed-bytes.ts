/** Bytes that deleting frees: parts that nothing kept holds, each counted once. Used by plan-repository.ts. Pure. */
import type { FactsTable } from "./facts-table.ts";
import { bodySays } from "./media-kinds.ts";
import type { RepositoryItems } from "./repository-items.ts";

/** Bytes that are freed with a manifest, and whether that is only what the listing says of its size. */
export type FreedBytes = { readonly bytes: number; readonly isEstimate: boolean };

/**
 * Counts manifest after manifest in the order in which they go: a part that two of them hold is counted at the first. A
 * body that is not known, of it or of anything that is kept, makes it an estimate, unless it holds no parts.
 */
export function freedBytes(
  items: Pick<RepositoryItems, "manifests">,
  facts: FactsTable,
  goes: (manifest: number) => boolean,
): (manifest: number) => FreedBytes {
  const isHeld = new Uint8Array(facts.ids);
  let isKeptKnown = true;
  for (const manifest of items.manifests.keys()) {
    if (goes(manifest)) continue;
    if (!facts.has(manifest)) isKeptKnown = false;
    for (const [part] of facts.parts(manifest)) isHeld[part] = 1;
  }
  return (manifest) => {
    const { mediaType = null, sizeBytes = null } = items.manifests[manifest] ?? {};
    const holdsParts = facts.hasParts(manifest) || bodySays(mediaType) !== "anything";
    if (!facts.has(manifest) || (holdsParts && !isKeptKnown)) return { bytes: sizeBytes ?? 0, isEstimate: true };
    let bytes = 0;
    for (const [part, size] of facts.parts(manifest)) {
      if (isHeld[part] !== 1) bytes += size;
      isHeld[part] = 1;
    }
    return { bytes, isEstimate: false };
  };
}
