/** How processes that write the same rows at the same time get out of each other's way. Used by lease-writer.ts and registry-slots.ts. */

/** Tries against other processes. */
export const MAX_ATTEMPTS = 12;
/** Longest wait before a repetition, in milliseconds; it doubles with each up to MAX_BACKOFF_MS. */
const FIRST_BACKOFF_MS = 10;
const MAX_BACKOFF_MS = 320;

/**
 * Milliseconds to wait after so many tries that met somebody.
 * @param tries 1 and up
 * @param random 0 to 1: parts those that met
 */
export function backoffMs(tries: number, random: () => number): number {
  return random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** tries);
}
