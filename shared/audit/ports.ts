/** What the audit trail needs: a durable place for records. */
import type { AuditRow } from "./record.ts";

/** Stores audit rows. */
export type AuditStore = {
  /**
   * Inserts one row; an equal row that is already there counts as written (a reply may have been lost).
   * @returns `conflict` with the other row's hash when another row has this place
   * @throws UpstreamError AUDIT_UNAVAILABLE when it is not certain that the row is stored
   */
  insert(row: AuditRow): Promise<{ kind: "written" } | { kind: "conflict"; hash: string }>;
  /** Hash of the row that has this row's place, null when it is free. @throws UpstreamError AUDIT_UNAVAILABLE */
  hashAt(row: AuditRow): Promise<string | null>;
};
