/** How the guard speaks to Azurite: TLS on 127.0.0.1, host name of the account, its own token (storage.ts, containers.ts). */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, type RequestOptions, request as startRequest } from "node:https";
import type { StorageService } from "./storage-error.ts";

/** Where Azurite listens; `ca` is the PEM text of the authority of its certificate. */
export type AzuriteEndpoints = {
  readonly blobPort: number;
  readonly queuePort: number;
  readonly tablePort: number;
  readonly ca: string;
};

/** Sends requests for one account to Azurite. */
export type AzuriteConnection = {
  /** Starts a request; the caller writes its body and ends it. */
  start(
    service: StorageService,
    account: string,
    options: { readonly method: string; readonly path: string; readonly headers: OutgoingHttpHeaders },
  ): ReturnType<typeof startRequest>;
  /** Sends a request without a body as the guard itself and reads the whole answer. */
  call(
    service: StorageService,
    account: string,
    method: string,
    path: string,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>;
  close(): void;
};

/** API version of the guard's own requests: the newest that both pinned packages know. */
const OWN_VERSION = "2026-04-06";

/**
 * A token that Azurite takes for every account. `--oauth basic` reads the claims and never the signature, so the guard
 * needs no account key, and the caller's own token ends here.
 */
const OWN_TOKEN = [
  { alg: "none", typ: "JWT" },
  { aud: "https://storage.azure.com", iss: "https://sts.windows.net/guard/", iat: 0, nbf: 0, exp: 253402300799 },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .join(".");

/** Value of the Authorization header for requests that the guard has allowed. */
export const GUARD_AUTHORIZATION = `Bearer ${OWN_TOKEN}.`;

/** Opens nothing yet: connections are made by the first request and kept. */
export function connectAzurite(endpoints: AzuriteEndpoints): AzuriteConnection {
  const agent = new Agent({ keepAlive: true, ca: endpoints.ca });
  const ports = { blob: endpoints.blobPort, queue: endpoints.queuePort, table: endpoints.tablePort };
  const start: AzuriteConnection["start"] = (service, account, { method, path, headers }) => {
    // Azurite finds the account in the first label of the host name.
    const host = `${account}.${service}.core.windows.net`;
    const options: RequestOptions = {
      ...{ agent, host: "127.0.0.1", port: ports[service], servername: host },
      ...{ method, path, headers: { ...headers, host } },
    };
    return startRequest(options);
  };
  return {
    start,
    call(service, account, method, path) {
      const headers = {
        authorization: GUARD_AUTHORIZATION,
        "x-ms-version": OWN_VERSION,
        "x-ms-date": new Date().toUTCString(),
        "content-length": 0,
      };
      return new Promise((resolve, reject) => {
        const outgoing = start(service, account, { method, path, headers });
        outgoing.on("error", reject);
        outgoing.on("response", (answer) => {
          readBody(answer).then(
            (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: body.toString("utf8") }),
            reject,
          );
        });
        outgoing.end();
      });
    },
    close: () => agent.destroy(),
  };
}

/**
 * Reads a body whole.
 * @throws RangeError over `limitBytes`
 */
export async function readBody(message: IncomingMessage, limitBytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed on the way out: the refusal still has to go back over the same connection.
  for await (const chunk of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new RangeError(`body over ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
