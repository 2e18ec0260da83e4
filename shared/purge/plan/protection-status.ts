/** Which manifests go and which stay while it is found out what hangs together, and what is still to be read for it. Used by protect.ts. */

/** `follows`: no rule took it, and it refers to something that goes. `undecided`: it may still come to follow something. */
export const GOES = 0;
export const FOLLOWS = 1;
export const UNDECIDED = 2;
export const STAYS = 3;
/** One of the four. */
export type Status = typeof GOES | typeof FOLLOWS | typeof UNDECIDED | typeof STAYS;

/**
 * What is not known of pairs of one that goes and one that stays: who of those that go refers to one that stays (bodies of
 * those that go, or referrers of those that stay), and the other way round.
 */
export type Unknowns = {
  readonly bodiesOfGoing: ReadonlySet<number>;
  readonly referrersOfStaying: ReadonlySet<number>;
  readonly bodiesOfStaying: ReadonlySet<number>;
  readonly referrersOfGoing: ReadonlySet<number>;
};

/** The statuses of all manifests, and Unknowns that are right at any time. */
export type Statuses = {
  get(manifest: number): Status;
  set(manifest: number, status: Status): void;
  /** Its subject came to be known. */
  bodyKnown(manifest: number): void;
  /** All that refer to it came to be known. */
  referrersKnown(manifest: number): void;
  readonly undecided: ReadonlySet<number>;
  readonly unknowns: Unknowns;
};

/**
 * @param mayReferUnknown whether a manifest may have a subject that is not known
 */
export function statuses(first: readonly Status[], mayReferUnknown: (manifest: number) => boolean): Statuses {
  const status = Uint8Array.from(first);
  const isBodyUnknown = Uint8Array.from(first, (_, manifest) => Number(mayReferUnknown(manifest)));
  const areReferrersUnknown = new Uint8Array(first.length).fill(1);
  const unknowns = {
    bodiesOfGoing: new Set<number>(),
    referrersOfStaying: new Set<number>(),
    bodiesOfStaying: new Set<number>(),
    referrersOfGoing: new Set<number>(),
  };
  const undecided = new Set<number>();
  const sort = (manifest: number) => {
    const now = status[manifest];
    const put = (set: Set<number>, isIn: boolean) => (isIn ? set.add(manifest) : set.delete(manifest));
    const isUnknown = isBodyUnknown[manifest] === 1;
    const isUnasked = areReferrersUnknown[manifest] === 1;
    put(undecided, now === UNDECIDED);
    put(unknowns.bodiesOfGoing, isUnknown && now === GOES);
    put(unknowns.bodiesOfStaying, isUnknown && (now === STAYS || now === UNDECIDED));
    put(unknowns.referrersOfStaying, isUnasked && now === STAYS);
    put(unknowns.referrersOfGoing, isUnasked && (now === GOES || now === FOLLOWS));
  };
  for (const manifest of first.keys()) sort(manifest);
  return {
    get: (manifest) => toStatus(status[manifest]),
    set(manifest, next) {
      status[manifest] = next;
      sort(manifest);
    },
    bodyKnown(manifest) {
      isBodyUnknown[manifest] = 0;
      sort(manifest);
    },
    referrersKnown(manifest) {
      areReferrersUnknown[manifest] = 0;
      sort(manifest);
    },
    undecided,
    unknowns,
  };
}

/** Statuses are only ever written by `set`: what is none of the three stays. */
function toStatus(value: number | undefined): Status {
  return value === GOES || value === FOLLOWS || value === UNDECIDED ? value : STAYS;
}
