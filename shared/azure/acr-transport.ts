/** The way to a registry's content: one try each, bounded answers, refusals with the registry's code. Used by acr-calls.ts. */
import { addAbortSignal, Readable } from "node:stream";
import type { HttpClient, PipelinePolicy } from "@azure/core-rest-pipeline";
import type { HttpNodeStreamResponse, PathUncheckedResponse } from "@azure-rest/core-client";
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
 * @param more.policies how requests are sent
 * @param now for dates in Retry-After, where an answer has no date of its own
 * @throws UpstreamError UPSTREAM_REFUSED for a registry whose host is none of its own
 */
export function openTransport(
  { registry, signIn }: RegistrySignIn,
  now: () => Date,
  more: { readonly httpClient?: HttpClient; readonly policies?: readonly PipelinePolicy[] } = {},
): ContentTransport {
  const { policies = [], ...wire } = more;
  const origin = registryOrigin(registry, signIn.cloud);
  const rest = lazy(async () => {
    const { createRestError, getClient } = await restModule();
    const options = contentOptions(origin, signIn.cloud, [datesToSeconds(now), ...policies]);
    return { createRestError, client: getClient(origin, { ...options, ...wire }) };
  });
  return {
    origin,
    async send(request, token, abortSignal, understand) {
      const { createRestError, client } = await rest();
      const { method, accept, body, maxBytes } = request;
      const options = {
        headers: { authorization: `Bearer ${token}` },
        abortSignal,
        ...(accept !== undefined && { accept }),
        ...(body !== undefined && { body, contentType: "application/json" }),
      };
      const path = client.pathUnchecked(request.url);
      const sent =
        method === "GET" ? path.get(options) : method === "PATCH" ? path.patch(options) : path.delete(options);
      // As a stream: what the SDK reads whole has no end where the connection is cut while its size is watched.
      const streamed = await sent.asNodeStream();
      const text = await readText(streamed, maxBytes, abortSignal);
      const json = objectOf(text);
      const response: PathUncheckedResponse = { ...streamed, body: json };
      const status = Number(response.status);
      const code = codeOf(json);
      const understood = understand({ status, code, headers: response.headers, json, text });
      if (understood !== undefined) return understood;
      // What a stranger refuses, or grants, is no fact about the registry.
      if (status < 300 || (code === null && status !== 429)) {
        throw new BrokenAnswerError({ status, headers: headersOf(response.headers) });
      }
      throw refusalOf(createRestError, response);
    },
  };
}

/** @throws BrokenAnswerError for what is too large or ends before its end; the signal's reason */
async function readText({ status, headers, body }: HttpNodeStreamResponse, maxBytes: number, signal: AbortSignal) {
  if (body === undefined) return "";
  const broken = () =>
    new BrokenAnswerError({ status: Number(status) === 429 ? 429 : 502, headers: headersOf(headers) });
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of addAbortSignal(signal, Readable.from(body))) {
      const part = Buffer.from(chunk);
      bytes += part.length;
      if (bytes > maxBytes) throw broken();
      chunks.push(part);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof BrokenAnswerError ? error : broken();
  }
  return Buffer.concat(chunks).toString("utf8");
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return { get: (name: string): string | undefined => headers[name] };
}

function objectOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
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
