/** Verifies the trail against itself and its seals, in one pass: what does not fit is reported with its place. Used by audit:verify. */
import type { AuditPlace, FoundRecord, StoredSeal } from "./ports.ts";
import { type AuditRow, chainRow } from "./record.ts";
import { MAX_LATE_MS } from "./seal.ts";
import { followSeals, missedBy, type SealedChain, type SealedDay } from "./sealed-heads.ts";

/** A writer that is silent for this many days is forgotten, so that memory does not grow with the trail. Processes live for days. */
const FORGET_DAYS = 30;
const DAY_MS = 86_400_000;

/** What can be wrong; docs/audit.md explains each. */
export const AUDIT_FAULTS = [
  "unreadable",
  "changed",
  "missing",
  "repeated",
  "unlinked",
  "misplaced",
  "removed",
  "differs-from-seal",
  "added-later",
  "unsealed",
  "seal-changed",
  "seal-missing",
  "seal-detached",
] as const;
/** Says what is wrong, where, and how it shows. */
export type ReportFinding = (fault: (typeof AUDIT_FAULTS)[number], where: string, detail: string) => void;

/** What was looked at. */
export type VerifyReport = {
  /** Chains on their days: partitions. */
  readonly chains: number;
  readonly records: number;
  readonly seals: number;
  /** Records behind the last seal: only their own chain protects them yet. */
  readonly unsealed: number;
  readonly lastSealedAt: string | null;
};

/** Where a chain stands. The hash is null when it is not known. */
type End = { readonly day: string; readonly sequence: number; readonly hash: string | null };
/** The partition that is being read. */
type Open = {
  readonly place: Omit<AuditPlace, "sequence">;
  readonly sealed: SealedDay;
  readonly chain: SealedChain | undefined;
  readonly count: number;
  readonly end: End | null;
};

/**
 * @param input.records in order of partition and row, and `seals` by name, listed before the records are read
 * @param input.window days, inclusive; null = from the first, to the last
 * @throws what the streams throw
 */
export async function verifyTrail(
  input: {
    readonly records: AsyncIterable<FoundRecord>;
    readonly seals: AsyncIterable<StoredSeal>;
    readonly window: { readonly from: string | null; readonly to: string | null };
    readonly now: Date;
  },
  report: ReportFinding,
): Promise<VerifyReport> {
  const { window } = input;
  const seals = followSeals(input.seals, window, report);
  const ends = new Map<string, End>();
  const counts = { chains: 0, records: 0, unsealed: 0 };
  let open: Open | null = null;
  /** Once writers were forgotten, a chain that goes on cannot be told from one whose beginning was removed. */
  let hasForgotten = false;

  const close = (): void => {
    if (open === null) return;
    reportUnmet(report, open.place.day, open.place.writerId, open.chain);
    open.sealed.chains.delete(open.place.writerId);
    if (open.end !== null) ends.set(open.place.writerId, open.end);
  };
  const reportChainsBefore = (day: string): void => {
    for (const [past, { chains }] of seals.takeBefore(day)) {
      for (const [writerId, chain] of chains) reportUnmet(report, past, writerId, chain);
    }
  };
  const forget = (day: string): void => {
    const oldest = timeOf(day) - FORGET_DAYS * DAY_MS;
    for (const [writerId, end] of ends) {
      if (timeOf(end.day) >= oldest) continue;
      ends.delete(writerId);
      hasForgotten = true;
    }
  };
  const openAt = async ({ day, writerId }: AuditPlace): Promise<Open> => {
    if (open !== null && `${open.place.day}~${open.place.writerId}` >= `${day}~${writerId}`) {
      report("repeated", `Audit/${day}~${writerId}`, "the chain does not stand in order");
    }
    const sealed = open?.place.day === day ? open.sealed : await seals.readDay(day);
    if (open?.place.day !== day) {
      // Not sooner: only now have all seals been read that speak of the days before.
      reportChainsBefore(day);
      forget(day);
    }
    counts.chains += 1;
    const chain = sealed.chains.get(writerId);
    const begins = window.from === null && !hasForgotten ? { day, sequence: 0, hash: "" } : beginningOf(day, chain);
    return { place: { day, writerId }, sealed, chain, count: 0, end: ends.get(writerId) ?? begins };
  };

  for await (const { where, place, row } of input.records) {
    counts.records += 1;
    if (place === null) {
      report("unreadable", where, "no record of ours has such keys");
      continue;
    }
    if (open === null || open.place.day !== place.day || open.place.writerId !== place.writerId) {
      close();
      open = await openAt(place);
    }
    const current: Open = { ...open, count: open.count + 1 };
    checkPlace(report, where, place, current.end);
    if (row === null) report("unreadable", where, "it does not have exactly the columns of a record");
    else checkRow(report, where, place, row, current.end);
    checkSealed(report, where, place, row, current);
    if ((current.chain?.steps.at(-1)?.sequence ?? 0) < place.sequence) {
      counts.unsealed += 1;
      checkOverdue(report, where, row, input.now);
    }
    const isBehind = place.sequence > (current.end?.sequence ?? 0);
    open = {
      ...current,
      end: isBehind ? { day: place.day, sequence: place.sequence, hash: row?.hash ?? null } : current.end,
    };
  }
  close();
  const endDay = window.to ?? "99999999";
  await seals.readDay(endDay);
  reportChainsBefore(endDay);
  for (const [day, { chains }] of seals.takeBefore(`${endDay}~`)) {
    for (const [writerId, chain] of chains) reportUnmet(report, day, writerId, chain);
  }
  const at = seals.lastSealedAt();
  return { ...counts, seals: seals.count(), lastSealedAt: at === null ? null : new Date(at).toISOString() };
}

