/** How a form says that there is nothing to be removed. Thrown by forms, understood by issue-upstream.ts. */
import { type LatchkeyError, UpstreamError } from "../errors.ts";

/**
 * Azure refused the first thing that was to be made, so nothing is left: an identity without the rights could not even
 * look, and its lease would be tried for hours and then be called irrevocable.
 */
export class NothingMade extends Error {
  /** What the caller is told. */
  readonly refusal: LatchkeyError;
  constructor(refusal: LatchkeyError) {
    super("nothing was made");
    this.name = "NothingMade";
    this.refusal = refusal;
  }
}

/** Whether Azure said no to what was asked, which it then did not do. */
export function isRefused(error: unknown): error is UpstreamError {
  const status = error instanceof UpstreamError ? (error.failure?.status ?? 0) : 0;
  return status === 401 || status === 403;
}
