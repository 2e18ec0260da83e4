/** Options of the SDK clients: few, short retries, and no wait that outlasts the caller. Used by every adapter. */
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { type CloudName, cloudOf } from "../cloud.ts";
import { UpstreamError } from "../errors.ts";
import { mayReceiveToken } from "../token-host.ts";
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

/** Whether a request may go to a URL. */
type MayGo = (url: string) => boolean;

const COMMON_POLICIES = [
  { policy: refuseLongWaits, position: "perRetry" as const },
  { policy: refuseBrokenJson, position: "perCall" as const },
];

/** For vaults of customers. Their tokens go to hosts of the cloud alone, wherever a link or a redirect points. */
export function clientOptions(cloud: CloudName) {
  return guardedOptions((url) => mayReceiveToken(url, cloud));
}

/** For every client of ARM: also its endpoint and scope, which the SDKs of some services would take from the public cloud. */
export function armOptions(cloud: CloudName) {
  const endpoint = cloudOf(cloud).resourceManager;
  const scope = `${endpoint}/.default`;
  return {
    // Stricter than the cloud's hosts: a list's next page is ARM's own as well.
    ...guardedOptions(sameOrigin(endpoint)),
    endpoint,
    credentials: { scopes: [scope] },
    // The same two for clients of the older generator.
    $host: endpoint,
    credentialScopes: [scope],
  };
}

/** For the app's own vault and tables: nothing goes to any other host. @param url of the service */
export function ownOptions(url: string) {
  return guardedOptions(sameOrigin(url));
}

/**
 * For registries of customers: nothing goes to another host or is sent on, since the tokens are in the requests' bodies.
 * @param url of the registry
 */
export function registryOptions(url: string, cloud: CloudName) {
  const isOwn = sameOrigin(url);
  return { ...guardedOptions((to) => isOwn(to) && mayReceiveToken(to, cloud)), redirectOptions: { maxRetries: 0 } };
}

/**
 * For the content of a registry, whose calls are repeated by what governs all of them: every answer comes back as it is.
 * @param policies what its answers are read by
 */
export function contentOptions(url: string, cloud: CloudName, policies: readonly PipelinePolicy[]) {
  const { additionalPolicies, ...options } = registryOptions(url, cloud);
  const own = policies.map((policy) => ({ policy, position: "perCall" as const }));
  return {
    ...options,
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [
      ...own,
      ...additionalPolicies.filter((one) => !COMMON_POLICIES.some(({ policy }) => policy === one.policy)),
    ],
  };
}

/**
 * For an API server of a customer's cluster: its host alone, and no redirect is followed.
 * @param policies what its answers are read by, in place of what ARM's are
 */
export function clusterOptions(url: string, policies: readonly PipelinePolicy[]) {
  const { additionalPolicies, ...options } = guardedOptions(sameOrigin(url));
  const own = policies.map((policy) => ({ policy, position: "perCall" as const }));
  return {
    ...options,
    redirectOptions: { maxRetries: 0 },
    additionalPolicies: [...own, ...additionalPolicies.filter(({ policy }) => policy !== refuseBrokenJson)],
  };
}

/** For blobs: their client counts tries, never waits for Retry-After, and takes no policy, so it follows no redirect. */
export const BLOB_OPTIONS = {
  retryOptions: { maxTries: MAX_RETRIES + 1, retryDelayInMs: RETRY_DELAY_MS, maxRetryDelayInMs: MAX_RETRY_DELAY_MS },
  redirectOptions: { maxRetries: 0 },
};

/**
 * For blobs of customers.
 * @param url of the service
 * @throws UpstreamError UPSTREAM_REFUSED for a host that is none of the cloud's
 */
export function blobOptions(url: string, cloud: CloudName) {
  if (!mayReceiveToken(url, cloud)) throw refusedHost();
  return BLOB_OPTIONS;
}

/** Narrower than mayReceiveToken, for clients whose one host is known: ARM's is one that mayReceiveToken takes. */
function sameOrigin(own: string): MayGo {
  const { origin } = new URL(own);
  return (url) => new URL(url).origin === origin;
}

function guardedOptions(mayGo: MayGo) {
  return {
    retryOptions,
    additionalPolicies: [
      ...COMMON_POLICIES,
      // The first refuses before a token is asked for, the second what a redirect made of the request.
      { policy: refuseHosts("refuseHosts", mayGo), position: "perCall" as const },
      { policy: refuseHosts("refuseHostsOfRedirects", mayGo), position: "perRetry" as const },
    ],
  };
}

function refuseHosts(name: string, mayGo: MayGo): PipelinePolicy {
  return {
    name,
    async sendRequest(request, next) {
      if (!mayGo(request.url)) throw refusedHost();
      const response = await next(request);
      const to = response.status >= 300 && response.status < 400 ? response.headers.get("location") : undefined;
      // The SDKs do not follow it either, and stumble over what is no answer.
      if (to !== undefined && !isSameOrigin(to, request.url)) throw refusedHost();
      return response;
    },
  };
}

function isSameOrigin(to: string, from: string): boolean {
  return URL.canParse(to, from) && new URL(to, from).origin === new URL(from).origin;
}

/** The host is not repeated: it is not ours. */
function refusedHost(): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    "An answer pointed to a host that is none of this service's or this cloud's; nothing was sent there.",
    { retryable: false },
  );
}
