/** Audit rows in the table `Audit`: one partition per day and writer. Implements what audit/ports.ts reads and writes. */
import { z } from "zod";
import type {
  AuditKeys,
  AuditPage,
  AuditPlace,
  AuditQuery,
  AuditStore,
  FoundRecord,
  ReadAudit,
  ReadFoundRecords,
  ReadMarks,
} from "../audit/ports.ts";
import { AUDIT_EVENTS, AUDIT_OUTCOMES, type AuditRow } from "../audit/record.ts";
import { UpstreamError } from "../errors.ts";
import { utc } from "../time.ts";
import { jsonText } from "./columns.ts";
import type { Row, RowPlace, StoredRow, Table } from "./tables.ts";

/** Names of what the SDKs throw at the time limit: an error of their own, or the signal's reason. */
const TIME_IS_UP: ReadonlySet<string> = new Set(["AbortError", "TimeoutError"]);

/** @param table opened with AUDIT_UNAVAILABLE */
export function createAuditStore(table: Table): AuditStore {
  const hashAt: AuditStore["hashAt"] = async (row) => {
    const stored = await table.get(partitionOf(row), rowKeyOf(row));
    return typeof stored?.hash === "string" ? stored.hash : null;
  };
  return {
    hashAt,
    async insert(rows) {
      const [first] = rows;
      if (first === undefined) return { kind: "written" };
      try {
        if ((await table.insertAll(rows.map(toRow))) !== null) return { kind: "written" };
      } catch (error) {
        // The rows may have arrived although their reply did not: only the table knows. When the time is used up,
        // the caller waits no longer: the chain looks before its next record.
        if (!(error instanceof UpstreamError) || TIME_IS_UP.has(error.failure?.name ?? "")) throw error;
        if ((await hashAt(first)) !== first.hash) throw error;
        return { kind: "written" };
      }
      const hash = await hashAt(first);
      if (hash === first.hash) return { kind: "written" };
      if (hash !== null) return { kind: "conflict", hash };
      throw new UpstreamError("AUDIT_UNAVAILABLE", "The audit trail did not keep a record. Try again.", {
        retryable: true,
      });
    },
  };
}

function partitionOf(row: AuditRow): string {
  return `${dayOf(row.at)}~${row.writerId}`;
}

/** `yyyyMMdd` of a time in UTC. */
function dayOf(at: string): string {
  return at.slice(0, 10).replaceAll("-", "");
}

function rowKeyOf(row: AuditRow): string {
  return keyOf(row.sequence);
}

/** 8 digits, so that rows sort by sequence. */
function keyOf(sequence: number): string {
  return String(sequence).padStart(8, "0");
}

function toRow(row: AuditRow): Row {
  return {
    partitionKey: partitionOf(row),
    rowKey: rowKeyOf(row),
    at: row.at,
    event: row.event,
    outcome: row.outcome,
    principalId: row.principalId,
    issuer: row.issuer,
    tenantId: row.tenantId,
    resourceId: row.resourceId,
    leaseId: row.leaseId ?? undefined,
    rule: row.rule,
    correlationId: row.correlationId,
    detailJson: JSON.stringify(row.detail),
    credentialMac: row.credentialMac ?? undefined,
    prevHash: row.prevHash,
    hash: row.hash,
  };
}

/** A row as it was written; what is not is damaged. */
const rowSchema = z.object({
  partitionKey: z.string(),
  rowKey: z.string(),
  at: z.iso.datetime({ precision: 0 }),
  event: z.enum(AUDIT_EVENTS),
  outcome: z.enum(AUDIT_OUTCOMES),
  principalId: z.string(),
  issuer: z.string(),
  tenantId: z.string(),
  resourceId: z.string(),
  leaseId: z.string().nullish(),
  rule: z.string(),
  correlationId: z.string(),
  detailJson: jsonText(
    z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())])),
  ),
  credentialMac: z.string().nullish(),
  prevHash: z.string(),
  hash: z.string(),
});

/** Rows of one request when many are read. Table Storage's own limit. */
const PAGE_ROWS = 1_000;
/** Rows that one question may look at, about two seconds' work: the caller asks again, and no question takes too long. */
const MAX_LOOKED_AT = 10_000;

