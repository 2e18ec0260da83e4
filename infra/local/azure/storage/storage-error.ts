/** Refusals of the storage guard in the forms of Azure Storage: XML for blob and queue, OData for table. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** The three data services that the guard stands before. */
export type StorageService = "blob" | "queue" | "table";

/** Why a request is refused. */
export type StorageError = {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Further elements of the XML body, e.g. `AuthenticationErrorDetail`; table answers have none. */
  readonly more?: Readonly<Record<string, string>>;
  /** The tenant to name in `WWW-Authenticate`. */
  readonly challengeTenant?: string;
  /** Refused before the service itself is reached: such answers name another server and no `x-ms-version`. */
  readonly beforeService?: boolean;
};

const SERVICE_SERVER = {
  blob: "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
  queue: "Windows-Azure-Queue/1.0 Microsoft-HTTPAPI/2.0",
  table: "Windows-Azure-Table/1.0 Microsoft-HTTPAPI/2.0",
} as const;
/** Recorded answers to requests that fail authentication come from here. */
const FRONT_SERVER = "Microsoft-HTTPAPI/2.0";
const XML_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';
/** XML of blob and queue starts with a byte order mark, that of table does not (Content-Length of recorded answers). */
const BYTE_ORDER_MARK = "\uFEFF";
const DATA_SERVICES = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata";

/** Value of the `Server` header of a service. */
export function serverHeader(service: StorageService): string {
  return SERVICE_SERVER[service];
}

/** Writes a refusal and lets the rest of the request run out, so that the connection stays usable. */
export function writeStorageError(
  request: IncomingMessage,
  response: ServerResponse,
  service: StorageService,
  error: StorageError,
  now: Date,
): void {
  const { headers, body } = errorAnswer(request, service, error, now);
  // The table service itself sends the usual reason phrase, everything else its message.
  const plain = service === "table" && !error.beforeService;
  response.writeHead(error.status, plain ? undefined : error.message.replaceAll(/[^ -~]/g, ""), {
    ...headers,
    // The table service sends its answers in chunks.
    ...(plain || request.method === "HEAD" ? {} : { "content-length": Buffer.byteLength(body) }),
  });
  if (request.method === "HEAD") response.end();
  else response.end(body);
  request.resume();
}

/** Headers and body of a refusal; without Content-Length. */
export function errorAnswer(
  request: IncomingMessage,
  service: StorageService,
  error: Omit<StorageError, "status">,
  now: Date,
): { headers: Record<string, string>; body: string } {
  const requestId = randomUUID();
  const { contentType, body } = errorBody(service, error, request.headers.accept, requestId, now);
  const clientRequestId = request.headers["x-ms-client-request-id"];
  const version = request.headers["x-ms-version"];
  const tenant = error.challengeTenant;
  // The table service itself sends no such header, nor does anybody to a request of an unknown API version.
  const withCode = error.beforeService ? error.code !== "InvalidHeaderValue" : service !== "table";
  const ofService: Record<string, string> = {
    "x-ms-request-id": requestId,
    ...(typeof clientRequestId === "string" ? { "x-ms-client-request-id": clientRequestId } : {}),
    ...(typeof version === "string" ? { "x-ms-version": version } : {}),
    ...(service === "table" ? { "cache-control": "no-cache", "x-content-type-options": "nosniff" } : {}),
  };
  const ofFront: Record<string, string> = service === "table" ? {} : { "x-ms-request-id": requestId };
  const headers = {
    "content-type": contentType,
    server: error.beforeService ? FRONT_SERVER : serverHeader(service),
    ...(error.beforeService ? ofFront : ofService),
    ...(withCode ? { "x-ms-error-code": error.code } : {}),
    ...(tenant === undefined
      ? {}
      : {
          "www-authenticate": `Bearer authorization_uri=https://login.microsoftonline.com/${tenant}/oauth2/authorize resource_id=https://storage.azure.com`,
        }),
  };
  return { headers, body };
}

/**
 * Body of a refusal as the service writes it.
 * @param accept the Accept header: table answers JSON only to who asks for it
 */
export function errorBody(
  service: StorageService,
  error: Pick<StorageError, "code" | "message" | "more">,
  accept: string | undefined,
  requestId: string,
  now: Date,
): { contentType: string; body: string } {
  // Azure writes seven digits of a second.
  const time = now.toISOString().replace("Z", "0000Z");
  const message = `${error.message}\nRequestId:${requestId}\nTime:${time}`;
  if (service !== "table") {
    const more = Object.entries(error.more ?? {}).map(([name, value]) =>
      value === "" ? `<${name} />` : `<${name}>${escapeXml(value)}</${name}>`,
    );
    const inner = `<Code>${error.code}</Code><Message>${escapeXml(message)}</Message>${more.join("")}`;
    return { contentType: "application/xml", body: `${xmlStart()}<Error>${inner}</Error>` };
  }
  if (accept?.includes("json") || accept?.includes("*/*")) {
    const level = /odata=(no|minimal|full)metadata/.exec(accept)?.[1] ?? "minimal";
    const value = { "odata.error": { code: error.code, message: { lang: "en-US", value: message } } };
    return {
      contentType: `application/json;odata=${level}metadata;streaming=true;charset=utf-8`,
      body: JSON.stringify(value),
    };
  }
  const inner = `<m:code>${error.code}</m:code><m:message xml:lang="en-US">${escapeXml(message)}</m:message>`;
  return {
    contentType: "application/xml",
    body: `${XML_DECLARATION}<m:error xmlns:m="${DATA_SERVICES}">${inner}</m:error>`,
  };
}

/** What every XML answer of blob and queue starts with. */
export function xmlStart(): string {
  return `${BYTE_ORDER_MARK}${XML_DECLARATION}`;
}

/** Text as it may stand between two XML tags. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
