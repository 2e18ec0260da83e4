/** What stops a slice: its time, a cancel, a cluster that cannot be read, a row that was taken, a defect. Used by apply.ts and its workers. */
import { withBoth } from "../../joined-signals.ts";
import { CHANGE_TRY_MS, type MayStillSend, TooLateError } from "../may-still-send.ts";
import type { SliceRow } from "./slice-row.ts";

/** Seconds between two looks at the row. */
export const LOOK_SECONDS = 5;
/** Nothing is sent unless the last look that found the row ours began at most so long ago, milliseconds: a slow one is no lost one. */
const HOLD_MS = 3 * LOOK_SECONDS * 1000;
/**
 * Seconds after which nothing is under way any more of a slice that lost its row, also of one that cannot look: the last look
 * is too old to send anything by then, what was sent is over, and clocks may differ in speed a little.
 */
export const FENCE_SECONDS = (HOLD_MS + CHANGE_TRY_MS) / 1000 + LOOK_SECONDS;
/** After the slice's time is over, nothing is sent after so long: what has waited for its turn is left to the next slice. Milliseconds. */
const LAST_SENT_MS = 10_000;

/** A change of the registry: it is sent only if it may when its turn comes. */
export type ChangeCall<T> = (signal: AbortSignal, mayStillSend: MayStillSend) => Promise<T>;

/** Why nothing more is to be begun. `refused`: with a code, or with what is to be thrown once the record is written. */
export type Stop =
  | { readonly kind: "time" | "cancel" }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "failed"; readonly error: unknown };

/** See the file's head. */
export type ApplyWatch = {
  /** Aborted with the first error that ends the slice at once. */
  readonly signal: AbortSignal;
  /** Ends the slice at once: nothing more is called, nothing is written. */
  fail(error: unknown): void;
  /** Begins nothing more; what is under way is finished and written. */
  stop(stop: Stop): void;
  stopped(): Stop | null;
  /** The row is this slice's. @throws as SliceRow.look */
  look(): Promise<void>;
  /**
   * Nothing of the call is sent unless the row is this slice's, nor after a time.
   * @param until milliseconds since 1970; null: only the row counts
   * @throws TooLateError
   */
  within<T>(until: number | null, call: ChangeCall<T>): Promise<T>;
  /** Ends the watch itself. */
  end(): void;
};

/** What it watches with. */
export type ApplyWatchDeps = {
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  readonly row: SliceRow;
  readonly signal: AbortSignal;
  /** When the slice's time is over, milliseconds since 1970. */
  readonly endAt: number;
};

/** Begins to watch. */
export function openWatch({ now, wait, row, signal, endAt }: ApplyWatchDeps): ApplyWatch {
  const clock = () => now().getTime();
  const hard = new AbortController();
  const calls = new Map<AbortController, number>();
  let stop: Stop | null = null;
  let isEnded = false;
  let isLooking = false;

  const tick = async () => {
    while (!isEnded && !hard.signal.aborted) {
      await wait(LOOK_SECONDS * 1000);
      if (isEnded) return;
      // What was sent in time is over by itself; what still waits for its turn waits in vain.
      for (const [controller, until] of calls) {
        if (clock() >= until + CHANGE_TRY_MS) controller.abort(new TooLateError());
      }
      void look();
    }
  };
  /** The next tick does not wait for it: it may hang. */
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      await row.look(0);
    } catch (error) {
      // What cannot be read now is read again before the next deletion: that fails then.
      if (error instanceof Error && error.name === "HaltError") hard.abort(error);
    } finally {
      isLooking = false;
    }
  };
  tick().catch((error: unknown) => hard.abort(error));

  const both = AbortSignal.any([signal, hard.signal]);
  return {
    signal: both,
    fail: (error) => hard.abort(error),
    stop(next) {
      stop ??= next;
    },
    stopped() {
      if (stop === null && row.isCancelled()) stop = { kind: "cancel" };
      if (stop === null && clock() >= endAt) stop = { kind: "time" };
      return stop;
    },
    look: () => row.look(HOLD_MS),
    async within(until, call) {
      const last = until === null ? Number.POSITIVE_INFINITY : Math.min(until, endAt + LAST_SENT_MS);
      let mayBeDone = false;
      const mayStillSend = () => {
        const now = clock();
        const isInTime = !both.aborted && now < last && now - row.lookedAt() <= HOLD_MS;
        mayBeDone ||= isInTime;
        return isInTime;
      };
      const controller = new AbortController();
      calls.set(controller, last);
      try {
        return await withBoth(both, controller.signal, (signal) => call(signal, mayStillSend));
      } catch (error) {
        both.throwIfAborted();
        if (controller.signal.aborted || error instanceof TooLateError) throw new TooLateError(mayBeDone);
        throw error;
      } finally {
        calls.delete(controller);
      }
    },
    end() {
      isEnded = true;
    },
  };
}
