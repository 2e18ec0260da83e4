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
/** Reads the trail, of all writers. @throws UpstreamError AUDIT_UNAVAILABLE */
export type ReadAudit = (query: AuditQuery, after: AuditPlace | null, limit: number) => Promise<readonly AuditRow[]>;
