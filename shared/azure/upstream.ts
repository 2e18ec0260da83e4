/** One way to call Azure: a time limit, and errors that say what failed without carrying it along. */
import { LatchkeyError, type UpstreamCode, UpstreamError } from "../errors.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { retryAfterSeconds, ThrottledError } from "./client-options.ts";

/** Longest wait for one operation with its retries, unless it says more; a caller's HTTP client usually gives up after 30 s. */
export const UPSTREAM_TIMEOUT_MS = 15_000;
/** A code of Azure's that is safe to repeat: a bare word. */
const CODE = /^\w{1,80}$/;

/** What an SDK error says, without its request: that would carry the token. */
export type Failure = {
  readonly name: string;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  /** The service's own error code. */
  readonly code: string | null;
  readonly retryAfterSeconds: number | null;
};

/** Runs a call to a service of the app's own (vault, state); any failure is `unavailable`, 503; retryable unless it refused the request itself. */
export async function callOwn<T>(
  unavailable: "VAULT_UNAVAILABLE" | "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE",
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withinLimit(call);
  } catch (error) {
    // What is neither ours nor Azure's is a defect, and must not look like a passing outage.
    if (error instanceof LatchkeyError || !isAzureFailure(error)) throw error;
    const failure = failureOf(error);
    const { name, status, retryAfterSeconds } = failure;
    // A sign-in that failed has a status too, which says nothing of the request.
    const retryable = name !== "RestError" || status === null || !REFUSED_FOR_GOOD.has(status);
    const what = retryable
      ? `did not do its part${statusText(failure)}. Try again.`
      : `refused the request${statusText(failure)}. Repeating it changes nothing.`;
    throw new UpstreamError(unavailable, `${OWN_SERVICE[unavailable]} ${what}`, {
      retryable,
      retryAfterSeconds,
      failure,
    });
  }
}
/** What is not well formed, or too large, is so the next time too. */
const REFUSED_FOR_GOOD: ReadonlySet<number> = new Set([400, 413]);
const OWN_SERVICE = {
  VAULT_UNAVAILABLE: "The service's key vault",
  STATE_UNAVAILABLE: "The service's state storage",
  AUDIT_UNAVAILABLE: "The audit trail",
} as const;

/**
 * Runs a call with a connector's sign-in, which tells by itself why Entra refuses it.
 * @param what what was tried, for the message: `list the storage accounts`
 * @param remedy what to do when Azure refuses: the missing role and where
 * @param limitMs for what Azure itself takes long for
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export async function callAsConnector<T>(
  what: string,
  remedy: string,
  call: (abortSignal: AbortSignal) => Promise<T>,
  limitMs: number = UPSTREAM_TIMEOUT_MS,
): Promise<T> {
  try {
    return await withinLimit(call, limitMs);
  } catch (error) {
    if (error instanceof LatchkeyError || !isAzureFailure(error)) throw error;
    throw upstreamError(what, remedy, failureOf(error));
  }
}

/** What heeds the signal gets this long to say why it ended: a call inside may know better which service hung. */
const GRACE_MS = 1_000;

/** The limit holds for all: the sign-in library does not heed the signal. What comes later is dropped. */
async function withinLimit<T>(
  call: (abortSignal: AbortSignal) => Promise<T>,
  limitMs: number = UPSTREAM_TIMEOUT_MS,
): Promise<T> {
  const limit = new AbortController();
  const ended = Promise.withResolvers<never>();
  const timeout = () => new DOMException("No answer in time.", "TimeoutError");
  // Cleared afterwards: a timer of a signal would keep all of a call that is long over.
  const timers = [
    setTimeout(() => limit.abort(timeout()), limitMs),
    setTimeout(() => ended.reject(timeout()), limitMs + GRACE_MS),
  ];
  try {
    return await Promise.race([call(limit.signal), ended.promise]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function upstreamError(what: string, remedy: string, failure: Failure): UpstreamError {
  const code: UpstreamCode = failure.status === null ? "UPSTREAM_TIMEOUT" : "UPSTREAM_REFUSED";
  // 501: what the service does not have will not come by waiting.
  const retryable =
    failure.status === null || failure.status === 429 || (failure.status >= 500 && failure.status !== 501);
  const text =
    failure.status === null
      ? `Azure could not be reached, or gave no answer in time, to ${what}. Try again.`
      : `Azure refused to ${what}${statusText(failure)}. ${retryable ? "Try again later." : remedy}`;
  return new UpstreamError(code, text, { retryable, retryAfterSeconds: failure.retryAfterSeconds, failure });
}

function statusText({ status, code }: Failure): string {
  return status === null ? "" : ` (${[status, code].filter((part) => part !== null).join(" ")})`;
}

/** Names of what the Azure SDKs throw when a service refuses, fails, or does not answer. */
const AZURE_FAILURES: ReadonlySet<unknown> = new Set([
  "RestError",
  "ThrottledError",
  "BrokenAnswerError",
  "AbortError",
  "TimeoutError",
  "AuthenticationError",
  "AuthenticationRequiredError",
  "AggregateAuthenticationError",
  "CredentialUnavailableError",
  "ClientAuthError",
  "ServerError",
]);

function isAzureFailure(error: unknown): boolean {
  return AZURE_FAILURES.has(asRecord(error).name);
}

/** Reads the fields that the Azure SDKs' errors share. */
export function failureOf(error: unknown): Failure {
  const fields = asRecord(error);
  const details = asRecord(fields.details);
  // The table service names its code in the body alone.
  const code = [fields.code, details.errorCode, details.code, asRecord(details.odataError).code].find(
    (value) => typeof value === "string" && CODE.test(value),
  );
  const header =
    error instanceof BrokenAnswerError ? error.retryAfter : headerOf(asRecord(fields.response).headers, "retry-after");
  const asked = error instanceof ThrottledError ? error.retryAfterSeconds : null;
  return {
    name: typeof fields.name === "string" ? fields.name : "Error",
    status: typeof fields.statusCode === "number" ? fields.statusCode : null,
    code: typeof code === "string" ? code : null,
    retryAfterSeconds: asked ?? retryAfterSeconds(header),
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function headerOf(headers: unknown, name: string): string | undefined {
  const get = asRecord(headers).get;
  const value: unknown = typeof get === "function" ? get.call(headers, name) : undefined;
  return typeof value === "string" ? value : undefined;
}
