/** An audit store in memory that fails on demand, as a table does; and a check of the chain. Used by the unit tests. */
import type { AuditStore } from "../../shared/audit/ports.ts";
import { type AuditEvent, type AuditRow, chainRow } from "../../shared/audit/record.ts";
import { unavailable } from "./fakes.ts";

/** How one insert goes: it works, never arrives, arrives without its reply, or arrives when nobody expects it any more. */
export type InsertFate = "works" | "request lost" | "reply lost" | "arrives late";

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
 * Rows by day and sequence, as in the table: a place is taken once, a transaction stores all its rows or none.
 * @param fate of each insert, in order; `isReadable` false makes `hashAt` fail
 */
export function auditStore(fate: () => InsertFate = () => "works", isReadable: () => boolean = () => true) {
  const rows = new Map<string, AuditRow>();
  const batches: string[][] = [];
  const onTheWay: (readonly AuditRow[])[] = [];
  const placeOf = (row: AuditRow) => `${row.at.slice(0, 10)}~${row.writerId}~${row.sequence}`;
  const storeAll = (added: readonly AuditRow[]): boolean => {
    const isFree = added.every((row) => !rows.has(placeOf(row)));
    if (isFree) for (const row of added) rows.set(placeOf(row), row);
    return isFree;
  };
  const arrive = () => {
    for (const late of onTheWay.splice(0)) storeAll(late);
  };
  const store: AuditStore = {
    async insert(added) {
      batches.push(added.map(({ correlationId }) => correlationId));
      const days = new Set(added.map(({ at, writerId }) => `${at.slice(0, 10)}~${writerId}`));
      if (added.length > 100 || days.size !== 1) throw new Error("a transaction has 1 to 100 rows of one partition");
      const how = fate();
      // A turn of the event loop, so that callers really overlap.
      await new Promise(setImmediate);
      // What was given up before reaches the table first: it was sent first.
      arrive();
      if (how === "arrives late") onTheWay.push(added);
      if (how === "request lost" || how === "arrives late") throw unavailable("AUDIT_UNAVAILABLE");
      const isStored = storeAll(added);
      if (how === "reply lost") throw unavailable("AUDIT_UNAVAILABLE");
      const [first] = added;
      const there = first && rows.get(placeOf(first));
      if (first === undefined || there === undefined) throw unavailable("AUDIT_UNAVAILABLE");
      return isStored || there.hash === first.hash ? { kind: "written" } : { kind: "conflict", hash: there.hash };
    },
    async hashAt(row) {
      if (!isReadable()) throw unavailable("AUDIT_UNAVAILABLE");
      return rows.get(placeOf(row))?.hash ?? null;
    },
  };
  /** `batches` are the inserts in order, by their records' correlation ids; `arrive` lets in what was late. */
  return { store, batches, arrive, stored: () => [...rows.values()] };
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
