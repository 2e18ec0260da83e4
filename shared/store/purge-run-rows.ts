/** Rows of the table `PurgeRuns`: runs (`r~`), slots (`s~`) and the lock of a registry. Used by purge-run-records.ts. */
import { z } from "zod";
import type { DamagedRun } from "../purge/ports.ts";
import { countsSchema, OPEN_STATES, type PurgeRun, RUN_KINDS, RUN_STATES } from "../purge/run.ts";
import { utc } from "../time.ts";
import { jsonText } from "./columns.ts";
import { LOCK_KEY, partitionOf, RUNS, runKey, slotKey } from "./purge-keys.ts";
import type { Row, StoredRow } from "./tables.ts";

/**
 * How long a run keeps its registry after its row was last written, in seconds. A slice of work takes four minutes at most
 * and writes the row at its start: whoever has not written for so long does not delete any more.
 */
export const LOCK_SECONDS = 15 * 60;
/** Most characters of a column. Table Storage takes 64 KiB in UTF-16, so 32,768 of them; the rest is left as a margin. */
const MAX_COLUMN_CHARACTERS = 30_000;

/** Bytes pass the 32 bits of a number in a column: they are kept as digits. */
const digits = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .pipe(z.int());
const rowSchema = z.object({
  partitionKey: z.string(),
  rowKey: z.string().startsWith(RUNS.after),
  policy: z.string(),
  kind: z.enum(RUN_KINDS),
  state: z.enum(RUN_STATES),
  code: z.string().nullish(),
  warningsJson: jsonText(z.array(z.string())),
  slot: z.string().nullish(),
  planId: z.string().nullish(),
  policyJson: z.string(),
  listedAt: z.string().nullish(),
  batches: z.int(),
  resourceId: z.string().nullish(),
  planBlob: z.string().nullish(),
  reportBlob: z.string().nullish(),
  countsJson: jsonText(countsSchema),
  bytesFreed: digits,
  cursor: digits,
  groups: z.int(),
  slice: z.string().nullish(),
  cancelRequested: z.boolean(),
  correlationId: z.string(),
  startedBy: z.string(),
  startedByIssuer: z.string(),
  startedByTenant: z.string(),
  startedAt: z.string(),
  updatedAt: z.string(),
  endedAt: z.string().nullish(),
});
type Parsed = z.output<typeof rowSchema>;
const lockSchema = z.object({ etag: z.string(), runId: z.string(), until: z.string() });

/** The lock of a registry: who holds it, and from when on another may ask whether it still does. */
export type Lock = z.output<typeof lockSchema>;

/** @throws RangeError for a policy that no column takes, and for keys that are none */
export function runRow(run: PurgeRun): Row {
  if (run.policyJson.length > MAX_COLUMN_CHARACTERS) throw new RangeError("The policy is too large for a column.");
  const isOpen = OPEN_STATES.has(run.state);
  return {
    partitionKey: partitionOf(run.loginServer),
    rowKey: runKey(run.id),
    policy: run.policy,
    kind: run.kind,
    state: run.state,
    code: run.code ?? undefined,
    warningsJson: JSON.stringify(fitting(run.warnings)),
    slot: run.slot ?? undefined,
    planId: run.planId ?? undefined,
    policyJson: run.policyJson,
    listedAt: run.listedAt ?? undefined,
    batches: run.batches,
    resourceId: run.resourceId ?? undefined,
    planBlob: run.planBlob ?? undefined,
    reportBlob: run.reportBlob ?? undefined,
    countsJson: JSON.stringify(run.counts),
    bytesFreed: digitsOf(run.bytesFreed),
    cursor: digitsOf(run.cursor),
    groups: run.groups,
    slice: run.slice ?? undefined,
    cancelRequested: run.cancelRequested,
    correlationId: run.correlationId,
    startedBy: run.startedBy.principalId,
    startedByIssuer: run.startedBy.issuer,
    startedByTenant: run.startedBy.tenantId,
    startedAt: run.startedAt,
    updatedAt: run.updatedAt,
    endedAt: run.endedAt ?? undefined,
    // For finding what nobody works on any more; ended runs do not have it.
    openSince: isOpen ? run.updatedAt : undefined,
  };
}

/** @throws RangeError for what could not be read again */
function digitsOf(count: number): string {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError("This is no number of bytes.");
  return String(count);
}

/** @throws ZodError for a damaged row */
export function readRunRow(stored: StoredRow): PurgeRun {
  return toRun(rowSchema.parse(stored));
}

/** For lists: one damaged row must not hide all others. */
export function readableRun(stored: StoredRow): PurgeRun | DamagedRun {
  const row = rowSchema.safeParse(stored);
  if (row.success) return toRun(row.data);
  const { partitionKey = "", rowKey = "" } = stored;
  return { id: rowKey.slice(RUNS.after.length), loginServer: partitionKey, damaged: true };
}

function toRun(row: Parsed): PurgeRun {
  const { partitionKey, rowKey, warningsJson, countsJson, startedBy, startedByIssuer, startedByTenant, ...rest } = row;
  return {
    ...rest,
    id: rowKey.slice(RUNS.after.length),
    loginServer: partitionKey,
    code: row.code ?? null,
    warnings: warningsJson,
    slot: row.slot ?? null,
    planId: row.planId ?? null,
    listedAt: row.listedAt ?? null,
    resourceId: row.resourceId ?? null,
    planBlob: row.planBlob ?? null,
    reportBlob: row.reportBlob ?? null,
    counts: countsJson,
    slice: row.slice ?? null,
    startedBy: { principalId: startedBy, issuer: startedByIssuer, tenantId: startedByTenant },
    endedAt: row.endedAt ?? null,
  };
}

/** As many warnings as a column takes: a run that has too many of them can still be written. */
function fitting(warnings: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let length = 0;
  for (const warning of warnings) {
    length += JSON.stringify(warning).length + 1;
    if (length > MAX_COLUMN_CHARACTERS) break;
    kept.push(warning);
  }
  return kept;
}

/** Says that a slot was run. */
export function slotRow(run: PurgeRun, slot: string): Row {
  return { partitionKey: partitionOf(run.loginServer), rowKey: slotKey(run.policy, slot), runId: run.id };
}

/** The lock in the hand of this run, for LOCK_SECONDS from now. */
export function lockRow(run: Pick<PurgeRun, "id" | "loginServer">, now: Date): Row {
  const until = utc(new Date(now.getTime() + LOCK_SECONDS * 1000));
  return { partitionKey: partitionOf(run.loginServer), rowKey: LOCK_KEY, runId: run.id, until };
}

/** @throws ZodError for a lock that is none of ours: who holds it is not known, so nobody gets it */
export function readLock(stored: StoredRow): Lock {
  return lockSchema.parse(stored);
}
