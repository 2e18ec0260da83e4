/** Which manifests are part of an index that has a tag: they go or stay with it, and are no images of their own. Used by keep-newest.ts. Pure. */
import type { FactsTable } from "./facts-table.ts";
import { isTagged, type RepositoryItems } from "./repository-items.ts";

/**
 * Tagged indexes by what they hold, at any depth, each list by number. Of what holds each other neither is a part of the
 * other, so that there is always one that is part of nothing.
 * @param facts bodies of all indexes are in it
 */
export function taggedIndexes(
  items: RepositoryItems,
  facts: Pick<FactsTable, "children">,
): ReadonlyMap<number, readonly number[]> {
  const held = new Map<number, ReadonlySet<number>>();
  for (const index of items.manifests.keys()) {
    if (isTagged(items, index) && facts.children(index).length > 0) held.set(index, allBelow(index, facts));
  }
  const holders = new Map<number, number[]>();
  for (const [index, parts] of held) {
    for (const part of parts) {
      if (part === index || held.get(part)?.has(index)) continue;
      const list = holders.get(part) ?? [];
      holders.set(part, list);
      list.push(index);
    }
  }
  return holders;
}

function allBelow(index: number, { children }: Pick<FactsTable, "children">): ReadonlySet<number> {
  const below = new Set<number>();
  const rest = [...children(index)];
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (below.has(part)) continue;
    below.add(part);
    rest.push(...children(part));
  }
  return below;
}
