/** What the guard reads of a request before it decides (called by storage.ts). */
import type { IncomingMessage } from "node:http";
import { readBody } from "./azurite-connection.ts";
import type { OperationRequest } from "./operations.ts";
import type { StorageService } from "./storage-error.ts";

/** Host name of a request, without its port. */
export function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
}

/** The service of a host name; blob for a name of another shape. */
export function serviceOf(host: string): StorageService {
  const label = host.split(".")[1];
  return label === "queue" || label === "table" ? label : "blob";
}

/** What names the operation. */
export function parse(request: IncomingMessage): OperationRequest {
  const [path = "/", ...query] = (request.url ?? "/").split("?");
  return {
    method: (request.method ?? "GET").toUpperCase(),
    path,
    query: new URLSearchParams(query.join("?")),
    headers: request.headers,
  };
}

/** The body; undefined when it is over the limit. */
export async function read(request: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  try {
    return await readBody(request, limitBytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
