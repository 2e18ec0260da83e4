/** Who refers to whom, in two numbers a manifest. Used by protect.ts. */

/** Each manifest has one subject at most; those that refer to the same one are a linked list. */
export type ReferrerLists = {
  /** False: it has one already. */
  add(referrer: number, subject: number): boolean;
  subject(manifest: number): number | null;
  referrers(manifest: number): readonly number[];
  /** It, what refers to it, what refers to that: as far as each fits. Each is asked again when it is its turn. */
  withReferrers(begin: number, fits: (manifest: number) => boolean): Generator<number>;
};

const NONE = -1;

/** Nothing refers to anything yet. */
export function referrerLists(manifests: number): ReferrerLists {
  const subjects = new Int32Array(manifests).fill(NONE);
  const firstReferrer = new Int32Array(manifests).fill(NONE);
  const nextReferrer = new Int32Array(manifests).fill(NONE);
  const referrers = (manifest: number) => {
    const found: number[] = [];
    for (let one = firstReferrer[manifest] ?? NONE; one !== NONE; one = nextReferrer[one] ?? NONE) found.push(one);
    return found;
  };
  return {
    add(referrer, subject) {
      if (subjects[referrer] !== NONE) return false;
      subjects[referrer] = subject;
      nextReferrer[referrer] = firstReferrer[subject] ?? NONE;
      firstReferrer[subject] = referrer;
      return true;
    },
    subject(manifest) {
      const subject = subjects[manifest] ?? NONE;
      return subject === NONE ? null : subject;
    },
    referrers,
    *withReferrers(begin, fits) {
      const rest = [begin];
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
        if (!fits(one)) continue;
        yield one;
        for (const referrer of referrers(one)) rest.push(referrer);
      }
    },
  };
}
