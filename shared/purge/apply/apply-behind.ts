/** What slices before made of the repository in which this one goes on. Used by apply.ts. */
import { z } from "zod";
import { reportLineSchema } from "../plan-line.ts";
import type { LinesStore } from "../ports.ts";
import type { RunTraces } from "./run-traces.ts";
import { behindBlob, groupBlob, readAll, readStart } from "./slice-blobs.ts";
import type { SliceRow } from "./slice-row.ts";
import type { Staying } from "./staying.ts";

const noteSchema = z.strictObject({ repository: z.string(), digest: z.string(), isDeleted: z.boolean() });
/** An image whose turn has been: deleted, or still there. */
type Note = z.output<typeof noteSchema>;
/** Deleted ones that are noted: whether there are others than one is all that is asked. */
const DELETED_NOTED = 2;

/**
 * Each slice writes down what it found, so that the next one reads the reports of that slice alone.
 * @param repository the one whose turn it is; null: none
 * @throws UpstreamError STATE_UNAVAILABLE; ZodError or NotFoundError for a blob that is damaged or gone
 */
export async function readBehind(
  lines: LinesStore,
  row: SliceRow,
  repository: string | null,
  { traces, staying }: { readonly traces: RunTraces; readonly staying: Staying },
): Promise<void> {
  const { id: runId, groups } = row.run();
  if (repository === null || groups === 0) return;
  const kept = new Set<string>();
  const deleted = new Set<string>();
  const note = (one: Note) => {
    if (one.repository !== repository) return;
    if (!one.isDeleted) kept.add(one.digest);
    else if (deleted.size < DELETED_NOTED) deleted.add(one.digest);
  };
  for (let slice = row.before.id, to = groups; slice !== null; ) {
    const start = await readStart(lines, runId, slice);
    for (let group = start.groups; group < to; group++) {
      for (const line of (await readAll(lines, groupBlob(runId, slice, group), reportLineSchema)) ?? []) {
        const isDeleted = line.outcome === "deleted";
        if (line.action === "delete" && line.outcome !== "gone")
          note({ repository: line.repository, digest: line.digest, isDeleted });
      }
    }
    // One that ended before it had written it has no reports either: those of the one before it are read as well.
    const found = await readAll(lines, behindBlob(runId, slice), noteSchema);
    for (const one of found ?? []) note(one);
    to = start.groups;
    slice = found === null ? start.previous : null;
  }
  for (const digest of deleted) traces.sent(repository, digest);
  for (const digest of kept) staying.keep(repository, digest);
  const notes = (digests: Iterable<string>, isDeleted: boolean) =>
    [...digests].map((digest): Note => ({ repository, digest, isDeleted }));
  await lines.write(behindBlob(runId, row.id), [...notes(deleted, true), ...notes(kept, false)]);
}
