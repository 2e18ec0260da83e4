/** A number of workers: so many of the given pieces of work run at once, in the order in which they came. Used by apply-group.ts. */

/** Runs a piece of work when a worker is free. */
type Slots = <T>(work: () => Promise<T>) => Promise<T>;

/** Opens `count` of them. */
export function openSlots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
