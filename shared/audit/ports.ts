/** What the audit trail needs, a durable place for records; and what it is to other domains. */
import type { AuditEvent, AuditRow } from "./record.ts";

/** Stores audit rows. */
export type AuditStore = {
  /**
   * Inserts 1 to 100 rows of one day and writer, all or none; equal rows that are there already count as written
   * (a reply may have been lost).
   * @returns `conflict` with the hash of the row that has the first one's place when it is another
   * @throws UpstreamError AUDIT_UNAVAILABLE when it is not certain that the rows are stored
   */
  insert(rows: readonly AuditRow[]): Promise<{ kind: "written" } | { kind: "conflict"; hash: string }>;
  /** Hash of the row that has this row's place, null when it is free. @throws UpstreamError AUDIT_UNAVAILABLE */
  hashAt(row: AuditRow): Promise<string | null>;
};

/** Makes an audit record durable. @throws UpstreamError AUDIT_UNAVAILABLE */
export type AppendAudit = (event: AuditEvent) => Promise<void>;
/** What happened, for the trail. */
export type { AuditEvent } from "./record.ts";

/** Where a record stands, and what follows it. */
export type AuditPlace = { readonly day: string; readonly writerId: string; readonly sequence: number };
/** Which records to read. */
export type AuditQuery = {
  /** UTC, inclusive and exclusive. */
  readonly from: Date;
  readonly to: Date;
  readonly principalId: string | null;
  readonly resourceId: string | null;
};
/** A record whose columns are not those of one: nobody of us wrote it so. */
export type DamagedRecord = {
  readonly damaged: true;
  /** Its keys in the table, as they stand there. */
  readonly partition: string;
  readonly row: string;
};
/** What was found, and where the reading stopped: null at the end. */
export type AuditPage = {
  readonly items: readonly (AuditRow | DamagedRecord)[];
  readonly next: AuditKeys | null;
};
/** Where a reading stopped, in the order of the table: behind these keys. */
export type AuditKeys = { readonly partition: string; readonly row: string };
/**
 * Reads the trail, of all writers, behind `after`: at most `limit` records. One call does a bounded piece of work, so
 * that there may be fewer, or none, although more follow. Damaged records of these days are shown whatever was asked
 * for. @throws UpstreamError AUDIT_UNAVAILABLE
 */
export type ReadAudit = (query: AuditQuery, after: AuditKeys | null, limit: number) => Promise<AuditPage>;

/** Place and hash of a record: what seals hold. */
export type AuditMark = AuditPlace & { readonly hash: string };
/**
 * Marks in order of day, writer and sequence: behind `after`, and of chains before `before` only. Records whose keys
 * nobody of us wrote are left out. @throws UpstreamError AUDIT_UNAVAILABLE
 */
export type ReadMarks = (range: {
  readonly after: AuditPlace;
  readonly before: Omit<AuditPlace, "sequence">;
}) => AsyncIterable<AuditMark>;

/** A record as it was found, by somebody who trusts nothing. */
export type FoundRecord = {
  /** For people: table, partition and row. */
  readonly where: string;
  /** Null when its keys are none of ours. */
  readonly place: AuditPlace | null;
  /** Null when it does not have exactly the columns of a record. */
  readonly row: AuditRow | null;
};
/** Every record of these days (`yyyyMMdd`, both inclusive), in order of partition and row. @throws UpstreamError AUDIT_UNAVAILABLE */
export type ReadFoundRecords = (days: { readonly from: string; readonly to: string }) => AsyncIterable<FoundRecord>;

/** A seal as it is stored. */
export type StoredSeal = { readonly name: string; readonly text: string };
/** Keeps seals where nobody can change or remove them. Every call: @throws UpstreamError AUDIT_UNAVAILABLE */
export type SealStore = {
  /** The newest one; null when there is none. */
  latest(now: Date): Promise<StoredSeal | null>;
  /** Adds one under a name that is new. */
  add(seal: StoredSeal): Promise<void>;
  /** All seals whose names are not before `from` nor after `to`, by name, which is by time. */
  all(names: { readonly from: string; readonly to: string }): AsyncIterable<StoredSeal>;
};
