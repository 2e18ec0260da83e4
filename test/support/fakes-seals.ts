/** A trail with its seals in memory: days, several writers, restarts, seals written by the product. Used by the unit tests. */
import type { FoundRecord, ReadMarks, SealStore, StoredSeal } from "../../shared/audit/ports.ts";
import { type AuditRow, chainRow } from "../../shared/audit/record.ts";
import { sealTrail } from "../../shared/audit/seal.ts";
import { type VerifyReport, verifyTrail } from "../../shared/audit/verify.ts";
import { utc } from "../../shared/time.ts";
import { countingBytes } from "./fakes.ts";
import { auditEvent } from "./fakes-audit.ts";

/** What happens, in order: time passes, a writer records some events, or the timer seals. */
export type Happening =
  | { readonly kind: "wait"; readonly minutes: number }
  | { readonly kind: "record"; readonly writer: number; readonly count: number }
  | { readonly kind: "seal" };

const dayOf = ({ at }: AuditRow) => at.slice(0, 10).replaceAll("-", "");
const placeOf = (row: AuditRow) => `${dayOf(row)}~${row.writerId}~${String(row.sequence).padStart(8, "0")}`;
const WRITERS = ["a", "b", "c", "d"];

/** Rows in order of partition and row. */
export const inOrder = (rows: readonly AuditRow[]): AuditRow[] =>
  rows.toSorted((left, right) => (placeOf(left) < placeOf(right) ? -1 : 1));

/** As an honest reader of the table finds them. */
export const foundOf = (row: AuditRow): FoundRecord => ({
  where: placeOf(row),
  place: { day: dayOf(row), writerId: row.writerId, sequence: row.sequence },
  row,
});

/** A trail that grows; `reads` counts marks that were read for seals. */
export function growingTrail(startsAt = "2026-11-20T22:30:00Z") {
  let time = Date.parse(startsAt);
  const rows: AuditRow[] = [];
  const stored: StoredSeal[] = [];
  const reads = { marks: 0 };
  const now = () => new Date(time);
  const readMarks: ReadMarks = async function* ({ after, before }) {
    const partition = `${after.day}~${after.writerId}`;
    for (const row of inOrder(rows)) {
      const own = `${dayOf(row)}~${row.writerId}`;
      const isBehind = own > partition || (own === partition && row.sequence > after.sequence);
      if (!isBehind || own >= `${before.day}~${before.writerId}`) continue;
      reads.marks += 1;
      yield { day: dayOf(row), writerId: row.writerId, sequence: row.sequence, hash: row.hash };
    }
  };
  const seals: SealStore = {
    latest: async () => stored.toSorted((a, b) => (a.name < b.name ? 1 : -1))[0] ?? null,
    add: async (seal) => void stored.push(seal),
    all: ({ from, to }) => streamOf(stored.filter(({ name }) => name >= from && name <= to)),
  };
  const record = (writer: number, count: number) => {
    const writerId = WRITERS[writer] ?? "z";
    for (let index = 0; index < count; index++) {
      const last = rows.findLast((row) => row.writerId === writerId);
      const place = { at: utc(now()), writerId, sequence: (last?.sequence ?? 0) + 1, prevHash: last?.hash ?? "" };
      rows.push(chainRow(auditEvent({ correlationId: `c-${rows.length}` }), place));
    }
  };
  let seed = 0;
  const seal = () =>
    sealTrail({ seals, readMarks, now, randomBytes: (count) => countingBytes(count).map((b) => b + ++seed) });
  const wait = (minutes: number) => {
    time += minutes * 60_000;
  };
  return {
    rows,
    stored,
    reads,
    now,
    record,
    seal,
    wait,
    seals,
    readMarks,
    async play(happenings: readonly Happening[]) {
      for (const happening of happenings) {
        if (happening.kind === "wait") wait(happening.minutes);
        else if (happening.kind === "record") record(happening.writer, happening.count);
        else await seal();
      }
    },
  };
}

/** Findings as `fault where`, and what was looked at. */
export async function verified(
  records: readonly FoundRecord[],
  seals: readonly StoredSeal[],
  options: { from?: string; to?: string; now?: Date } = {},
): Promise<{ findings: string[]; faults: Set<string>; report: VerifyReport }> {
  const findings: string[] = [];
  const faults = new Set<string>();
  const { from = null, to = null, now = new Date(0) } = options;
  const named = seals.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const report = await verifyTrail(
    {
      records: streamOf(
        records.filter(({ place }) => place === null || (place.day >= (from ?? "") && place.day <= (to ?? "~"))),
      ),
      seals: streamOf(named.filter(({ name }) => name >= (from ?? ""))),
      window: { from, to },
      now,
    },
    (fault, where) => {
      findings.push(`${fault} ${where}`);
      faults.add(fault);
    },
  );
  return { findings, faults, report };
}

async function* streamOf<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield item;
}
