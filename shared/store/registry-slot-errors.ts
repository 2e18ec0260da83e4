/** What the table of registries' passwords refuses. Used by registry-slots.ts and registry-slot-renewals.ts. */
import { ConflictError, UpstreamError } from "../errors.ts";

/** The lease holds no password any more, and gets none. */
export function closedLease(): ConflictError {
  return new ConflictError("LEASE_CLOSED", "The lease has ended meanwhile. Ask for a new credential.");
}

/** Somebody else has the rows; what they say then is true. */
export function takenOver(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "Another process works on the same lease. Try again.", {
    retryable: true,
    retryAfterSeconds: 1,
  });
}

/** One renewal at a time, so that none takes away what another has just given. */
export function renewedLease(): ConflictError {
  return new ConflictError(
    "LEASE_CLOSED",
    "Another request renews the lease, or has just renewed it. Use what that one was answered, or repeat in two minutes.",
  );
}
