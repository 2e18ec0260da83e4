/** Which operation of Azure Storage a request is, and the rights that it needs (storage.ts asks for every request). */
import type { StorageService } from "./storage-error.ts";

/** One permission of Azure RBAC. */
export type Right = { readonly plane: "actions" | "dataActions"; readonly operation: string };

/**
 * An operation by its name in Microsoft's reference. One of the sets in `anyOf` must be held whole.
 * Source: learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory, "Permissions for calling
 * data operations".
 */
export type Operation = {
  readonly name: string;
  /** Scope below the account's ARM id: empty, or that of the container, queue or table. */
  readonly subScope: string;
  /** The table, where there is one. */
  readonly table?: string;
  readonly anyOf: readonly (readonly Right[])[];
};

/** The parts of a request that name its operation. */
export type OperationRequest = {
  readonly method: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
};

const BLOB = "Microsoft.Storage/storageAccounts/blobServices";
const QUEUE = "Microsoft.Storage/storageAccounts/queueServices";
const TABLE = "Microsoft.Storage/storageAccounts/tableServices";

const action = (operation: string): Right => ({ plane: "actions", operation });
const data = (operation: string): Right => ({ plane: "dataActions", operation });

type Rule = readonly [name: string, ...anyOf: (readonly Right[])[]];

const BLOB_READ = [data(`${BLOB}/containers/blobs/read`)];
const BLOB_WRITE = [data(`${BLOB}/containers/blobs/write`)];
const CONTAINER_READ = [action(`${BLOB}/containers/read`)];
const CONTAINER_WRITE = [action(`${BLOB}/containers/write`)];

/** Key: `LEVEL METHOD restype/comp`. */
const BLOB_RULES: Readonly<Record<string, Rule>> = {
  "account GET /list": ["List Containers", CONTAINER_READ],
  "account POST service/userdelegationkey": [
    "Get User Delegation Key",
    [action(`${BLOB}/generateUserDelegationKey/action`)],
  ],
  "container PUT container/": ["Create Container", CONTAINER_WRITE],
  "container GET container/": ["Get Container Properties", CONTAINER_READ],
  "container DELETE container/": ["Delete Container", [action(`${BLOB}/containers/delete`)]],
  "container GET container/list": ["List Blobs", BLOB_READ],
  "blob GET /": ["Get Blob", BLOB_READ],
  "blob GET /blocklist": ["Get Block List", BLOB_READ],
  "blob PUT /": ["Put Blob", BLOB_WRITE],
  "blob PUT /block": ["Put Block", BLOB_WRITE],
  "blob PUT /blocklist": ["Put Block List", BLOB_WRITE],
  "blob DELETE /": ["Delete Blob", [data(`${BLOB}/containers/blobs/delete`)]],
};

const MESSAGES = `${QUEUE}/queues/messages`;
const QUEUE_READ = [action(`${QUEUE}/queues/read`)];
const QUEUE_WRITE = [action(`${QUEUE}/queues/write`)];
const PROCESS = [data(`${MESSAGES}/process/action`)];
const MESSAGE_DELETE = [data(`${MESSAGES}/delete`)];

const QUEUE_RULES: Readonly<Record<string, Rule>> = {
  "account GET list": ["List Queues", QUEUE_READ],
  "queue PUT ": ["Create Queue", QUEUE_WRITE],
  "queue DELETE ": ["Delete Queue", [action(`${QUEUE}/queues/delete`)]],
  "queue GET metadata": ["Get Queue Metadata", QUEUE_READ],
  "queue PUT metadata": ["Set Queue Metadata", QUEUE_WRITE],
  "messages POST ": ["Put Message", [data(`${MESSAGES}/write`)], [data(`${MESSAGES}/add/action`)]],
  "messages GET ": ["Get Messages", PROCESS, [data(`${MESSAGES}/read`), ...MESSAGE_DELETE]],
  "messages GET peek": ["Peek Messages", [data(`${MESSAGES}/read`)]],
  "messages DELETE ": ["Clear Messages", MESSAGE_DELETE],
  "message PUT ": ["Update Message", [data(`${MESSAGES}/write`)]],
  "message DELETE ": ["Delete Message", PROCESS, MESSAGE_DELETE],
};

const ENTITIES = `${TABLE}/tables/entities`;
const ENTITY_WRITE = [data(`${ENTITIES}/write`)];
const ENTITY_ADD = data(`${ENTITIES}/add/action`);
const ENTITY_UPDATE = data(`${ENTITIES}/update/action`);

