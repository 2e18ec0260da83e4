/** HTTP requests and replies as the real host and the Functions library exchange them. Called by http-server.ts. */
import type { RpcCookie, RpcHttpRequest, TypedData } from "./core-types.ts";
import { decodePercent, escapePath } from "./percent.ts";

/** What the server sends. */
export type HttpReply = {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
};

const NO_BODY = new Uint8Array();
/** Reply without headers and body. */
export const emptyReply = (status: number): HttpReply => ({ status, headers: [], body: NO_BODY });

type NullableMap = Record<string, { value: string }>;
/** Without a prototype, so that a header named `__proto__` is only a name. */
const emptyMap = (): NullableMap => Object.create(null) as NullableMap;

/** Joins the values of one name as .NET's StringValues does: by comma, empty ones left out. */
const join = (values: readonly string[]): string => values.filter((value) => value !== "").join(",");

/** Groups by name without regard to case; the first spelling stays. */
function group(pairs: Iterable<readonly [string, string]>): Map<string, { name: string; values: string[] }> {
  const groups = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    const known = groups.get(key);
    if (known) known.values.push(value);
    else groups.set(key, { name, values: [value] });
  }
  return groups;
}

const unescapeQuery = (text: string): string => decodePercent(text.replaceAll("+", " "), { keepSlash: false });

/** Query as the real host sends it: repeated keys (in any case) joined by a comma. @param query without `?` */
export function queryMap(query: string): NullableMap {
  const pairs = query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf("=");
      const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      return [unescapeQuery(name), unescapeQuery(value)] as const;
    });
  const map = emptyMap();
  for (const { name, values } of group(pairs).values()) map[name] = { value: join(values) };
  return map;
}

/** @param rawHeaders alternating names and values, as Node gives them */
export function headerMap(rawHeaders: readonly string[]): NullableMap {
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ""] as const] : []));
  const map = emptyMap();
  for (const [name, { values }] of group(pairs)) map[name] = { value: join(values) };
  return map;
}

/**
 * The trigger value of an HTTP function.
 * @param request.path decoded by `decodePath`
 * @param request.query without `?`, as received
 * @param request.body undefined unless `Content-Length` was over 0: the real host forwards no chunked body
 */
export function toRpcRequest(request: {
  method: string;
  host: string;
  path: string;
  query: string;
  rawHeaders: readonly string[];
  params: Readonly<Record<string, string>>;
  body: Uint8Array | undefined;
}): { http: RpcHttpRequest } {
  const params = emptyMap();
  for (const [name, value] of Object.entries(request.params)) params[name] = { value };
  return {
    http: {
      url: `http://${request.host}${escapePath(request.path)}${request.query === "" ? "" : `?${request.query}`}`,
      method: request.method,
      nullableHeaders: headerMap(request.rawHeaders),
      nullableQuery: queryMap(request.query),
      nullableParams: params,
      ...(request.body && { body: { bytes: request.body } }),
    },
  };
}

const SAME_SITE: Readonly<Record<string, string>> = { lax: "lax", strict: "strict", explicitNone: "none" };
/** .NET's Uri.EscapeDataString. */
const escapeData = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** `Set-Cookie` in the form of ASP.NET Core; without a path the cookie gets `path=/`. */
export function setCookie(cookie: RpcCookie): string {
  const parts = [`${escapeData(cookie.name ?? "")}=${escapeData(cookie.value ?? "")}`];
  const seconds = cookie.expires?.value.seconds;
  if (seconds !== undefined) parts.push(`expires=${new Date(seconds * 1_000).toUTCString()}`);
  if (cookie.maxAge) parts.push(`max-age=${Math.trunc(cookie.maxAge.value)}`);
  if (cookie.domain?.value) parts.push(`domain=${cookie.domain.value}`);
  parts.push(`path=${cookie.path?.value || "/"}`);
  if (cookie.secure?.value) parts.push("secure");
  const sameSite = SAME_SITE[cookie.sameSite ?? ""];
  if (sameSite) parts.push(`samesite=${sameSite}`);
  if (cookie.httpOnly?.value) parts.push("httponly");
  return parts.join("; ");
}

/** Headers that the server itself writes from the body it has. */
const OWN_HEADERS = new Set(["content-length", "transfer-encoding", "connection"]);

function bodyBytes(body: TypedData | null | undefined): Uint8Array {
  if (body?.bytes) return body.bytes;
  return Buffer.from(body?.string ?? body?.json ?? "");
}

/** What the client gets for a successful invocation: nothing returned is 204. */
export function toHttpReply(returnValue: TypedData | null | undefined): HttpReply {
  if (!returnValue) return emptyReply(204);
  const http = returnValue.http;
  if (!http || !("statusCode" in http)) return emptyReply(500);
  const headers = Object.entries(http.headers ?? {}).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
  const cookies = (http.cookies ?? []).map((cookie) => ["set-cookie", setCookie(cookie)] as const);
  return { status: Number(http.statusCode), headers: [...headers, ...cookies], body: bodyBytes(http.body) };
}
