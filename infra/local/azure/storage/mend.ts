/** Where Azurite answers otherwise than Azure: headers, and addresses at the start of a body (called by forward.ts). */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { Transform } from "node:stream";
import { type StorageService, serverHeader } from "./storage-error.ts";
import { TRANSACTION } from "./transaction.ts";

/** What is known of the request whose answer is mended. */
export type Answered = {
  readonly service: StorageService;
  readonly account: string;
  /** Name of the operation in Microsoft's reference; undefined where the guard did not look (account keys). */
  readonly operation: string | undefined;
  /** Table that was queried. */
  readonly table: string | undefined;
  /** Path of what a table request makes, e.g. `Tables('Leases')`. */
  readonly created: string | undefined;
  readonly clientRequestId: string | string[] | undefined;
  /** API version of the request, which Azure repeats where Azurite names its own. */
  readonly version: string;
};

/** Headers that belong to one connection. Source: RFC 9110 section 7.6.1. */
const HOP_BY_HOP = [
  ...["connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade"],
];

/** Headers without those of the connection that they came by. */
export function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

/** The headers of an answer as Azure sends them. */
export function mendHeaders(answered: Answered, status: number, headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const mended = endToEnd(headers);
  mended.server = serverHeader(answered.service);
  if (answered.version !== "") mended["x-ms-version"] = answered.version;
  if (answered.clientRequestId !== undefined) mended["x-ms-client-request-id"] = answered.clientRequestId;
  if (answered.service !== "table") return mended;

  mended["cache-control"] = "no-cache";
  mended["x-content-type-options"] = "nosniff";
  if (status === 204) {
    delete mended["content-type"];
    mended["content-length"] = 0;
  } else if (/^application\/json;odata=\w+$/.test(headers["content-type"] ?? "")) {
    mended["content-type"] = `${headers["content-type"]};streaming=true;charset=utf-8`;
  }
  if (answered.created !== undefined && (status === 201 || status === 204)) {
    const location = `https://${answered.account}.table.core.windows.net/${answered.created}`;
    mended.location = location;
    if (status === 204) mended.dataserviceid = location;
  }
  return mended;
}

/**
 * Passes a body on, with the addresses in it set right: Azurite adds the account to the path although it is in the
 * host name already. They stand in its first chunk, so that nothing is held back.
 */
export function mendBody(answered: Answered): Transform {
  const host = `https://${answered.account}.${answered.service}.core.windows.net/`;
  if (answered.operation === TRANSACTION) return replaceAll(`${host}${answered.account}/`, host);
  let first = true;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!first) return done(null, chunk);
      first = false;
      // Latin-1 keeps every byte as it is, whatever the chunk ends with.
      let text = chunk.toString("latin1").replace(`"${host}${answered.account}`, `"${host}`).replace(`${host}/`, host);
      if (answered.operation === "Query Entities" && answered.table !== undefined) {
        text = text.replace("$metadata#Tables/@Element", `$metadata#${answered.table}`);
      }
      done(null, Buffer.from(text, "latin1"));
    },
  });
}

/** For the short answers of transactions, which name an address in every part: reads all, then writes. */
function replaceAll(wrong: string, right: string): Transform {
  const chunks: Buffer[] = [];
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
    flush(done) {
      const text = Buffer.concat(chunks).toString("latin1").replaceAll(wrong, right);
      done(null, Buffer.from(text, "latin1"));
    },
  });
}

/** Whether a body starts with an address that has to be set right: lists of containers and blobs, and table answers. */
export function needsMending(answered: Answered): boolean {
  if (answered.service === "table") return answered.operation !== undefined;
  return answered.operation === "List Containers" || answered.operation === "List Blobs";
}

/** Path of the thing that a Create Table or an Insert Entity makes, from its JSON body; undefined for another body. */
export function createdPath(operation: string, table: string | undefined, body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const text = (name: string) => {
    const member: unknown = Reflect.get(value, name);
    return typeof member === "string" ? encodeURIComponent(member.replaceAll("'", "''")) : undefined;
  };
  if (operation === "Create Table") return text("TableName") && `Tables('${text("TableName")}')`;
  const [partition, row] = [text("PartitionKey"), text("RowKey")];
  return partition === undefined || row === undefined
    ? undefined
    : `${table}(PartitionKey='${partition}',RowKey='${row}')`;
}
