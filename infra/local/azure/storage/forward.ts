/** Hands an allowed request to Azurite and its answer back (called by storage.ts). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { type AzuriteConnection, GUARD_AUTHORIZATION, readBody } from "./azurite-connection.ts";
import { counting, createCrc64 } from "./crc64.ts";
import { type Answered, endToEnd, mendBody, mendHeaders, needsMending, refusalOf } from "./mend.ts";
import { internalError } from "./refusals.ts";
import type { StorageError } from "./storage-error.ts";
import { mendTransaction, type TransactionPart } from "./transaction.ts";

/** Uploads whose answer holds the checksum of the body; to a Put Block Azurite gives it itself. */
const CHECKSUMMED = ["Put Blob", "Put Block List"];

/** A request that the guard has allowed. */
export type AllowedRequest = Answered & {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** `guard` = as the guard itself, `own` = with the credential of the request, which Azurite checks. */
  readonly credential: "guard" | "own";
  /** The body, when it was read already. */
  readonly body: Buffer | undefined;
  /** The parts, when it is a transaction. */
  readonly parts: readonly TransactionPart[] | undefined;
  readonly now: () => Date;
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
  const fail = () => {
    if (response.headersSent) response.destroy();
    else allowed.refuse(internalError());
  };
  const crc = CHECKSUMMED.includes(allowed.operation ?? "") ? createCrc64() : undefined;
  const outgoing = azurite.start(service, account, {
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers,
  });
  outgoing.on("error", fail);
  outgoing.on("response", (answer) => {
    answerWith(allowed, answer, crc?.value()).catch(fail);
  });
  // A caller that goes away must not leave a half-written request behind.
  response.on("close", () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  if (body) outgoing.end(body);
  else if (crc) pipeline(request, counting(crc), outgoing, () => {});
  else pipeline(request, outgoing, () => {});
}

async function answerWith(allowed: AllowedRequest, answer: IncomingMessage, crc: string | undefined): Promise<void> {
  const { response } = allowed;
  const { statusCode: status = 502, statusMessage = "" } = answer;
  if (status >= 400) {
    const code = String(answer.headers["x-ms-error-code"] ?? "");
    return allowed.refuse(
      refusalOf(allowed, { status, statusMessage, code, text: (await readBody(answer)).toString("utf8") }),
    );
  }
  const headers = mendHeaders(allowed, status, answer.headers);
  if (crc !== undefined) headers["x-ms-content-crc64"] ??= crc;
  if (allowed.parts || (needsMending(allowed) && answer.headers["content-length"] === undefined && status < 300)) {
    const text = (await readBody(answer)).toString("utf8");
    if (!allowed.parts) return void response.writeHead(status, headers).end(mendBody(allowed, text));
    const right = `https://${allowed.account}.table.core.windows.net/`;
    const host = { wrong: `${right}${allowed.account}/`, right };
    const requestId = String(answer.headers["x-ms-request-id"]);
    const mended = mendTransaction(text, allowed.parts, host, requestId, allowed.now());
    response.writeHead(status, { ...headers, "content-type": mended.contentType }).end(mended.body);
    return;
  }
  response.writeHead(status, headers);
  pipeline(answer, response, () => {});
}
