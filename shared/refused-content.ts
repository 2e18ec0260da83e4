/** Tells a refusal of what was to be written from one of the writing. Used where records of several callers share a write. */
import { UpstreamError } from "./errors.ts";

/**
 * Statuses that say nothing of what was sent: sign-in (401), network or role (403), the table (404), the line (408), the
 * place (409, 412), too much at once (429).
 */
const NOT_OF_CONTENT: ReadonlySet<number> = new Set([401, 403, 404, 408, 409, 412, 429]);

/** Whether a service refused what was in the request, so that it refuses the same again and nothing of it was written. */
export function isRefusedContent(error: unknown): boolean {
  const status = error instanceof UpstreamError ? (error.failure?.status ?? null) : null;
  return status !== null && status >= 400 && status < 500 && !NOT_OF_CONTENT.has(status);
}