/** In a window that does not begin at the first day, the seals alone know where a chain's day began. */
function beginningOf(day: string, chain: SealedChain | undefined): End | null {
  const [head] = chain?.heads.values() ?? [];
  return head === undefined ? null : { day, sequence: head.sequence - head.records, hash: null };
}

function checkPlace(report: ReportFinding, where: string, { sequence }: AuditPlace, end: End | null): void {
  if (end === null) return;
  const expected = end.sequence + 1;
  if (sequence > expected) {
    const gap = sequence - expected;
    report(
      "missing",
      where,
      `${gap === 1 ? `record ${expected} is` : `${gap} records from ${expected} on are`} missing before it`,
    );
  } else if (sequence < expected) {
    report("repeated", where, `it stands behind record ${end.sequence} of the same chain`);
  }
}

function checkRow(report: ReportFinding, where: string, place: AuditPlace, row: AuditRow, end: End | null): void {
  const { at, writerId, sequence, prevHash, hash, ...event } = row;
  if (writerId !== place.writerId || sequence !== place.sequence || at.slice(0, 10).replaceAll("-", "") !== place.day) {
    report("misplaced", where, `it was written as record ${sequence} of ${writerId} at ${at}`);
  }
  if (chainRow(event, { at, writerId, sequence, prevHash }).hash !== hash) {
    report("changed", where, "its content does not have the hash that it bears");
  }
  if (end?.sequence === sequence - 1 && end.hash !== null && end.hash !== prevHash) {
    report("unlinked", where, "it does not follow the record before it");
  }
}

function checkSealed(
  report: ReportFinding,
  where: string,
  place: AuditPlace,
  row: AuditRow | null,
  { sealed, chain, count }: Open,
): void {
  const head = chain?.heads.get(place.sequence);
  chain?.heads.delete(place.sequence);
  if (head !== undefined && row !== null && head.hash !== row.hash) {
    report("differs-from-seal", where, "another record had this place when it was sealed");
  }
  if (head !== undefined && head.records !== count) {
    report(
      "differs-from-seal",
      where,
      `the seal counted ${head.records} records of the day up to it, there are ${count}`,
    );
  }
  const missed = row === null ? null : missedBy(sealed, chain, row);
  if (missed !== null) {
    report(
      "added-later",
      where,
      `it is not in the seal of ${new Date(missed).toISOString()}, which is later than it claims to be`,
    );
  }
}

/** A timer that does not run, or seals that were removed from the end. */
function checkOverdue(report: ReportFinding, where: string, row: AuditRow | null, now: Date): void {
  if (row !== null && Date.parse(row.at) + MAX_LATE_MS < now.getTime()) {
    report("unsealed", where, `no seal holds it, although it is of ${row.at}`);
  }
}

/** What was sealed and not met. */
function reportUnmet(report: ReportFinding, day: string, writerId: string, chain: SealedChain | undefined): void {
  const unmet = [...(chain?.heads.keys() ?? [])].toSorted((left, right) => left - right);
  const last = unmet.at(-1);
  if (last === undefined) return;
  const text = unmet.length === 1 ? `record ${last}` : `${unmet.length} records up to ${last}`;
  report("removed", `Audit/${day}~${writerId}`, `${text}, which seals name, not there`);
}

/** Start of a day, in milliseconds. */
function timeOf(day: string): number {
  return Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`);
}
