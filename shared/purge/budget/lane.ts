/** One kind of calls of one registry: how many at once, and when none at all. Used by budget.ts. */
import { type MayStillSend, TooLateError } from "../may-still-send.ts";
import { createPace } from "./pace.ts";

/** Most calls of one kind at once. */
export const MAX_CALLS_AT_ONCE = 32;
/** Wait after a refusal that does not say how long, in milliseconds: doubled as long as nothing succeeds, up to the second. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;
/** Added to such a wait at most, as a part of it: several services that were refused together would come back together. */
const JITTER_SHARE = 0.25;
/** Looked at again after so long at the latest, in milliseconds: timers cannot hold any time. */
const LONGEST_SLEEP_MS = 60_000;

/** What time is to the budget. */
export type LaneClock = {
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  /** Ends after so many milliseconds, or rejects when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 up to 1, without 1. */
  readonly random: () => number;
};

/** A place in a lane, to be given back. */
export type Turn = {
  /** It was answered; `succeeded`: as it was meant. */
  end(how: "succeeded" | "failed"): void;
  /** The registry is asked too much: nobody calls for so long. @param waitMs null: it does not say */
  refused(waitMs: number | null): void;
};
/**
 * Waits for a turn; those who come first go first.
 * @throws the signal's reason; TooLateError when the turn comes and nothing may be sent any more
 */
export type Lane = (signal: AbortSignal, mayStillSend: MayStillSend) => Promise<Turn>;

/** @param perMinute the rate that is documented */
export function createLane({ clock, wait, random }: LaneClock, perMinute: number): Lane {
  const pace = createPace(perMinute, clock());
  /** Each begins, or says that it does not any more. */
  const waiting = new Set<() => boolean>();
  let running = 0;
  let allowed = MAX_CALLS_AT_ONCE;
  let succeeded = 0;
  let closedUntil = Number.NEGATIVE_INFINITY;
  let refusedInARow = 0;
  /** Calls that were under way when the registry first refused say nothing new when they are refused too. */
  let round = 0;
  let sleep: AbortController | null = null;

  const goOn = (): void => {
    while (waiting.size > 0 && running < allowed) {
      const now = clock();
      const ms = Math.max(closedUntil - now, pace.delay(now));
      if (ms > 0) {
        sleepFor(ms);
        return;
      }
      const [next] = waiting;
      if (next === undefined) return;
      waiting.delete(next);
      if (!next()) continue;
      running += 1;
      pace.take(now);
    }
  };
  const sleepFor = (ms: number): void => {
    if (sleep !== null) return;
    const own = new AbortController();
    sleep = own;
    const wake = () => {
      sleep = null;
      goOn();
    };
    wait(Math.min(ms, LONGEST_SLEEP_MS), own.signal).then(wake, wake);
  };
  const leave = (): void => {
    running -= 1;
    goOn();
  };
  const close = (waitMs: number | null, isNew: boolean): void => {
    const now = clock();
    if (isNew) {
      round += 1;
      refusedInARow += 1;
      allowed = Math.max(1, Math.floor(allowed / 2));
      succeeded = 0;
    }
    // Those of the same round that are not told how long wait as the first of them.
    if (waitMs === null && !isNew) return;
    const doubled = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (refusedInARow - 1));
    const ms = waitMs ?? doubled * (1 + JITTER_SHARE * random());
    closedUntil = Math.max(closedUntil, now + ms);
    pace.refused(now, ms);
  };

  const turn = (): Turn => {
    const begun = round;
    return {
      end(how) {
        if (how === "succeeded") {
          refusedInARow = 0;
          succeeded += 1;
          if (succeeded >= allowed) {
            succeeded = 0;
            allowed = Math.min(MAX_CALLS_AT_ONCE, allowed + 1);
          }
        }
        leave();
      },
      refused(waitMs) {
        close(waitMs, begun === round);
        leave();
      },
    };
  };

  return (signal, mayStillSend) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const start = () => {
        signal.removeEventListener("abort", giveUp);
        const isInTime = mayStillSend();
        if (isInTime) resolve(turn());
        else reject(new TooLateError());
        return isInTime;
      };
      const giveUp = () => {
        waiting.delete(start);
        // A timer that nobody waits for would keep the process.
        if (waiting.size === 0) sleep?.abort();
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      waiting.add(start);
      goOn();
    });
}
