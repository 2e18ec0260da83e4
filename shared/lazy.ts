/** Runs something expensive at its first use only, e.g. loading an SDK. */

/** Calls `make` once and shares its promise; a failure is forgotten, so that the next call tries again. */
export function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    if (made === null) {
      made = make();
      made.catch(() => {
        made = null;
      });
    }
    return made;
  };
}
