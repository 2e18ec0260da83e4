/** Hands an allowed request to Azurite and its answer back, both as streams (called by storage.ts). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { type AzuriteConnection, GUARD_AUTHORIZATION } from "./azurite-connection.ts";
import { type Answered, endToEnd, mendBody, mendHeaders, needsMending } from "./mend.ts";
import { authenticationFailed, internalError } from "./refusals.ts";
import type { StorageError } from "./storage-error.ts";

/** What Azurite says to a wrong signature; the form of the credential was checked before. */
const SIGNATURE_REFUSALS = ["AuthorizationFailure", "InvalidAuthenticationInfo"];

/** A request that the guard has allowed. */
export type AllowedRequest = Answered & {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** `guard` = as the guard itself, `own` = with the credential of the request, which Azurite checks. */
  readonly credential: "guard" | "own";
  /** The body, when it was read already. */
  readonly body: Buffer | undefined;
  /** Writes a refusal. */
  refuse(error: StorageError): void;
};

/** Never throws: a failure of Azurite is answered with 500, or ends the connection when the answer has begun. */
export function forward(azurite: AzuriteConnection, allowed: AllowedRequest): void {
  const { service, account, request, response, body } = allowed;
  const headers = endToEnd(request.headers);
  if (allowed.credential === "guard") headers.authorization = GUARD_AUTHORIZATION;
  if (body) headers["content-length"] = body.length;
  else if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  const outgoing = azurite.start(service, account, {
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers,
  });
  outgoing.on("error", () => {
    if (response.headersSent) response.destroy();
    else allowed.refuse(internalError());
  });
  outgoing.on("response", (answer) => {
    const status = answer.statusCode ?? 502;
    if (SIGNATURE_REFUSALS.includes(String(answer.headers["x-ms-error-code"]))) {
      answer.resume();
      allowed.refuse(authenticationFailed("Signature did not match."));
      return;
    }
    const answerHeaders = mendHeaders(allowed, status, answer.headers);
    const mends = needsMending(allowed) && status < 300 && answer.headers["content-length"] === undefined;
    response.writeHead(status, answer.statusMessage, answerHeaders);
    if (mends) pipeline(answer, mendBody(allowed), response, () => {});
    else pipeline(answer, response, () => {});
  });
  // A caller that goes away must not leave a half-written request behind.
  response.on("close", () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  if (body) outgoing.end(body);
  else pipeline(request, outgoing, () => {});
}
