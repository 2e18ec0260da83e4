/** Time that passes only when everything waits for it. Used by the unit tests of what waits. */

/** A clock in milliseconds from 0. */
export type VirtualClock = {
  readonly clock: () => number;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Lets time pass until the work is done. @throws what the work throws, or an Error when nothing waits any more */
  run<T>(work: Promise<T>): Promise<T>;
  /** Waits that are open. */
  readonly open: () => number;
};

export function virtualClock(): VirtualClock {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const pause = () => new Promise<void>((resolve) => void setImmediate(resolve));
  return {
    clock: () => now,
    open: () => timers.size,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const end = () => {
          timers.delete(timer);
          reject(signal?.reason);
        };
        const fire = () => {
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = { at: now + ms, fire };
        signal?.addEventListener("abort", end, { once: true });
        timers.add(timer);
      }),
    async run(work) {
      let isDone = false;
      const end = () => {
        isDone = true;
      };
      work.then(end, end);
      for (;;) {
        await pause();
        if (isDone) return work;
        const next = Math.min(...[...timers].map(({ at }) => at));
        if (timers.size === 0) throw new Error("Nothing waits, and the work is not done.");
        now = Math.max(now, next);
        for (const timer of [...timers].filter(({ at }) => at <= now)) {
          timers.delete(timer);
          timer.fire();
        }
      }
    },
  };
}
