/** Seals: the heads of all chains at a moment, each over the seal before it. Written by the refresh timer. */
import pMap from "p-map";
import { z } from "zod";
import { type RandomBytes, sha256 } from "../ids.ts";
import { utc } from "../time.ts";
import type { AuditMark, AuditPlace, ReadMarks, SealStore, StoredSeal } from "./ports.ts";

/**
 * A record is durable this long after the time that it bears, at the latest, in milliseconds: its caller waits for
 * seconds, a request that was given up lives for minutes, and clocks differ. Ours.
 */
export const MAX_LATE_MS = 3_600_000;
/** Chains that are followed at once. */
const CONCURRENCY = 8;
/** Random bytes in a seal's name: two machines may seal in the same second. */
const NAME_BYTES = 6;

const headSchema = z.strictObject({
  writerId: z.string().min(1),
  day: z.string().regex(/^\d{8}$/),
  sequence: z.int().min(1),
  hash: z.string().min(1),
  records: z.int().min(1),
});
const SEAL_NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]+\.json$/;
const sealSchema = z.strictObject({
  sealedAt: z.string(),
  heads: z.array(headSchema),
  previous: z.strictObject({ name: z.string().regex(SEAL_NAME), sha256: z.string() }).nullable(),
});
/** The last record of one chain on one day; `records` counts those of the day up to it. */
export type Head = Readonly<z.output<typeof headSchema>>;
/** What a seal says. */
export type Seal = Readonly<z.output<typeof sealSchema>>;

/** What sealing needs. */
export type SealDeps = {
  readonly seals: SealStore;
  readonly readMarks: ReadMarks;
  readonly now: () => Date;
  readonly randomBytes: RandomBytes;
};

/**
 * Writes one seal. It reads only what was recorded after the seal before it. Two machines that seal at once write two
 * seals over the same one before them, which is as good as one.
 * @throws UpstreamError AUDIT_UNAVAILABLE
 */
export async function sealTrail(deps: SealDeps): Promise<{ name: string; chains: number }> {
  const now = deps.now();
  const before = await deps.seals.latest(now);
  const previous = before === null ? null : { name: before.name, sha256: sha256(before.text) };
  const sinceDay = firstDayOf(previous);
  // A seal that was tampered with is still named, so that this shows; but nothing is built on what it says.
  const known = (before === null ? null : readSeal(before))?.heads.filter(({ day }) => day >= sinceDay) ?? [];
  const heads = await findHeads(deps.readMarks, known, { sinceDay, untilDay: dayAt(now.getTime() + MAX_LATE_MS) });
  // Clocks differ: a seal is later than the one before it all the same, so that names give the order.
  const sealedAt = utc(new Date(Math.max(now.getTime(), previous === null ? 0 : timeOfSeal(previous.name) + 1000)));
  const seal: Seal = { sealedAt, heads: [...heads], previous };
  const name = `${sealedAt.replaceAll(/[-:]/g, "")}-${Buffer.from(deps.randomBytes(NAME_BYTES)).toString("hex")}.json`;
  await deps.seals.add({ name, text: JSON.stringify(seal) });
  return { name, chains: heads.length };
}

/** Between two heads that are known lie the new records of the first chain, and chains that are new: nothing is read twice. */
async function findHeads(
  readMarks: ReadMarks,
  known: readonly Head[],
  days: { sinceDay: string; untilDay: string },
): Promise<readonly Head[]> {
  const starts: (Head | null)[] = [null, ...known.toSorted(byChain)];
  const found = await pMap(
    starts,
    async (head, index) => {
      const after: AuditPlace = head ?? { day: days.sinceDay, writerId: "", sequence: 0 };
      const before = starts[index + 1] ?? { day: days.untilDay, writerId: "~" };
      const heads: Head[] = head === null ? [] : [head];
      for await (const mark of readMarks({ after, before })) extend(heads, mark);
      return heads;
    },
    { concurrency: CONCURRENCY },
  );
  return found.flat();
}

function extend(heads: Head[], { day, writerId, sequence, hash }: AuditMark): void {
  const last = heads.at(-1);
  const isSame = last !== undefined && last.day === day && last.writerId === writerId;
  if (isSame) heads.pop();
  heads.push({ writerId, day, sequence, hash, records: (isSame ? last.records : 0) + 1 });
}

/** As partitions are ordered. */
function byChain(left: Head, right: Head): number {
  const [a, b] = [`${left.day}~${left.writerId}`, `${right.day}~${right.writerId}`];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** What a seal says; null when it is none, or its name is not of its time. */
export function readSeal({ name, text }: StoredSeal): Seal | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const seal = sealSchema.safeParse(value);
  return seal.success && seal.data.sealedAt === utc(new Date(timeOfSeal(name))) ? seal.data : null;
}

/**
 * The first day whose chains a seal over `previous` holds: what was recorded before the one before it, and long enough
 * to be durable then, is in that one.
 */
export function firstDayOf(previous: Seal["previous"]): string {
  return previous === null ? "00000000" : dayAt(timeOfSeal(previous.name) - MAX_LATE_MS);
}

/** When a seal of this name was made, in milliseconds; 1970 when it is no seal's name. */
export function timeOfSeal(name: string): number {
  const [year, month, day, hour, minute, second] = (SEAL_NAME.exec(name) ?? []).slice(1);
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? 0 : time;
}

/** `yyyyMMdd` in UTC. */
export function dayAt(time: number): string {
  return new Date(time).toISOString().slice(0, 10).replaceAll("-", "");
}