/** Reads records of all writers, by day, writer and sequence. @param table opened with AUDIT_UNAVAILABLE */
export function createAuditReader(table: Table): ReadAudit {
  return async (query, after, limit) => {
    const items: AuditPage["items"][number][] = [];
    const isNarrow = query.principalId !== null || query.resourceId !== null;
    let place: RowPlace | null = after === null ? null : { partitionKey: after.partition, rowKey: after.row };
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; ) {
      const size = isNarrow || lookedAt > 0 ? PAGE_ROWS : limit + 1;
      // Not filtered by the table: it would leave out what is damaged in the very column that is asked for.
      const rows = await table.scan({
        from: dayOf(utc(query.from)),
        // `~` follows every digit: all writers of the last day are before it.
        to: `${dayOf(utc(query.to))}~~`,
        after: place,
        where: [],
        limit: size,
      });
      for (const stored of rows) {
        const item = shown(stored, query);
        if (item !== null && items.length === limit) return { items, next: place && keysOf(place) };
        if (item !== null) items.push(item);
        place = placeInTable(stored);
      }
      if (rows.length < size) return { items, next: null };
      lookedAt += rows.length;
    }
    return { items, next: place && keysOf(place) };
  };
}

/** The record, if it is asked for; what is none is shown whatever is asked for. */
function shown(stored: StoredRow, query: AuditQuery): AuditPage["items"][number] | null {
  const parsed = placeOf(stored) === null ? null : rowSchema.safeParse(stored);
  if (parsed === null || !parsed.success) return { damaged: true, ...keysOf(placeInTable(stored)) };
  const { at, principalId, resourceId } = parsed.data;
  const isAsked =
    at >= utc(query.from) &&
    at < utc(query.to) &&
    (query.principalId === null || principalId === query.principalId) &&
    (query.resourceId === null || resourceId === query.resourceId);
  return isAsked ? fromRow(stored) : null;
}

function placeInTable({ partitionKey, rowKey }: StoredRow): RowPlace {
  return { partitionKey: String(partitionKey), rowKey: String(rowKey) };
}

function keysOf({ partitionKey, rowKey }: RowPlace): AuditKeys {
  return { partition: partitionKey, row: rowKey };
}

function fromRow(stored: StoredRow): AuditRow {
  const { partitionKey, rowKey, detailJson, leaseId, credentialMac, ...row } = rowSchema.parse(stored);
  return {
    ...row,
    writerId: partitionKey.slice(partitionKey.indexOf("~") + 1),
    sequence: Number(rowKey),
    leaseId: leaseId ?? null,
    credentialMac: credentialMac ?? null,
    detail: detailJson,
  };
}

/** All rows of partitions from `from` to before `to`, behind `after`; one page in memory at a time. */
async function* rowsOf(
  table: Table,
  range: { from: string; to: string; after: RowPlace | null; select?: readonly string[] },
): AsyncGenerator<StoredRow> {
  let { after } = range;
  for (;;) {
    const rows = await table.scan({ ...range, after, where: [], limit: PAGE_ROWS });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = { partitionKey: String(last.partitionKey), rowKey: String(last.rowKey) };
  }
}

/** Reads marks alone, for seals. @param table opened with AUDIT_UNAVAILABLE */
export function createMarkReader(table: Table): ReadMarks {
  return async function* ({ after, before }) {
    const place = { partitionKey: `${after.day}~${after.writerId}`, rowKey: keyOf(after.sequence) };
    const rows = rowsOf(table, {
      from: place.partitionKey,
      to: `${before.day}~${before.writerId}`,
      after: place,
      select: ["PartitionKey", "RowKey", "hash"],
    });
    for await (const row of rows) {
      const mark = placeOf(row);
      if (mark !== null && typeof row.hash === "string") yield { ...mark, hash: row.hash };
    }
  };
}

/** Reads everything that is there, for `audit:verify`. @param table opened with AUDIT_UNAVAILABLE */
export function createFoundRecordReader(table: Table): ReadFoundRecords {
  return async function* ({ from, to }) {
    for await (const row of rowsOf(table, { from, to: `${to}~~`, after: null })) yield found(row);
  };
}

function found(stored: StoredRow): FoundRecord {
  const place = placeOf(stored);
  const { etag: _etag, timestamp: _timestamp, ...columns } = stored;
  const row = place !== null && exactRowSchema.safeParse(columns).success ? fromRow(stored) : null;
  return {
    where: `Audit/${stored.partitionKey}/${stored.rowKey}`,
    place,
    // The same text, or the hash would be over something else than what is stored.
    row: row !== null && JSON.stringify(row.detail) === stored.detailJson ? row : null,
  };
}

/** A column more is a change too. */
const exactRowSchema = rowSchema.strict();

/** Null for keys that nobody of us wrote. */
function placeOf({ partitionKey, rowKey }: StoredRow): AuditPlace | null {
  const [, day, writerId] = /^(\d{8})~(.+)$/s.exec(String(partitionKey)) ?? [];
  if (day === undefined || writerId === undefined || !/^\d{8}$/.test(String(rowKey))) return null;
  return { day, writerId, sequence: Number(rowKey) };
}
