/** The way to a registry's content: one try each, bounded answers, refusals with the registry's code. Used by acr-calls.ts. */
import type { HttpClient, PipelinePolicy } from "@azure/core-rest-pipeline";
import type { PathUncheckedResponse } from "@azure-rest/core-client";
import { lazy } from "../lazy.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { contentOptions } from "./client-options.ts";
import { codeOf, refusalOf } from "./registry-answers.ts";
import type { RegistrySignIn } from "./registry-calls.ts";
import { registryOrigin } from "./registry-host.ts";

/** A request of a registry. */
export type ContentRequest = {
  readonly method: "GET" | "PATCH" | "DELETE";
  /** Whole, on the registry's own host. */
  readonly url: string;
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: object;
  /** Largest answer that is read, unpacked, in bytes. */
  readonly maxBytes: number;
};
/** An answer that the caller has to understand. */
export type ContentAnswer = {
  readonly status: number;
  /** Of the refusal; null when the answer is none of a registry. */
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The object that was sent; null for anything else. */
  readonly json: object | null;
  /** As it was sent. */
  readonly text: string;
};
/** A way to one registry. */
export type ContentTransport = {
  readonly origin: string;
  /**
   * Sends once.
   * @param understand reads the answer; undefined: it is a refusal
   * @throws RestError with the registry's status and code, BrokenAnswerError for what no registry answers
   */
  send<T>(
    request: ContentRequest,
    token: string,
    signal: AbortSignal,
    understand: (answer: ContentAnswer) => T | undefined,
  ): Promise<T>;
};

const restModule = lazy(() => import("@azure-rest/core-client"));

/**
 * @param now for dates in Retry-After, where an answer has no date of its own
 * @throws UpstreamError UPSTREAM_REFUSED for a registry whose host is none of its own
 */
export function openTransport(
  { registry, signIn }: RegistrySignIn,
  now: () => Date,
  more: { readonly httpClient?: HttpClient } = {},
): ContentTransport {
  const origin = registryOrigin(registry, signIn.cloud);
  const rest = lazy(async () => {
    const { createRestError, getClient } = await restModule();
    const options = contentOptions(origin, signIn.cloud, [datesToSeconds(now)]);
    return { createRestError, client: getClient(origin, { ...options, ...more }) };
  });
  return {
    origin,
    async send(request, token, abortSignal, understand) {
      const { createRestError, client } = await rest();
      const { method, accept, body, maxBytes } = request;
      let text = "";
      let isTooLarge = false;
      const options = {
        headers: { authorization: `Bearer ${token}` },
        abortSignal,
        ...(accept !== undefined && { accept }),
        ...(body !== undefined && { body, contentType: "application/json" }),
        onResponse: (raw: { readonly bodyAsText?: string | null }) => {
          text = raw.bodyAsText ?? "";
        },
        onDownloadProgress: ({ loadedBytes }: { readonly loadedBytes: number }) => {
          if (loadedBytes <= maxBytes) return;
          isTooLarge = true;
          throw new Error("The answer is too large.");
        },
      };
      const path = client.pathUnchecked(request.url);
      const sent =
        method === "GET" ? path.get(options) : method === "PATCH" ? path.patch(options) : path.delete(options);
      let response: PathUncheckedResponse;
      try {
        response = await sent;
      } catch (error) {
        if (isTooLarge) throw tooLarge();
        throw isUnreadable(error) ? brokenAnswer(error.response) : error;
      }
      const status = Number(response.status);
      const json = typeof response.body === "object" && response.body !== null ? response.body : null;
      const code = codeOf(json);
      const understood = understand({ status, code, headers: response.headers, json, text });
      if (understood !== undefined) return understood;
      // What a stranger refuses, or grants, is no fact about the registry.
      if (status < 300 || (code === null && status !== 429)) {
        const header = (name: string) => response.headers[name];
        throw new BrokenAnswerError({ status, headers: { get: header } });
      }
      throw refusalOf(createRestError, response);
    },
  };
}

/** @throws never */
function tooLarge(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}

type Unreadable = {
  readonly response: { readonly status: number; readonly headers: { get(name: string): string | undefined } };
};

/** What says that it is JSON and is not. */
function isUnreadable(error: unknown): error is Error & Unreadable {
  return error instanceof Error && Reflect.get(error, "code") === "PARSE_ERROR" && Reflect.has(error, "response");
}

function brokenAnswer(response: Unreadable["response"]): BrokenAnswerError {
  return new BrokenAnswerError(response);
}

/** Retry-After may be a date, which is told by the registry's own clock. */
const datesToSeconds = (now: () => Date): PipelinePolicy => ({
  name: "datesToSeconds",
  async sendRequest(request, next) {
    const response = await next(request);
    const until = Date.parse(response.headers.get("retry-after") ?? "");
    if (!/[a-z]/i.test(response.headers.get("retry-after") ?? "") || Number.isNaN(until)) return response;
    const date = Date.parse(response.headers.get("date") ?? "");
    const seconds = Math.ceil((until - (Number.isNaN(date) ? now().getTime() : date)) / 1000);
    response.headers.set("retry-after", String(Math.max(0, seconds)));
    return response;
  },
});
