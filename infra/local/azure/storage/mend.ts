/** Where Azurite answers otherwise than Azure: headers, bodies of lists and errors (called by forward.ts). */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { jsonObject } from "./checks.ts";
import { invalidInput } from "./malformed.ts";
import { mendList } from "./mend-list.ts";
import { authenticationFailed, internalError, invalidXml, resourceNotFound } from "./refusals.ts";
import { type StorageError, type StorageService, serverHeader } from "./storage-error.ts";

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
  readonly query: URLSearchParams;
  readonly clientRequestId: string | string[] | undefined;
  /** Whether the request has a Prefer header. */
  readonly prefers: boolean;
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
  if (answered.service !== "table") {
    // Azure sends the one only with a range, the other only for a tier that somebody has set.
    if (status === 200) delete mended["x-ms-blob-content-md5"];
    if (mended["x-ms-access-tier-inferred"] === "true") delete mended["x-ms-access-tier-change-time"];
    return mended;
  }

  mended["cache-control"] = "no-cache";
  mended["x-content-type-options"] = "nosniff";
  if (!answered.prefers) delete mended["preference-applied"];
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

/** A good answer whose body is to be mended: lists of containers and blobs, and table answers. */
export function needsMending(answered: Answered): boolean {
  if (answered.service === "table") return answered.operation !== undefined;
  return answered.operation === "List Containers" || answered.operation === "List Blobs";
}

/** The body as Azure writes it: Azurite adds the account to addresses, although it is in the host name already. */
export function mendBody(answered: Answered, text: string): string {
  if (answered.service !== "table") return mendList(text, answered.query);
  const host = `https://${answered.account}.${answered.service}.core.windows.net/`;
  const mended = text.replace(`"${host}${answered.account}`, `"${host}`).replace(`${host}/`, host);
  return answered.operation === "Query Entities" && answered.table !== undefined
    ? mended.replace("$metadata#Tables/@Element", `$metadata#${answered.table}`)
    : mended;
}

/** What Azurite says to a wrong signature; the form of the credential was checked before. */
const SIGNATURE_REFUSALS = ["AuthorizationFailure", "InvalidAuthenticationInfo"];

/** A refusal of Azurite, to be written again in Azure's form; some of them have neither body nor code. */
export function refusalOf(
  { operation }: Pick<Answered, "operation">,
  refused: { readonly status: number; readonly statusMessage: string; readonly code: string; readonly text: string },
): StorageError {
  const { status, statusMessage, text } = refused;
  const fallback = fallbackOf(status, operation);
  const inBody = text.startsWith("{") ? fromJson(text) : fromXml(text);
  const code = inBody.code || refused.code || fallback.code;
  if (SIGNATURE_REFUSALS.includes(code)) return authenticationFailed("Signature did not match.");
  const message = inBody.message || (code === fallback.code ? fallback.message : statusMessage);
  // Request id and time are given anew.
  return { status, code, message: message.split(/\r?\n/, 1)[0] ?? "", more: inBody.more };
}

function fallbackOf(status: number, operation: string | undefined): Pick<StorageError, "code" | "message"> {
  if (status === 404) return resourceNotFound();
  // The one operation whose body Azurite reads before it answers.
  if (status === 400 && operation === "Put Block List") return invalidXml();
  return status < 500 ? invalidInput() : internalError();
}

type Said = { readonly code: string; readonly message: string; readonly more: Record<string, string> };

function fromJson(text: string): Said {
  const error = Object(jsonObject(text)?.["odata.error"]);
  return { code: String(error.code ?? ""), message: String(error.message?.value ?? ""), more: {} };
}

function fromXml(text: string): Said {
  const inner = /<Error>(.*)<\/Error>/s.exec(text)?.[1] ?? "";
  const elements = [...inner.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name = "", value = ""]) => [
    name,
    value.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
  ]);
  const { Code = "", Message = "", ...more }: Record<string, string> = Object.fromEntries(elements);
  return { code: Code, message: Message, more };
}

/** Path of the thing that a Create Table or an Insert Entity makes, from its JSON body; undefined for another body. */
export function createdPath(operation: string, table: string | undefined, body: string): string | undefined {
  const value = jsonObject(body);
  const text = (name: string) => {
    const member = value?.[name];
    return typeof member === "string" ? encodeURIComponent(member.replaceAll("'", "''")) : undefined;
  };
  if (operation === "Create Table") return text("TableName") && `Tables('${text("TableName")}')`;
  const [partition, row] = [text("PartitionKey"), text("RowKey")];
  return partition === undefined || row === undefined
    ? undefined
    : `${table}(PartitionKey='${partition}',RowKey='${row}')`;
}
