/** An audit store in memory that fails on demand, as a table does; and a check of the chain. Used by the unit tests. */
import type { AuditStore } from "../../shared/audit/ports.ts";
import { type AuditEvent, type AuditRow, chainRow } from "../../shared/audit/record.ts";
import { unavailable } from "./fakes.ts";

/** How one insert goes: it works, it never arrives, or it arrives and its reply does not. */
export type InsertFate = "works" | "request lost" | "reply lost";

export function auditEvent(changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    event: "credential.issued",
    outcome: "ok",
    principalId: "app:t/s",
    issuer: "https://issuer",
    tenantId: "t",
    resourceId: "/subscriptions/s",
    leaseId: "l-1",
    rule: "role:Latchkey.Admin",
    correlationId: "c-1",
    detail: { access: ["read"] },
    credentialMac: "v1:00",
    ...changes,
  };
}

/**
 * Rows by day and sequence, as in the table: a place is taken once.
 * @param fate of each insert, in order; `isReadable` false makes `hashAt` fail
 */
export function auditStore(fate: () => InsertFate = () => "works", isReadable: () => boolean = () => true) {
  const rows = new Map<string, AuditRow>();
  const placeOf = (row: AuditRow) => `${row.at.slice(0, 10)}~${row.writerId}~${row.sequence}`;
  const store: AuditStore = {
    async insert(row) {
      const how = fate();
      // A turn of the event loop, so that callers really overlap.
      await new Promise(setImmediate);
      if (how === "request lost") throw unavailable("AUDIT_UNAVAILABLE");
      const there = rows.get(placeOf(row));
      if (there === undefined) rows.set(placeOf(row), row);
      if (how === "reply lost") throw unavailable("AUDIT_UNAVAILABLE");
      if (there === undefined || there.hash === row.hash) return { kind: "written" };
      return { kind: "conflict", hash: there.hash };
    },
    async hashAt(row) {
      if (!isReadable()) throw unavailable("AUDIT_UNAVAILABLE");
      return rows.get(placeOf(row))?.hash ?? null;
    },
  };
  return { store, stored: () => [...rows.values()] };
}

/** What is wrong with the rows of one writer; nothing if they are one chain without gap or fork. */
export function chainFaults(rows: readonly AuditRow[]): string[] {
  const faults: string[] = [];
  const ordered = rows.toSorted((left, right) => left.sequence - right.sequence);
  let prevHash = "";
  for (const [index, row] of ordered.entries()) {
    if (row.sequence !== index + 1) faults.push(`expected sequence ${index + 1}, found ${row.sequence}`);
    if (row.prevHash !== prevHash) faults.push(`row ${row.sequence} does not follow the one before it`);
    const { hash, at, writerId, sequence, prevHash: before, ...event } = row;
    if (chainRow(event, { at, writerId, sequence, prevHash: before }).hash !== hash)
      faults.push(`row ${sequence} changed`);
    prevHash = hash;
  }
  return faults;
}
