/** The rate that a registry documents, as a bucket. It holds nobody back until the registry says that it counts. Used by budget.ts. */

/** A wait that is worth not running into, in milliseconds. Shorter ones cost less than going slower would. */
const LONG_WAIT_MS = 5_000;
/** The documented rate explains a refusal when no more than this part of a minute's calls was left. */
const SPENT_SHARE = 0.2;
/** Part of a minute's calls that is not used: calls do not arrive as evenly as they are sent. */
const MARGIN_SHARE = 0.02;
/** Without a refusal for so long, in milliseconds, the rate is put to the test again: it may be higher than documented. */
const FORGET_MS = 300_000;

/** Times are milliseconds of one clock that never goes back. */
export type Pace = {
  /** How long nothing may be sent, in whole milliseconds; 0: go on. */
  delay(now: number): number;
  /** Something is sent. */
  take(now: number): void;
  /** Told to wait so long, in milliseconds. */
  refused(now: number, waitMs: number): void;
};

/**
 * A registry that says "next minute" would leave the rest of a run waiting for a few calls. After such a refusal calls go
 * as fast as the documented rate refills, so that the next one does not come.
 * @param perMinute calls a minute, and how many may be sent at once after a quiet minute
 */
export function createPace(perMinute: number, start: number): Pace {
  const perMs = perMinute / 60_000;
  let left = perMinute;
  let at = start;
  let keptUntil = Number.NEGATIVE_INFINITY;
  const refill = (now: number) => {
    left = Math.min(perMinute, left + (now - at) * perMs);
    at = now;
  };
  return {
    delay(now) {
      if (now >= keptUntil) return 0;
      refill(now);
      // Whole: what is left would come to nearly one again and again.
      return left >= 1 ? 0 : Math.ceil((1 - left) / perMs);
    },
    take(now) {
      refill(now);
      left = Math.max(-MARGIN_SHARE * perMinute, left - 1);
    },
    refused(now, waitMs) {
      refill(now);
      const isExplained = now < keptUntil || (waitMs >= LONG_WAIT_MS && left <= SPENT_SHARE * perMinute);
      if (!isExplained) return;
      keptUntil = now + FORGET_MS;
      left = -MARGIN_SHARE * perMinute;
    },
  };
}