const TABLE_RULES: Readonly<Record<string, Rule>> = {
  "tables GET /": ["Query Tables", [action(`${TABLE}/tables/read`)]],
  "tables POST /": ["Create Table", [action(`${TABLE}/tables/write`)]],
  "table DELETE /": ["Delete Table", [action(`${TABLE}/tables/delete`)]],
  "entities GET /": ["Query Entities", [data(`${ENTITIES}/read`)]],
  "entities POST /": ["Insert Entity", ENTITY_WRITE, [ENTITY_ADD]],
  "entity GET /": ["Query Entities", [data(`${ENTITIES}/read`)]],
  "entity PUT /": ["Insert Or Replace Entity", ENTITY_WRITE, [ENTITY_ADD, ENTITY_UPDATE]],
  "entity MERGE /": ["Insert Or Merge Entity", ENTITY_WRITE, [ENTITY_ADD, ENTITY_UPDATE]],
  "entity PUT if-match": ["Update Entity", ENTITY_WRITE, [ENTITY_UPDATE]],
  "entity MERGE if-match": ["Merge Entity", ENTITY_WRITE, [ENTITY_UPDATE]],
  "entity DELETE /": ["Delete Entity", [data(`${ENTITIES}/delete`)]],
};

/** The operation, or undefined for one that this local system does not have. A table transaction is none: see there. */
export function operationOf(service: StorageService, request: OperationRequest): Operation | undefined {
  if (service === "blob") return blobOperation(request);
  return service === "queue" ? queueOperation(request) : tableOperation(request);
}

/** How a request looks, for the answer to operations that are not there: no names, no query values. */
export function shapeOf(service: StorageService, request: OperationRequest): string {
  const level = service === "blob" ? blobLevel(request).level : (tableLevel(request.path)?.level ?? "resource");
  const query = ["restype", "comp"].flatMap((name) => {
    const value = request.query.get(name);
    return value === null ? [] : [`${name}=${value.replace(/[^A-Za-z]/g, "")}`];
  });
  return `${request.method} ${service} ${level}${query.length > 0 ? ` ?${query.join("&")}` : ""}`;
}

function blobOperation(request: OperationRequest): Operation | undefined {
  // A copy needs rights on its source too; the product copies nothing.
  if (request.headers["x-ms-copy-source"] !== undefined) return undefined;
  const { level, container } = blobLevel(request);
  const method = request.method === "HEAD" ? "GET" : request.method;
  const restype = request.query.get("restype") ?? "";
  const rule = BLOB_RULES[`${level} ${method} ${restype}/${request.query.get("comp") ?? ""}`];
  return toOperation(rule, container === undefined ? "" : `/blobServices/default/containers/${container}`);
}

function blobLevel(request: OperationRequest): { level: string; container?: string } {
  const [first = "", ...rest] = segmentsOf(request.path);
  if (first === "") return { level: rest.length === 0 ? "account" : "resource" };
  if (rest.some((segment) => segment !== "")) return { level: "blob", container: first };
  // Without restype it would be a blob of the $root container, which no account here has.
  const level = request.query.get("restype") === "container" ? "container" : "root-blob";
  return { level, container: first };
}

function queueOperation(request: OperationRequest): Operation | undefined {
  const [queue = "", collection, message] = segmentsOf(request.path);
  const method = request.method === "HEAD" ? "GET" : request.method;
  const what = request.query.get("peekonly") === "true" ? "peek" : (request.query.get("comp") ?? "");
  let level = "account";
  if (message) level = "message";
  else if (collection === "messages") level = "messages";
  else if (queue !== "") level = "queue";
  const rule = QUEUE_RULES[`${level} ${method} ${what}`];
  return toOperation(rule, queue === "" ? "" : `/queueServices/default/queues/${queue}`);
}

function tableOperation(request: OperationRequest): Operation | undefined {
  const place = tableLevel(request.path);
  if (!place) return undefined;
  // PATCH is the newer name of MERGE.
  const method = request.method === "PATCH" ? "MERGE" : request.method;
  const conditional = place.level === "entity" && ["PUT", "MERGE"].includes(method);
  const what =
    conditional && request.headers["if-match"] !== undefined
      ? "if-match"
      : `${request.query.get("restype") ?? ""}/${request.query.get("comp") ?? ""}`;
  const rule = TABLE_RULES[`${place.level} ${method} ${what}`];
  const { table } = place;
  if (table === undefined) return toOperation(rule, "");
  const operation = toOperation(rule, `/tableServices/default/tables/${table}`);
  return operation && { ...operation, table };
}

function tableLevel(path: string): { level: string; table?: string } | undefined {
  const text = decode(path.replace(/^\/+/, ""));
  if (text === "") return { level: "account" };
  if (/^Tables(\(\))?$/.test(text)) return { level: "tables" };
  const table = /^Tables\('([^'()/$]+)'\)$/.exec(text)?.[1];
  if (table !== undefined) return { level: "table", table };
  const entities = /^([^'()/$]+)(\(\))?$/.exec(text)?.[1];
  if (entities !== undefined) return { level: "entities", table: entities };
  const entity = /^([^'()/$]+)\(.+\)$/s.exec(text)?.[1];
  return entity === undefined ? undefined : { level: "entity", table: entity };
}

function toOperation(rule: Rule | undefined, subScope: string): Operation | undefined {
  if (!rule) return undefined;
  const [name, ...anyOf] = rule;
  return { name, subScope, anyOf };
}

/** Decoded before it is split, as Azurite does: both must see the same container. */
function segmentsOf(path: string): string[] {
  return decode(path).replace(/^\//, "").split("/");
}

/** A path that is no valid percent-encoding stays as it is: no rule fits it. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
