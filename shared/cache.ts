/** Keeps what was read for a short while: bounded, one read in flight per key. Used by shared/connectors/known.ts. */

/** Reads through the cache: `load` runs only when nothing fresh is known. `isDoubted`: what is known has proved wrong. */
export type Cache<V> = (key: string, load: () => Promise<V | null>, isDoubted?: boolean) => Promise<V | null>;

/**
 * A failure, or that nothing was found, is forgotten at once: what is made now must be seen by the next call.
 * @param options.maxAgeMs milliseconds, counted from before the read
 * @param options.maxEntries the one that was read longest ago goes first
 */
export function createCache<V>(options: { maxAgeMs: number; maxEntries: number; now: () => Date }): Cache<V> {
  const kept = new Map<string, { readAt: number; value: Promise<V | null> }>();
  return (key, load, isDoubted = false) => {
    const at = options.now().getTime();
    const known = isDoubted ? undefined : kept.get(key);
    // A clock that goes back makes nothing last longer.
    if (known !== undefined && known.readAt <= at && at < known.readAt + options.maxAgeMs) return known.value;
    const value = load();
    kept.delete(key);
    kept.set(key, { readAt: at, value });
    const forget = () => kept.get(key)?.value === value && kept.delete(key);
    value.then((found) => found === null && forget(), forget);
    const [oldest] = kept.keys();
    if (kept.size > options.maxEntries && oldest !== undefined) kept.delete(oldest);
    return value;
  };
}
