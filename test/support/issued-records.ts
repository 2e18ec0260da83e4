/** The promise of the audit trail: what was answered is on record, and what is on record was answered or withdrawn. */
import type { State, StateRow } from "./state-account.ts";

/** Ids of the leases in the table, which has a row beside them that counts each caller's. */
export function leaseIds(rows: readonly StateRow[] = []): string[] {
  return rows.map(({ rowKey }) => rowKey).filter((rowKey) => rowKey !== "~active");
}

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
  const leases = new Set(leaseIds(tables.Leases));
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

/**
 * A connector that can be used is on record, and has not been withdrawn since; its secret is there.
 * @returns what breaks the promise; empty when nothing does
 */
export function connectorFaults({ tables, secretNames }: State): string[] {
  const registered = (tables.Audit ?? []).filter(({ event }) => event === "connector.registered");
  const idsOf = (outcome: string) =>
    new Set(registered.filter((row) => row.outcome === outcome).map(({ resourceId }) => resourceId));
  const [recorded, withdrawn] = [idsOf("ok"), idsOf("withdrawn")];
  const rows = tables.Connectors ?? [];
  const connectors = rows.filter(({ rowKey }) => rowKey.startsWith("n~"));
  const pointers = rows.filter(({ rowKey }) => rowKey.startsWith("i~"));
  return [
    ...connectors.filter(({ id }) => !recorded.has(id)).map(({ rowKey }) => `${rowKey}: usable without a record`),
    ...connectors
      .filter(({ id }) => withdrawn.has(id))
      .map(({ rowKey }) => `${rowKey}: usable, and withdrawn on record`),
    ...connectors
      .filter(({ secretName }) => !secretNames.includes(String(secretName)))
      .map(({ rowKey }) => `${rowKey}: its secret is not there`),
    ...connectors
      .filter(({ id, rowKey }) => !pointers.some((row) => row.rowKey === `i~${id}` && `n~${row.name}` === rowKey))
      .map(({ rowKey }) => `${rowKey}: not found by its id`),
    ...pointers
      .filter(({ name }) => !connectors.some(({ rowKey }) => rowKey === `n~${name}`))
      .map(({ rowKey }) => `${rowKey}: an id without a connector`),
  ];
}
