/** Audit rows in the table `Audit`: one partition per day and writer. Implements AuditStore. */
import type { AuditStore } from "../audit/ports.ts";
import type { AuditRow } from "../audit/record.ts";
import { UpstreamError } from "../errors.ts";
import type { Row, Table } from "./tables.ts";

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
  return `${row.at.slice(0, 10).replaceAll("-", "")}~${row.writerId}`;
}

/** 8 digits, so that rows sort by sequence. */
function rowKeyOf(row: AuditRow): string {
  return String(row.sequence).padStart(8, "0");
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
