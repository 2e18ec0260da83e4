/** Since when a run has got no further: a note beside its report. Used by apply.ts and finish.ts. */
import { z } from "zod";
import { NotFoundError } from "../../errors.ts";
import type { LinesStore } from "../ports.ts";
import { MAX_OUTAGE_SECONDS, type PurgeRun } from "../run.ts";
import { outageBlob } from "../run-blobs.ts";

const noteSchema = z.strictObject({ cursor: z.int(), since: z.number() });

/**
 * Whether MAX_OUTAGE_SECONDS have passed since this was first asked about the run as it stands. Slices that get nowhere write
 * its row too, so that the row does not say it.
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export async function isOutageOver(
  { lines, now }: { readonly lines: LinesStore; readonly now: () => Date },
  { id, cursor }: Pick<PurgeRun, "id" | "cursor">,
): Promise<boolean> {
  const at = now().getTime();
  const blob = outageBlob(id);
  const note = await readNote(lines, blob);
  // One from the future is of a clock that was wrong.
  if (note?.cursor === cursor && note.since <= at) return at - note.since >= MAX_OUTAGE_SECONDS * 1000;
  await lines.write(blob, [{ cursor, since: at }]);
  return false;
}

/** Null when there is none, or one that cannot be read. */
async function readNote(lines: LinesStore, blob: string): Promise<z.output<typeof noteSchema> | null> {
  try {
    for await (const { value } of lines.read(blob, 0)) return noteSchema.safeParse(value).data ?? null;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  return null;
}
