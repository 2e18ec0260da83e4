/** Two signals as one for the time of one call. Used where a call has a limit of its own and serves something that may end. */

/**
 * As AbortSignal.any, which keeps something of every call for as long as the longer signal lives. Aborted with the reason of
 * the one that was aborted.
 */
export async function withBoth<T>(
  first: AbortSignal,
  second: AbortSignal,
  work: (both: AbortSignal) => Promise<T>,
): Promise<T> {
  const both = new AbortController();
  const signals = [first, second];
  const end = () => both.abort(signals.find(({ aborted }) => aborted)?.reason);
  for (const one of signals) one.addEventListener("abort", end, { once: true });
  try {
    if (first.aborted || second.aborted) end();
    return await work(both.signal);
  } finally {
    for (const one of signals) one.removeEventListener("abort", end);
  }
}
