/** What is known of one connector and type: when each place was listed, what failed there, and where its items are kept. Pure. */
import { z } from "zod";

/** Milliseconds after which a place is listed anew when somebody asks: new resources show within this time by themselves. */
export const INVENTORY_MAX_AGE_MS = 15 * 60_000;
/** Milliseconds after which a place that failed is tried again. */
export const RETRY_AFTER_FAILURE_MS = 60_000;

/** A part of the items of a place: what a chunk is in, and the key of its first item. */
const chunkSchema = z.object({ segment: z.string(), part: z.int().min(0), first: z.string() });
/** See chunkSchema. */
export type Chunk = z.output<typeof chunkSchema>;

const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** False: trying again cannot help until somebody changes something in Azure. */
  isRetryable: z.boolean(),
  /** Not tried again before. */
  until: z.iso.datetime(),
});
/** Why a place was not listed. */
export type PlaceFailure = z.output<typeof failureSchema>;

const sectionSchema = z.object({
  /** What is listed: the ARM id of a subscription, group or account, `/subscriptions` for all that are visible, or one resource. */
  place: z.string(),
  /** In whose list it was found; null: the connector's limits name it. */
  parent: z.string().nullable(),
  /** Of an account, for the provider's limit. */
  location: z.string().nullable(),
  /** When the items were read; null: never, or they are not to be seen any more. */
  takenAt: z.iso.datetime().nullable(),
  /** When it was last listed or failed; null: not reached yet. */
  triedAt: z.iso.datetime().nullable(),
  failure: failureSchema.nullable(),
  count: z.int().min(0),
  /** What all ids of the items begin with. */
  prefix: z.string(),
  /** In order of the keys. */
  chunks: z.array(chunkSchema),
});
/** One place of an inventory. */
export type Section = z.output<typeof sectionSchema>;

/** Form of the stored summary. */
export const indexSchema = z.object({
  /** Names the limits and the sign-in under which everything was read; others see other things. */
  basis: z.string(),
  sections: z.array(sectionSchema),
});
/** See indexSchema. */
export type InventoryIndex = z.output<typeof indexSchema>;

/** Places are compared without case, as ARM does. */
export function keyOfPlace(place: string): string {
  return place.toLowerCase();
}

/** A place of which nothing is known. */
export function newSection(place: string, parent: string | null, location: string | null): Section {
  const nothing = { takenAt: null, triedAt: null, failure: null, count: 0, prefix: "", chunks: [] };
  return { place, parent, location, ...nothing };
}

/** Whether a place is to be listed when somebody asks. */
export function isDue({ triedAt, failure }: Section, now: Date): boolean {
  if (failure !== null) return now.getTime() >= Date.parse(failure.until);
  if (triedAt === null) return true;
  const age = now.getTime() - Date.parse(triedAt);
  // A clock that goes back makes nothing last longer.
  return age < 0 || age >= INVENTORY_MAX_AGE_MS;
}

/** Whether a place is told as pending: what the answer says of it may be missing or old. */
export function isPending(section: Section): boolean {
  return section.failure !== null || section.triedAt === null;
}

/**
 * What lists places before accounts, for they say what there is; then the one that was looked at longest ago, and what
 * was never reached before all others.
 */
export function oldestFirst(left: Section, right: Section): number {
  const [isLeft, isRight] = [left.location === null, right.location === null];
  if (isLeft !== isRight) return isLeft ? -1 : 1;
  const [leftAt, rightAt] = [left.triedAt ?? "", right.triedAt ?? ""];
  if (leftAt !== rightAt) return leftAt < rightAt ? -1 : 1;
  return keyOfPlace(left.place) < keyOfPlace(right.place) ? -1 : 1;
}

/**
 * What two processes know together: of each place what was read last. Which places there are, whoever listed their
 * parent last says.
 * @param mine counts when both are as old; it stays alone when the basis is another
 */
export function mergeIndexes(theirs: InventoryIndex, mine: InventoryIndex): InventoryIndex {
  if (theirs.basis !== mine.basis) return mine;
  const [theirPlaces, myPlaces] = [placesOf(theirs), placesOf(mine)];
  const sections: Section[] = [];
  const add = (places: ReadonlySet<string>) => {
    for (const key of places) {
      const [their, my] = [theirPlaces.sections.get(key), myPlaces.sections.get(key)];
      const isMine = my !== undefined && (their === undefined || (my.triedAt ?? "") >= (their.triedAt ?? ""));
      const newer = isMine ? my : their;
      if (newer === undefined) continue;
      sections.push(newer);
      add((isMine ? myPlaces : theirPlaces).children.get(key) ?? NO_PLACES);
    }
  };
  add(myPlaces.children.get(null) ?? NO_PLACES);
  return { basis: mine.basis, sections };
}
const NO_PLACES: ReadonlySet<string> = new Set();

function placesOf(index: InventoryIndex) {
  const sections = new Map<string, Section>();
  const children = new Map<string | null, Set<string>>();
  for (const section of index.sections) {
    const key = keyOfPlace(section.place);
    const parent = section.parent === null ? null : keyOfPlace(section.parent);
    sections.set(key, section);
    children.set(parent, (children.get(parent) ?? new Set()).add(key));
  }
  return { sections, children };
}

/** The age of what is known: of the place that was read longest ago; null when nothing was read. */
export function takenAt(sections: readonly Section[]): string | null {
  const times = sections.flatMap((section) => (section.takenAt === null ? [] : [section.takenAt]));
  return times.length === 0 ? null : times.reduce((oldest, time) => (time < oldest ? time : oldest));
}
