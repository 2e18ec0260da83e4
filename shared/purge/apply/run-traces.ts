/**
 * What tells, of an image that is not there any more, whether it went by this run's hand. A registry deletes with an image
 * what refers to it, and of what is deleted nobody can ask what it referred to. Used by apply.ts and apply-group.ts.
 */

import { bodySays } from "../plan/media-kinds.ts";
import type { ApplyItem } from "./apply-items.ts";

/** See the file's head. */
export type RunTraces = {
  /** The deletion of an image may have been sent by this run, now or before. */
  sent(repository: string, digest: string): void;
  /** What of these lines is missing in a listing. */
  missing(items: readonly ApplyItem[]): void;
  /**
   * The image of a line that is missing may have gone with another that this run deleted. Where the plan knew what it refers
   * to this is not asked; else it is taken for gone by this run: too much in the trail is better than too little.
   */
  mayHaveFollowed(item: ApplyItem): boolean;
  /** Forgets other repositories. */
  keepOnly(repositories: ReadonlySet<string>): void;
};

/** Opens it with nothing known. */
export function openTraces(): RunTraces {
  /** The one digest whose deletion was sent; null: several. */
  const sent = new Map<string, string | null>();
  const goneBefore = new Map<string, Set<number>>();
  return {
    sent(repository, digest) {
      const other = sent.get(repository);
      sent.set(repository, other === undefined || other === digest ? digest : null);
    },
    missing(items) {
      for (const { line, end } of items) {
        // From the first deletion on nobody can tell.
        if (sent.has(line.repository)) continue;
        const gone = goneBefore.get(line.repository) ?? new Set();
        goneBefore.set(line.repository, gone.add(end));
      }
    },
    mayHaveFollowed({ line, end }) {
      // The size of what was read is no estimate.
      if (line.action !== "delete" || !line.isEstimate || bodySays(line.mediaType) === "nothing") return false;
      const other = sent.get(line.repository);
      return other !== undefined && other !== line.digest && !goneBefore.get(line.repository)?.has(end);
    },
    keepOnly(repositories) {
      for (const name of sent.keys()) if (!repositories.has(name)) sent.delete(name);
      for (const name of goneBefore.keys()) if (!repositories.has(name)) goneBefore.delete(name);
    },
  };
}
