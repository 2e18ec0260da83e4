/** What stops a slice: its time, a cancel, a cluster that cannot be read, a row that was taken, a defect. Used by apply.ts and its workers. */
import { GIVEN_UP } from "./apply-line.ts";
import { RECHECK_MAX_AGE_SECONDS } from "./freshness.ts";
import type { SliceRow } from "./slice-row.ts";

/** Seconds between two looks at the row; a deletion begins only when the last one began at most twice as long ago. */
export const LOOK_SECONDS = 5;
/** Seconds after which no deletion is under way any more of a slice that lost its row: a look, and what it then aborts. */
export const FENCE_SECONDS = 3 * LOOK_SECONDS;
/** A call that waits longer was re-checked too long ago. */
const CALL_MS = RECHECK_MAX_AGE_SECONDS * 1000;

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
  /** Aborts a call that waits too long, with GIVEN_UP. */
  within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T>;
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

  const tick = async () => {
    while (!isEnded && !hard.signal.aborted) {
      await wait(LOOK_SECONDS * 1000);
      if (isEnded) return;
      for (const [controller, until] of calls) if (clock() >= until) controller.abort(GIVEN_UP);
      await row.look(0).catch((error: unknown) => {
        // What cannot be read now is read again before the next deletion: that fails then.
        if (error instanceof Error && error.name === "HaltError") hard.abort(error);
      });
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
    look: () => row.look(2 * LOOK_SECONDS * 1000),
    async within(call) {
      const controller = new AbortController();
      calls.set(controller, clock() + CALL_MS);
      try {
        return await call(AbortSignal.any([both, controller.signal]));
      } catch (error) {
        both.throwIfAborted();
        controller.signal.throwIfAborted();
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
