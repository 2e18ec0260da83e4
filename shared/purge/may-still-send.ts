/** Whether a change of a registry may still be sent, asked at the last moment. Used by lane.ts, the slices of an apply and shared/azure/acr-calls.ts. */

/**
 * Asked before each try of a change, when its turn has come and right before it is sent: while it waited, what it was decided
 * by may have grown too old, and the machine may have slept.
 */
export type MayStillSend = () => boolean;

/**
 * How long one try of a change may be under way, in milliseconds: one that was sent is over so long after MayStillSend was
 * asked. All tries of one deletion, with the waits between them, end within the 30 seconds for which its re-check is good, so
 * that a registry that hangs fails it. One that comes late is found to be done.
 */
export const CHANGE_TRY_MS = 5_000;

/** Thrown for a change that came too late: this try was not sent, or was given up. */
export class TooLateError extends Error {
  /** A try of it may have been carried out. */
  readonly mayBeDone: boolean;
  constructor(mayBeDone = true) {
    super("The call waited for longer than what it was decided by is good for.");
    this.name = "TooLateError";
    this.mayBeDone = mayBeDone;
  }
}
