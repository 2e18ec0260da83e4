/** A request to the management endpoints, read and answered in their form. Used by endpoints.ts, instance-endpoints.ts and query-endpoints.ts. */
import { emptyReply, type HttpReply } from "../http-messages.ts";

/** A request below the path of the endpoints. */
export type EndpointRequest = {
  readonly method: string;
  /** Decoded, without empty ones. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  /** Value of `x-ms-continuation-token`. */
  readonly continuationToken: string | undefined;
  readonly body: Uint8Array | undefined;
};

export type Headers = readonly (readonly [string, string])[];

export const jsonReply = (status: number, value: unknown, headers: Headers = []): HttpReply => ({
  status,
  headers: [["content-type", "application/json; charset=utf-8"], ...headers],
  body: Buffer.from(JSON.stringify(value)),
});

/** 400 and what is wrong, as the extension says it. */
export const badRequest = (message: string): HttpReply => jsonReply(400, { Message: message });
export const notImplemented = (operation: string): HttpReply =>
  jsonReply(501, { Message: `The local Functions host has no operation ${operation}.` });
export const accepted = (): HttpReply => emptyReply(202);

/** The body as JSON text; null when there is none, undefined when it is no JSON. */
export function jsonText(body: Uint8Array | undefined): string | null | undefined {
  const text = Buffer.from(body ?? [])
    .toString("utf8")
    .replace(/^\uFEFF/, "");
  if (text.trim() === "") return null;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export const isJson = (contentType: string | undefined): boolean =>
  /^application\/json\s*(;|$)/i.test(contentType ?? "");

/** A flag of the query: `true` in any case, else false; absent is `absent`. */
export const flag = (query: URLSearchParams, name: string, absent: boolean): boolean =>
  query.has(name) ? query.get(name)?.toLowerCase() === "true" : absent;

/** Milliseconds since 1970; undefined when absent, null when it is no time. */
export function time(query: URLSearchParams, name: string): number | null | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
