/** How much a registry is asked: one budget for each kind of calls, which all workers share. Used by shared/azure/acr-content.ts. */

import type { MayStillSend } from "../may-still-send.ts";
import { createLane, type LaneClock } from "./lane.ts";

/** Kinds of calls that a registry counts apart. Source: the ACR documentation on service tiers, request limits. */
const CALL_KINDS = ["read", "write", "delete", "referrers"] as const;
/** One of them. */
export type CallKind = (typeof CALL_KINDS)[number];

/** How one try went. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  /** Asked too much. @property waitMs what the registry asks for; null: it does not say */
  | { readonly kind: "throttled"; readonly waitMs: number | null }
  | {
      readonly kind: "failed";
      readonly error: unknown;
      /** It may work the next time. */
      readonly isPassing: boolean;
      /** Nobody knows whether the registry did it. */
      readonly mayBeDone: boolean;
      readonly waitMs: number | null;
    };
/** @param mayBeDone an earlier try of this call may have been carried out */
export type Try<T> = (mayBeDone: boolean) => Promise<Attempt<T>>;

/**
 * Makes a call, as often as it takes. A throttled try is repeated for as long as the signal allows and never fails the
 * call; a passing failure is repeated MAX_TRIES times in all.
 * @param mayStillSend asked before each try; left out: at any time
 * @throws the signal's reason at once when it is aborted; TooLateError; the error of the last failed try; what `attempt` throws
 */
export type Budget = <T>(
  kind: CallKind,
  signal: AbortSignal,
  attempt: Try<T>,
  mayStillSend?: MayStillSend,
) => Promise<T>;

/** Tries that a call has for failures that pass. */
export const MAX_TRIES = 4;
/** Wait before the second try, in milliseconds; doubled for each that follows, and up to a half longer. */
const RETRY_MS = 500;

/** @param deps.perMinute calls a minute that are documented for one identity */
export function createBudget(deps: LaneClock & { readonly perMinute: Readonly<Record<CallKind, number>> }): Budget {
  const lane = (kind: CallKind) => createLane(deps, deps.perMinute[kind]);
  const lanes = { read: lane("read"), write: lane("write"), delete: lane("delete"), referrers: lane("referrers") };
  return async <T>(kind: CallKind, signal: AbortSignal, attempt: Try<T>, mayStillSend = always): Promise<T> => {
    let failures = 0;
    let mayBeDone = false;
    for (;;) {
      const turn = await lanes[kind](signal, mayStillSend);
      const outcome: Attempt<T> = await untilAborted(attempt(mayBeDone), signal).catch((error: unknown) => {
        turn.end("failed");
        throw error;
      });
      if (outcome.kind === "throttled") {
        turn.refused(outcome.waitMs);
        continue;
      }
      turn.end(outcome.kind === "done" ? "succeeded" : "failed");
      if (outcome.kind === "done") return outcome.value;
      failures += 1;
      if (!outcome.isPassing || failures === MAX_TRIES) throw outcome.error;
      mayBeDone ||= outcome.mayBeDone;
      // Without a turn: others go on meanwhile.
      const ms = RETRY_MS * 2 ** (failures - 1) * (1 + deps.random() / 2);
      await untilAborted(deps.wait(Math.max(ms, outcome.waitMs ?? 0), signal), signal);
    }
  };
}

const always: MayStillSend = () => true;

/** @throws the signal's reason as soon as it is aborted, whatever the work does about it */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  try {
    // It may have been aborted before there was anybody to hear it.
    if (signal.aborted) end();
    return await Promise.race([work, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
