/** What a run leaves undone at its end, and of what it is not known whether it was done. Used by finish.ts. */
import { UpstreamError } from "../../errors.ts";
import type { LinesStore } from "../ports.ts";
import type { PurgeRun } from "../run.ts";
import { changingLines } from "./apply-items.ts";
import { type Intent, readCarried, readSlice } from "./slice-blobs.ts";

/** Images that one warning names at most: the row has room for few. */
const MAX_NAMES = 20;

/** See readUndone. */
export type Undone = {
  /** Lines of the plan behind the cursor, as far as it can be read. */
  readonly lines: number;
  /** Of these, what was begun by a slice that broke off: `repository@digest`. */
  readonly begun: readonly string[];
  /** Of what was begun, what was locked: it may have been unlocked. */
  readonly locked: readonly string[];
  /** The plan, or what slices wrote down, is damaged or gone: no slice can go on. */
  readonly isDamaged: boolean;
  /** A next slice would find out about `begun`. */
  readonly canBeFoundOut: boolean;
};

/** Of a run that did not begin to delete. */
export const NOTHING_LEFT: Undone = { lines: 0, begun: [], locked: [], isDamaged: false, canBeFoundOut: false };

/** @throws UpstreamError STATE_UNAVAILABLE */
export async function readUndone(store: LinesStore, run: PurgeRun): Promise<Undone> {
  const { id, isAtWork } = readSlice(run.slice);
  let isDamaged = false;
  const damaged = (error: unknown) => {
    // Whatever else fails will fail each time: the run must end all the same.
    if (error instanceof UpstreamError && error.retryable) throw error;
    isDamaged = true;
  };

  let intents: readonly Intent[] = [];
  // A slice that rests has found out about all that it had begun.
  if (isAtWork) {
    try {
      intents = await readCarried(store, run.id, id, run.cursor);
    } catch (error) {
      damaged(error);
    }
  }
  const ends = new Set(intents.map(({ end }) => end));
  const locked: string[] = [];
  let lines = 0;
  try {
    for await (const { line, end } of changingLines(store, run.planBlob ?? "", run.cursor)) {
      lines++;
      const { isLocked, tags } = line.seen;
      if (ends.has(end) && (isLocked || tags.some(([, , isTagLocked]) => isTagLocked))) {
        locked.push(`${line.repository}@${line.digest}`);
      }
    }
  } catch (error) {
    damaged(error);
  }
  const begun = intents.map(({ repository, digest }) => `${repository}@${digest}`);
  return { lines, begun, locked, isDamaged, canBeFoundOut: begun.length > 0 && !isDamaged };
}

/** For people: what is not known. */
export function undoneWarnings({ begun, locked, isDamaged }: Undone): readonly string[] {
  const warnings: string[] = [];
  if (isDamaged) warnings.push(DAMAGED);
  if (begun.length > 0) warnings.push(`${named(begun)} may have been deleted: whether they were is not known.`);
  if (locked.length > 0) warnings.push(`${named(locked)} were locked, and may be unlocked now.`);
  return warnings;
}

const DAMAGED =
  "The plan, or what the run wrote down of its work, is damaged or gone: what it still had to do, or may have begun, is not all counted.";

function named(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? `, and ${names.length - MAX_NAMES} more` : "";
  return `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
}
