/** How fast one caller may ask for credentials: a token bucket each. One per process; used by functions/route.ts. */
import { LimitError } from "./errors.ts";

/** A caller that was quiet may ask for this many seconds' worth at once: jobs start together. */
const BURST_SECONDS = 5;
/** Callers that are remembered, at some 100 bytes each; the one that asked longest ago is forgotten, as if it were new. */
const MAX_CALLERS = 10_000;

/** Counts one request of a caller. @throws LimitError RATE_LIMITED */
export type TakeTurn = (caller: string) => void;

/**
 * @param deps.perSecond turns that a caller gets a second, in the long run
 * @param deps.now milliseconds decide; a clock that goes back gives nothing
 */
export function createRateLimit(deps: { perSecond: number; now: () => Date; maxCallers?: number }): TakeTurn {
  const { perSecond, maxCallers = MAX_CALLERS } = deps;
  const burst = perSecond * BURST_SECONDS;
  // In the order of their last turn: a Map keeps the order of insertion.
  const buckets = new Map<string, { turns: number; at: number }>();
  return (caller) => {
    const at = deps.now().getTime();
    const known = buckets.get(caller) ?? { turns: burst, at };
    const gained = (Math.max(0, at - known.at) / 1000) * perSecond;
    const turns = Math.min(burst, known.turns + gained);
    buckets.delete(caller);
    // Who is refused loses nothing: otherwise a client that keeps asking would never get through.
    buckets.set(caller, { turns: turns < 1 ? turns : turns - 1, at: Math.max(at, known.at) });
    const [oldest] = buckets.keys();
    if (buckets.size > maxCallers && oldest !== undefined) buckets.delete(oldest);
    if (turns < 1) {
      throw new LimitError(
        "RATE_LIMITED",
        `More than ${perSecond} credentials a second were asked for. Keep each until its refreshAfter, and ask again later.`,
        (1 - turns) / perSecond,
      );
    }
  };
}
