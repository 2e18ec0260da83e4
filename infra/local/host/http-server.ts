/** HTTP side of the host: request → route → key → function → reply. Made by main.ts. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AdminApi, isHostPath } from "./admin-api.ts";
import {
  type DurableHost,
  type DurableRequest,
  EXTENSION_KEY,
  isDurablePath,
  isRpcPath,
} from "./durable/durable-host.ts";
import type { HostedFunction, HttpFunction } from "./function-index.ts";
import { emptyReply, type HttpReply, queryMap, toHttpReply, toRpcRequest } from "./http-messages.ts";
import type { Invoker } from "./invocation.ts";
import { type Keys, opens, presentedKey } from "./keys.ts";
import { exceptionText, type Log } from "./log.ts";
import { decodePath, matchRoute } from "./routes.ts";

/** Kestrel's limits: bytes of all request headers, milliseconds an idle connection stays. */
const MAX_HEADER_BYTES = 32_768;
const KEEP_ALIVE_MS = 130_000;

/** The body is larger than the host takes. */
class BodyTooLarge extends Error {}

type Target = { readonly path: string; readonly query: string };

/** Origin form or absolute form; `undefined` for anything else (`*`). */
function parseTarget(url: string): Target | undefined {
  const relative = url.replace(/^https?:\/\/[^/?#]*(?=[/?#]|$)/i, "").replace(/#.*$/s, "") || "/";
  const at = relative.indexOf("?");
  const [rawPath, query] = at < 0 ? [relative, ""] : [relative.slice(0, at), relative.slice(at + 1)];
  const path = decodePath(rawPath || "/");
  return path.startsWith("/") && !path.includes("\0") ? { path, query } : undefined;
}

/** First function, by name, whose route, constraints and methods fit. A known path with another method fits nothing. */
export function findFunction(
  functions: readonly HostedFunction[],
  method: string,
  path: string,
): { hosted: HttpFunction; params: Record<string, string> } | undefined {
  for (const hosted of functions) {
    if (hosted.kind !== "http" || !hosted.methods.includes(method)) continue;
    const params = matchRoute(hosted.route, path);
    if (params) return { hosted, params };
  }
  return undefined;
}

/**
 * Only a body with a `Content-Length` over 0 reaches a function; a chunked upload arrives empty, as in Azure.
 * @throws BodyTooLarge
 */
async function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (!(length > 0)) {
    request.resume();
    return undefined;
  }
  if (length > limit) throw new BodyTooLarge(`Request body too large. The max request body size is ${limit} bytes.`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Every body is read, also of a caller who is refused: a start without one is none. */
async function durableRequest(
  request: IncomingMessage,
  method: string,
  { path, query }: Target,
  access: DurableRequest["access"],
  bodyLimit: number,
): Promise<DurableRequest> {
  const { host, origin, "content-type": contentType, "x-ms-continuation-token": token } = request.headers;
  const body = await readBody(request, bodyLimit);
  const continuationToken = Array.isArray(token) ? token.join(",") : token;
  const parameters = new URLSearchParams(query);
  return { method, path, query: parameters, access, host, origin, contentType, continuationToken, body };
}

function send(response: ServerResponse, reply: HttpReply): void {
  const cookies = reply.headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
  for (const [name, value] of reply.headers) response.setHeader(name, value);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  response.statusCode = reply.status;
  response.end(reply.body);
}

export type HttpHost = {
  readonly server: Server;
  /** Refuses what comes from now on (503), but for what functions that still run ask of the durable part; open requests end. */
  drain(): void;
  /** Takes no connection any more. After `drain`, when no function runs. */
  close(): void;
  /** Answers every open request with 500: the process is about to end. */
  failOpenRequests(): void;
};

/** @param deps.functions in the order of `indexFunctions` */
export function createHttpHost(deps: {
  functions: readonly HostedFunction[];
  admin: AdminApi;
  keys: Keys;
  invoke: Invoker["invoke"];
  /** The durable part, when the app has one. */
  durable?: DurableHost | undefined;
  /** Bytes. */
  bodyLimit: number;
  log: Log;
}): HttpHost {
  const open = new Set<ServerResponse>();
  let draining = false;

  async function answer(request: IncomingMessage): Promise<HttpReply> {
    const method = request.method ?? "GET";
    const target = parseTarget(request.url ?? "/");
    if (!target) return emptyReply(400);
    const header = request.headers["x-functions-key"];
    const queryCode = Object.entries(queryMap(target.query)).find(([name]) => name.toLowerCase() === "code")?.[1].value;
    const key = presentedKey(Array.isArray(header) ? header.join(",") : header, queryCode);
    if (deps.durable && isDurablePath(target.path)) {
      const access = deps.keys.opensExtension(key, EXTENSION_KEY);
      return deps.durable.handle(await durableRequest(request, method, target, access, deps.bodyLimit));
    }
    if (isHostPath(target.path)) {
      const level = deps.keys.levelOf(key);
      const body = level === "admin" ? await readBody(request, deps.bodyLimit) : undefined;
      return deps.admin({ method, path: target.path, contentType: request.headers["content-type"], level, body });
    }
    const found = findFunction(deps.functions, method, target.path);
    if (!found) return emptyReply(404);
    const { hosted, params } = found;
    if (!opens(deps.keys.levelOf(key, hosted.name), hosted.authLevel)) return emptyReply(401);
    const data = toRpcRequest({
      method,
      host: request.headers.host ?? "",
      ...target,
      rawHeaders: request.rawHeaders,
      params,
      body: await readBody(request, deps.bodyLimit),
    });
    const result = await deps.invoke(hosted, data, "HTTP request");
    return result.ok ? toHttpReply(result.returnValue) : emptyReply(500);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: HttpReply;
    try {
      reply = await answer(request);
    } catch (error) {
      // The client went away while it sent the body: nobody is left to answer.
      if (request.destroyed && !request.complete && !(error instanceof BodyTooLarge)) return;
      const message = "Request failed in the host.";
      deps.log({ level: "Error", category: "Host.Http", status: 500, message, exception: exceptionText(error) });
      // The real host answers a body over the limit with 500 too, not 413.
      reply = emptyReply(500);
    }
    if (response.headersSent) return;
    // What was not read is not read any more.
    if (!request.complete) response.setHeader("connection", "close");
    try {
      send(response, reply);
    } catch (error) {
      const message = "The reply of a function cannot be sent.";
      deps.log({ level: "Error", category: "Host.Http", status: 500, message, exception: exceptionText(error) });
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      send(response, emptyReply(500));
    }
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    open.add(res);
    res.once("close", () => open.delete(res));
    if (draining) res.setHeader("connection", "close");
    if (draining && !(deps.durable && isRpcPath(parseTarget(req.url ?? "/")?.path ?? ""))) {
      send(res, emptyReply(503));
      return;
    }
    void handle(req, res);
  });
  const close = () => {
    if (server.listening) server.close();
    server.closeIdleConnections();
  };
  return {
    server,
    close,
    drain() {
      draining = true;
      if (deps.durable) server.closeIdleConnections();
      else close();
      // A connection that is now busy must not wait for another request.
      for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
    },
    failOpenRequests() {
      for (const response of open) if (!response.headersSent) send(response, emptyReply(500));
    },
  };
}
