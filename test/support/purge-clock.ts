/** A clock that jumps to the next thing that is to happen: hours of work pass in milliseconds, in a fixed order. For unit tests. */
import { setImmediate as turn } from "node:timers/promises";

/** @param start milliseconds since 1970 */
export function jumpingClock(start: number) {
  let at = start;
  let made = 0;
  const waiting: { readonly at: number; readonly order: number; readonly wake: () => void }[] = [];
  return {
    now: () => new Date(at),
    /** Resolves when that much time has passed. */
    sleep: (milliseconds: number) =>
      new Promise<void>((wake) => {
        waiting.push({ at: at + milliseconds, order: made++, wake });
      }),
    /** Lets time pass until it has settled. */
    async run<T>(work: Promise<T>): Promise<T> {
      let isSettled = false;
      const settle = () => {
        isSettled = true;
      };
      work.then(settle, settle);
      for (;;) {
        await turn();
        if (isSettled) return work;
        const next = waiting.sort((a, b) => a.at - b.at || a.order - b.order).shift();
        if (next === undefined) throw new Error("Everybody waits for nothing.");
        at = Math.max(at, next.at);
        next.wake();
      }
    },
  };
}
