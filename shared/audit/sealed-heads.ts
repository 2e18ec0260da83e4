/** What the seals say of each day's chains, read as far as verifying has come; and whether the seals are whole. Used by verify. */
import { sha256 } from "../ids.ts";
import type { StoredSeal } from "./ports.ts";
import { firstDayOf, type Head, MAX_LATE_MS, readSeal, type Seal, timeOfSeal } from "./seal.ts";
import type { ReportFinding } from "./verify.ts";

/** Seals that two machines write at once, and clocks that differ, do not disturb the order further than this. */
const OVERLAP_MS = 15 * 60_000;
/** Seals whose hash is kept for those over them: a seal names the newest that was there. */
const MAX_KEPT_HASHES = 200;

/** What seals say of one chain on one day. */
export type SealedChain = {
  /** By sequence; those that were met are taken out. */
  readonly heads: Map<number, Head>;
  /** Rising: up to `sequence`, records were not in the seal of `notYetAt` (milliseconds), but in a later one. */
  readonly steps: { readonly sequence: number; readonly notYetAt: number | null }[];
};
/** Chains of one day by writer, and when it was sealed last. */
export type SealedDay = { readonly chains: Map<string, SealedChain>; lastSealedAt: number | null };

/** Follows the seals. */
export type SealedHeads = {
  /** Reads all seals that speak of the day. */
  readDay(day: string): Promise<SealedDay>;
  /** Days before this one that were read and have chains left. */
  takeBefore(day: string): (readonly [day: string, sealed: SealedDay])[];
  readonly count: () => number;
  readonly lastSealedAt: () => number | null;
};

/** @param from first day of the window; seals are given from this day on. Null = all */
export function followSeals(
  seals: AsyncIterable<StoredSeal>,
  window: { from: string | null; to: string | null },
  report: ReportFinding,
): SealedHeads {
  const stream = seals[Symbol.asyncIterator]();
  const days = new Map<string, SealedDay>();
  const hashes = new Map<string, string>();
  /** The last seal of each scope, by its first day: which seals could have held a day. */
  const scopes = new Map<string, number>();
  let firstAt: number | null = null;
  let lastAt: number | null = null;
  let count = 0;
  let finishedBefore = "";
  let isAtEnd = false;

  const dayOf = (day: string): SealedDay => {
    const known = days.get(day) ?? { chains: new Map(), lastSealedAt: null };
    days.set(day, known);
    return known;
  };
  const lastSealOf = (day: string): number | null => {
    const times = [...scopes].filter(([first]) => first <= day).map(([, at]) => at);
    return times.length === 0 ? null : Math.max(...times);
  };

  const checkPrevious = (where: string, { previous }: Seal, at: number): void => {
    if (previous === null) {
      if (firstAt !== null && at > firstAt + OVERLAP_MS) {
        report("seal-detached", where, "it names no seal before it, although there are earlier ones");
      }
      return;
    }
    if (window.from !== null && previous.name < window.from) return;
    const hash = hashes.get(previous.name);
    if (hash === undefined) {
      report("seal-missing", `audit-seals/${previous.name}`, `the seal that ${where} was written over is not there`);
    } else if (hash !== previous.sha256) {
      report("seal-changed", `audit-seals/${previous.name}`, `it is not what ${where} was written over`);
    }
  };

  const addHead = (where: string, head: Head): void => {
    const { day, writerId, sequence } = head;
    if ((window.from !== null && day < window.from) || (window.to !== null && day > window.to)) return;
    if (day < finishedBefore) {
      report("seal-changed", where, `it speaks of ${day}~${writerId}, which was closed before`);
      return;
    }
    const { chains } = dayOf(day);
    const chain: SealedChain = chains.get(writerId) ?? { heads: new Map(), steps: [] };
    chains.set(writerId, chain);
    const other = chain.heads.get(sequence);
    if (other !== undefined && (other.hash !== head.hash || other.records !== head.records)) {
      report("seal-changed", where, `it says of ${day}~${writerId}/${sequence} something else than an earlier seal`);
    }
    if (other === undefined) chain.heads.set(sequence, head);
    const last = chain.steps.at(-1);
    if (last === undefined || sequence > last.sequence) chain.steps.push({ sequence, notYetAt: lastSealOf(day) });
  };

  /** Time and first day of the seal; null when it cannot be read. */
  const add = (stored: StoredSeal): { at: number; first: string } | null => {
    count += 1;
    const where = `audit-seals/${stored.name}`;
    hashes.set(stored.name, sha256(stored.text));
    for (const name of hashes.keys()) {
      if (hashes.size <= MAX_KEPT_HASHES) break;
      hashes.delete(name);
    }
    const seal = readSeal(stored);
    if (seal === null) {
      report("seal-changed", where, "it is not a seal of the time in its name");
      return null;
    }
    const at = timeOfSeal(stored.name);
    checkPrevious(where, seal, at);
    const first = firstDayOf(seal.previous);
    for (const head of seal.heads) {
      if (head.day < first) report("seal-changed", where, `it speaks of ${head.day}, which it should not`);
      else addHead(where, head);
    }
    scopes.set(first, Math.max(at, scopes.get(first) ?? 0));
    firstAt ??= at;
    lastAt = Math.max(at, lastAt ?? 0);
    return { at, first };
  };

  return {
    async readDay(day) {
      let closedAt: number | null = null;
      for (const [first, at] of scopes) if (first > day) closedAt = Math.min(at, closedAt ?? at);
      while (!isAtEnd && (closedAt === null || (lastAt ?? 0) <= closedAt + OVERLAP_MS)) {
        const { done, value } = await stream.next();
        isAtEnd = done === true;
        if (done === true) break;
        const added = add(value);
        if (added !== null && added.first > day) closedAt ??= added.at;
      }
      if (day > finishedBefore) finishedBefore = day;
      const sealed = dayOf(day);
      sealed.lastSealedAt = lastSealOf(day);
      return sealed;
    },
    takeBefore(day) {
      const taken = [...days].filter(([known]) => known < day);
      for (const [known] of taken) days.delete(known);
      return taken;
    },
    count: () => count,
    lastSealedAt: () => lastAt,
  };
}

/** When a seal was written that should have held this record and does not, in milliseconds; null when there is none. */
export function missedBy(
  sealed: SealedDay,
  chain: SealedChain | undefined,
  record: { sequence: number; at: string },
): number | null {
  const step = chain?.steps.find(({ sequence }) => sequence >= record.sequence);
  const notYetAt = step === undefined ? sealed.lastSealedAt : step.notYetAt;
  return notYetAt !== null && Date.parse(record.at) + MAX_LATE_MS < notYetAt ? notYetAt : null;
}
