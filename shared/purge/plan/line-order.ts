/** In which order manifests change, so that what must go first stands first. Used by plan-repository.ts. Pure. */

/** A manifest that changes, and those before it in the order that must be gone before. */
export type Ordered = { readonly manifest: number; readonly after: readonly number[] };

const NOTHING: readonly number[] = [];

/**
 * Orders what changes: by `preferred` where nothing else says so. In a circle (an index that refers to its own child) the
 * preferred one goes first, without waiting.
 * @param preferred every manifest that changes, once
 * @param before what must be gone before it, of those that change
 */
export function orderLines(
  preferred: readonly number[],
  before: (manifest: number) => ReadonlySet<number>,
): readonly Ordered[] {
  const waits = new Map<number, number>();
  const waiting = new Map<number, number[]>();
  for (const manifest of preferred) {
    const first = before(manifest);
    if (first.size > 0) waits.set(manifest, first.size);
    for (const other of first) {
      const list = waiting.get(other) ?? [];
      waiting.set(other, list);
      list.push(manifest);
    }
  }
  const ordered: Ordered[] = [];
  const placed = new Set<number>();
  const place = (begin: number) => {
    const ready = [begin];
    for (const manifest of ready) {
      if (placed.has(manifest)) continue;
      placed.add(manifest);
      const after = [...before(manifest)].filter((other) => placed.has(other) && other !== manifest);
      ordered.push({ manifest, after: after.length === 0 ? NOTHING : after });
      for (const next of waiting.get(manifest) ?? []) {
        const left = (waits.get(next) ?? 0) - 1;
        waits.set(next, left);
        if (left === 0) ready.push(next);
      }
    }
  };
  for (const manifest of preferred) if (!waits.has(manifest)) place(manifest);
  // Only what stands in a circle, or behind one, is left.
  for (const manifest of preferred) if (!placed.has(manifest)) place(manifest);
  return ordered;
}
