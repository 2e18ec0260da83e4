/**
 * What a slice of an apply leaves in blobs. Each slice writes blobs of its own name alone, so that one that comes late (its
 * machine slept) can overwrite nobody's; the run's row says which slice is the last, and each names the one before it.
 */
import { z } from "zod";
import { NotFoundError, UpstreamError } from "../../errors.ts";
import type { LinesStore } from "../ports.ts";
import type { ApplyItem } from "./apply-items.ts";

const startSchema = z.strictObject({ previous: z.string().nullable(), groups: z.int() });
/** Which slice came before, and how many groups were reported when this one began. */
export type SliceStart = z.output<typeof startSchema>;

const intentSchema = z.strictObject({ end: z.int(), repository: z.string(), digest: z.string() });
/** A line that may have been begun, by its place. */
export type Intent = z.output<typeof intentSchema>;

/** In the row behind the id of a slice that has ended with nothing under way: nobody has to wait for it. */
const RESTING = ".";
/** What the row says of a slice that has ended. */
export function resting(slice: string): string {
  return slice + RESTING;
}
/** The id of the slice that the row names, and whether it may still be at work. */
export function readSlice(slice: string | null): { readonly id: string | null; readonly isAtWork: boolean } {
  if (slice === null) return { id: null, isAtWork: false };
  return slice.endsWith(RESTING)
    ? { id: slice.slice(0, -RESTING.length), isAtWork: false }
    : { id: slice, isAtWork: true };
}

const startBlob = (run: string, slice: string) => `reports/${run}/${slice}/start.jsonl`;
const intentBlob = (run: string, slice: string) => `reports/${run}/${slice}/intent.jsonl`;
/** What a slice found behind the place where it began: lines of apply-behind.ts. */
export function behindBlob(run: string, slice: string): string {
  return `reports/${run}/${slice}/behind.jsonl`;
}
/** Lines of one reported group. */
export function groupBlob(run: string, slice: string, group: number): string {
  return `reports/${run}/${slice}/${String(group).padStart(6, "0")}.jsonl`;
}

/** Says where a slice begins; written before the row names it. */
export function writeStart(lines: LinesStore, run: string, slice: string, start: SliceStart): Promise<void> {
  return lines.write(startBlob(run, slice), [start]);
}

/** Says what may be begun from now on; replaces what this slice has said before. */
export function writeIntent(lines: LinesStore, run: string, slice: string, intents: readonly Intent[]): Promise<void> {
  return lines.write(intentBlob(run, slice), intents);
}

/** What is written of a line that may be begun. */
export function intentOf({ line, end }: ApplyItem): Intent {
  return { end, repository: line.repository, digest: line.digest };
}

/**
 * What slices before may have begun behind the cursor. The last one that wrote anything had taken over from those before it.
 * @param slice the last one; null: none
 */
export async function readCarried(
  lines: LinesStore,
  run: string,
  slice: string | null,
  cursor: number,
): Promise<readonly Intent[]> {
  for (let id = slice; id !== null; id = (await readStart(lines, run, id)).previous) {
    const intents = await readAll(lines, intentBlob(run, id), intentSchema);
    if (intents !== null) return intents.filter(({ end }) => end > cursor);
  }
  return [];
}

/**
 * Blobs of all groups that the row counts, in their order. `isWhole` is false when the beginning of a slice is damaged or
 * gone: those before it cannot be found.
 */
export async function blobsOf(
  lines: LinesStore,
  run: string,
  slice: string | null,
  groups: number,
): Promise<{ readonly groups: readonly string[]; readonly isWhole: boolean }> {
  const found: string[] = [];
  let to = groups;
  for (let id = slice; id !== null; ) {
    const start = await readStart(lines, run, id).catch((error: unknown) => {
      if (error instanceof UpstreamError) throw error;
      return null;
    });
    if (start === null) break;
    for (let group = to - 1; group >= start.groups; group--) found.push(groupBlob(run, id, group));
    to = start.groups;
    id = start.previous;
  }
  return { groups: found.reverse(), isWhole: to === 0 };
}

/** Where a slice began. @throws UpstreamError STATE_UNAVAILABLE; NotFoundError when it is gone */
export async function readStart(lines: LinesStore, run: string, slice: string): Promise<SliceStart> {
  const [start] = (await readAll(lines, startBlob(run, slice), startSchema)) ?? [];
  // It was written before the row named the slice.
  if (start === undefined) throw new NotFoundError("NOT_FOUND", "The beginning of a slice of the purge is gone.");
  return start;
}

/** All values of a blob; null when there is no such blob. @throws UpstreamError STATE_UNAVAILABLE; ZodError */
export async function readAll<T>(lines: LinesStore, blob: string, schema: z.ZodType<T>): Promise<readonly T[] | null> {
  const values: T[] = [];
  try {
    for await (const { value } of lines.read(blob, 0)) values.push(schema.parse(value));
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
  return values;
}
