/** Time that passes only when everything waits for it, so that hours of a benchmark are seconds. Used by purge-bucket.ts. */

/** Milliseconds from 0. */
export type VirtualTime = {
  readonly clock: () => number;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Lets time pass until the work is done. @throws what the work throws, or an Error when nothing waits any more */
  run<T>(work: Promise<T>): Promise<T>;
};

/** One clock; its open waits are few. */
export function virtualTime(): VirtualTime {
  let now = 0;
  const waits = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    clock: () => now,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const end = () => {
          waits.delete(one);
          reject(signal?.reason);
        };
        const wake = () => {
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const one = { at: now + ms, wake };
        signal?.addEventListener("abort", end, { once: true });
        waits.add(one);
      }),
    async run(work) {
      let isDone = false;
      const end = () => {
        isDone = true;
      };
      work.then(end, end);
      for (;;) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
        if (isDone) return work;
        if (waits.size === 0) throw new Error("Nothing waits, and the work is not done.");
        now = Math.max(now, Math.min(...[...waits].map(({ at }) => at)));
        for (const one of [...waits].filter(({ at }) => at <= now)) {
          waits.delete(one);
          one.wake();
        }
      }
    },
  };
}
