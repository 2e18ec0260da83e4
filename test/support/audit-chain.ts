/** Checks the audit trail as an auditor would, from the rows alone: gapless, unchanged, each record behind the other. */
import { createHash } from "node:crypto";
import type { StateRow } from "./state-account.ts";

/** Columns that the hash covers after the previous hash and the record's place, in order. */
const COVERED = [
  ...["event", "outcome", "principalId", "issuer", "tenantId", "resourceId", "leaseId", "rule", "correlationId"],
  ...["detailJson", "credentialMac"],
] as const;

/** What is wrong with the rows of the table `Audit`; empty when nothing is. */
export function auditChainFaults(rows: readonly StateRow[]): string[] {
  const writers = Map.groupBy(rows, ({ partitionKey }) => partitionKey.slice(partitionKey.indexOf("~") + 1));
  return [...writers].flatMap(([writer, records]) => chainFaults(writer, records));
}

function chainFaults(writer: string, rows: readonly StateRow[]): string[] {
  let prevHash: unknown = "";
  const ordered = [...rows].sort((left, right) => (left.rowKey < right.rowKey ? -1 : 1));
  return ordered.flatMap((row, index) => {
    const place = `${row.partitionKey}/${row.rowKey}`;
    const fields = [prevHash, row.at, writer, index + 1, ...COVERED.map((name) => row[name] ?? null)];
    const faults = [
      ...(row.rowKey === String(index + 1).padStart(8, "0") ? [] : [`${place}: a record is missing before it`]),
      ...(row.partitionKey.startsWith(`${String(row.at).slice(0, 10).replaceAll("-", "")}~`)
        ? []
        : [`${place}: in the partition of another day`]),
      ...(row.prevHash === prevHash ? [] : [`${place}: does not follow the record before it`]),
      ...(row.hash === createHash("sha256").update(JSON.stringify(fields)).digest("hex")
        ? []
        : [`${place}: was changed`]),
    ];
    prevHash = row.hash;
    return faults;
  });
}
