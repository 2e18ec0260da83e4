/** The promise of the audit trail: what was answered is on record, and what is on record was answered or withdrawn. */
import type { StateRow } from "./state-account.ts";

/**
 * @param answered ids of all leases whose credential reached the caller
 * @param inDoubt the host was killed meanwhile: records may be there whose answer never left
 * @returns what breaks the promise; empty when nothing does
 */
export function recordFaults(
  tables: Readonly<Record<string, readonly StateRow[]>>,
  answered: ReadonlySet<string>,
  { inDoubt = false } = {},
): string[] {
  const issued = (tables.Audit ?? []).filter(({ event }) => event === "credential.issued");
  const idsOf = (outcome: string) => {
    const rows = issued.filter((row) => row.outcome === outcome);
    return new Set(rows.map(({ leaseId }) => String(leaseId)));
  };
  const recorded = idsOf("ok");
  const withdrawn = idsOf("withdrawn");
  const leases = new Set((tables.Leases ?? []).map(({ rowKey }) => rowKey));
  const unanswered = [...recorded].filter((id) => !answered.has(id) && !withdrawn.has(id));
  const left = [...leases].filter((id) => !answered.has(id));
  return [
    ...[...answered].filter((id) => !recorded.has(id)).map((id) => `${id}: answered without a record`),
    ...[...answered].filter((id) => withdrawn.has(id)).map((id) => `${id}: answered, and withdrawn on record`),
    ...[...answered].filter((id) => !leases.has(id)).map((id) => `${id}: answered without a lease`),
    ...(inDoubt ? [] : unanswered.map((id) => `${id}: on record as issued, but never answered`)),
    ...(inDoubt ? [] : left.map((id) => `${id}: a lease that nobody has`)),
  ];
}
