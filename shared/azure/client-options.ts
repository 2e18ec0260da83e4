/** Options of the SDK clients: few, short retries, and no wait that outlasts the caller. Used by every adapter. */
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { refuseBrokenJson } from "./broken-answers.ts";

/** Two retries: a longer outage is the caller's to wait for, and it is told so. */
const MAX_RETRIES = 2;
const RETRY_DELAY_MS = 200;
const MAX_RETRY_DELAY_MS = 2_000;
/** Longest Retry-After that is waited for here. The SDKs would sleep through a minute of it. */
const MAX_RETRY_AFTER_SECONDS = 3;

/** Azure asked to be left alone for longer than a caller waits. */
export class ThrottledError extends Error {
  override readonly name = "ThrottledError";
  readonly statusCode: number;
  readonly retryAfterSeconds: number;
  constructor(statusCode: number, retryAfterSeconds: number) {
    super(`throttled for ${retryAfterSeconds} s`);
    this.statusCode = statusCode;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Ends the operation at once: the SDK's own retries pass on only what is not its own kind of error. */
const refuseLongWaits: PipelinePolicy = {
  name: "refuseLongWaits",
  async sendRequest(request, next) {
    const response = await next(request);
    const seconds = retryAfterSeconds(response.headers.get("retry-after"));
    if ((response.status === 429 || response.status === 503) && seconds !== null && seconds > MAX_RETRY_AFTER_SECONDS) {
      throw new ThrottledError(response.status, seconds);
    }
    return response;
  },
};

/** Whole seconds of a Retry-After header; null when it is absent or a date. */
export function retryAfterSeconds(header: string | undefined): number | null {
  const seconds = Number(header ?? Number.NaN);
  return Number.isInteger(seconds) && seconds > 0 ? seconds : null;
}

const retryOptions = { maxRetries: MAX_RETRIES, retryDelayInMs: RETRY_DELAY_MS, maxRetryDelayInMs: MAX_RETRY_DELAY_MS };
/** For sign-ins: the sign-in library treats throttling by itself. */
export const IDENTITY_OPTIONS = { retryOptions };
/** For ARM, Key Vault and tables. */
export const CLIENT_OPTIONS = {
  retryOptions,
  additionalPolicies: [
    { policy: refuseLongWaits, position: "perRetry" as const },
    { policy: refuseBrokenJson, position: "perCall" as const },
  ],
};
/** For blobs, whose client counts tries and never waits for Retry-After. */
export const BLOB_OPTIONS = {
  retryOptions: { maxTries: MAX_RETRIES + 1, retryDelayInMs: RETRY_DELAY_MS, maxRetryDelayInMs: MAX_RETRY_DELAY_MS },
};
