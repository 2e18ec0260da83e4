/** Around every answer: Entra's headers, ids and error bodies. Used by entra.ts. */
import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { NotEmulated } from "./client-request.ts";
import { errorBody, SignInError } from "./errors.ts";

/** Content type of every answer. */
export const JSON_TYPE = "application/json; charset=utf-8";
/** Of documents that browsers and caches may keep. */
export const DISCOVERY_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, OPTIONS",
  "cache-control": "max-age=86400, private",
};
/** Of answers that hold tokens. */
export const TOKEN_HEADERS = { "cache-control": "no-store, no-cache", pragma: "no-cache", expires: "-1" };

/** In every answer. The server's name has the real form and says where it stands. */
const COMMON_HEADERS = {
  "content-type": JSON_TYPE,
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  p3p: 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
  "x-ms-ests-server": "2.1.1.0 - LOCAL ProdSlices",
  "x-ms-srs": "1.P",
  "x-xss-protection": "0",
};
const COOKIE_DAYS = 30;
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Headers of one answer, before anything is known about it. */
export function headersFor(asked: IncomingHttpHeaders, at: Date): OutgoingHttpHeaders {
  const expires = new Date(at.getTime() + COOKIE_DAYS * 86_400_000).toUTCString();
  // An id in the form alone is not sent back, as in Entra.
  const clientRequestId = asked["client-request-id"];
  const given = typeof clientRequestId === "string" && GUID.test(clientRequestId);
  return {
    ...COMMON_HEADERS,
    ...(given ? { "client-request-id": clientRequestId } : {}),
    "x-ms-request-id": traceId(),
    "set-cookie": [
      `fpc=${randomBytes(24).toString("base64url")}; expires=${expires}; path=/; secure; HttpOnly; SameSite=None`,
      "x-ms-gateway-slice=estsfd; path=/; secure; samesite=none; httponly",
      "stsservicecookie=estsfd; path=/; secure; samesite=none; httponly",
    ],
  };
}

/** The posted form; empty for any other kind of body, which is how Entra treats one. */
export function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

/** Answers an error in Entra's form; what the local Entra does not have is 501 and names the operation. */
export function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, at: Date): FastifyReply {
  const stamp = {
    traceId: String(reply.getHeader("x-ms-request-id") ?? traceId()),
    correlationId: correlationId(request),
    at,
  };
  if (error instanceof SignInError) {
    if (reply.hasHeader("x-ms-clitelem")) reply.header("x-ms-clitelem", `1,${error.code},0,,`);
    // A refusal must not be kept by a cache for a day.
    if (reply.getHeader("cache-control") === DISCOVERY_HEADERS["cache-control"]) {
      reply.header("cache-control", "private");
    }
    return reply.code(error.status).send(errorBody(error, stamp));
  }
  const { status, code, sentence } = otherFailure(error, request);
  return reply.code(status).header("content-type", JSON_TYPE).send({
    error: code,
    error_description: sentence,
    error_codes: [],
    trace_id: stamp.traceId,
    correlation_id: stamp.correlationId,
  });
}

/** What Entra has no code for: an operation that is not here, a request that is not HTTP as it should be, our own mistake. */
function otherFailure(error: unknown, request: FastifyRequest) {
  if (error instanceof NotEmulated) {
    const sentence = `${operationOf(request)}${error.message} is not part of the local Entra.`;
    return { status: 501, code: "not_implemented", sentence };
  }
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  return status < 500
    ? { status, code: "invalid_request", sentence: "The request is malformed." }
    : { status: 500, code: "server_error", sentence: "The local Entra failed." };
}

/** Method and path with names of tenants and ids taken out. */
function operationOf(request: FastifyRequest): string {
  const path = request.url.split("?", 1)[0] ?? "/";
  const shape = path.split("/").map((part, place) => {
    if (place === 1 && (GUID.test(part) || part.includes(".") || part === "organizations")) return "{tenant}";
    return GUID.test(part) ? "{id}" : part;
  });
  return `${request.method} ${shape.join("/")}`;
}

/** The id that the client gave its request (header or form), else a new one. Only GUIDs: it is sent back in a header. */
function correlationId(request: FastifyRequest): string {
  const given = [
    request.headers["client-request-id"],
    formOf(request).get("client-request-id"),
    request.headers["x-ms-client-request-id"],
  ].find((id) => typeof id === "string" && GUID.test(id));
  return typeof given === "string" ? given : randomUUID();
}

/** Entra's own ids end in two zeros. */
const traceId = () => `${randomUUID().slice(0, -2)}00`;
