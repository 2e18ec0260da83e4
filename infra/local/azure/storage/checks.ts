/** What Azure refuses and Azurite takes, or refuses without a code: form of requests and sizes (called by storage.ts). */

import {
  entityTooLarge,
  invalidHeaderValue,
  invalidInput,
  invalidQueryValue,
  invalidResourceName,
  invalidUri,
  missingHeader,
  queryValueOutOfRange,
  tooManyProperties,
} from "./malformed.ts";
import type { Operation, OperationRequest } from "./operations.ts";
import { notEmulated } from "./refusals.ts";
import type { StorageError } from "./storage-error.ts";

/** Newest API version in the list of a published SDK: azure-storage-blob for Python, `_SUPPORTED_API_VERSIONS`. */
const NEWEST_VERSION = "2026-10-06";
/** Values of `include`. Source: learn.microsoft.com, "List Blobs" and "List Containers". */
const INCLUDES: Readonly<Record<string, readonly string[]>> = {
  "List Blobs": [
    ...["snapshots", "metadata", "uncommittedblobs", "copy", "deleted", "tags", "versions", "deletedwithversions"],
    ...["immutabilitypolicy", "legalhold", "permissions"],
  ],
  "List Containers": ["metadata", "deleted", "system"],
};
/** Source: learn.microsoft.com, "Understanding the Table service data model". */
const TABLE_NAME = /^[A-Za-z][A-Za-z0-9]*$/;
/** Source: same page; PartitionKey, RowKey and Timestamp do not count. */
const ENTITY_MAX_PROPERTIES = 252;
const ENTITY_MAX_BYTES = 1024 * 1024;
const SYSTEM_PROPERTIES = ["PartitionKey", "RowKey", "Timestamp"];

/** A version that no service has; those that do not say one get an old one. */
export function checkVersion(version: string): StorageError | undefined {
  if (version === "" || (/^20\d\d-\d\d-\d\d$/.test(version) && version <= NEWEST_VERSION)) return undefined;
  return invalidHeaderValue("x-ms-version", version);
}

/** A path that is no percent-encoding. */
export function checkPath(path: string): StorageError | undefined {
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return invalidUri();
  }
}

/** Headers and query of an operation. */
export function checkRequest(operation: Operation, { query, headers }: OperationRequest): StorageError | undefined {
  const { name, table } = operation;
  if (name === "Put Blob") {
    const type = headers["x-ms-blob-type"];
    if (type === undefined) return missingHeader("x-ms-blob-type");
    if (type === "PageBlob" || type === "AppendBlob") return notEmulated(`Put Blob with x-ms-blob-type ${type}`);
    if (type !== "BlockBlob") return invalidHeaderValue("x-ms-blob-type", String(type));
  }
  const includes = INCLUDES[name];
  if (includes) {
    const results = query.get("maxresults");
    if (results !== null && !/^-?\d+$/.test(results)) return invalidQueryValue("maxresults", results);
    if (results !== null && Number(results) < 1) return queryValueOutOfRange("maxresults", results);
    const wrong = query
      .get("include")
      ?.split(",")
      .find((value) => value !== "" && !includes.includes(value.toLowerCase()));
    if (wrong !== undefined) return invalidQueryValue("include", wrong);
  }
  if (table !== undefined && !TABLE_NAME.test(table)) return invalidResourceName();
  if (name === "Delete Entity" && headers["if-match"] === undefined) return invalidInput();
  return undefined;
}

/** The JSON of a Create Table. */
export function checkTable(body: string): StorageError | undefined {
  const name = jsonObject(body)?.TableName;
  if (typeof name !== "string") return invalidInput();
  return TABLE_NAME.test(name) ? undefined : invalidResourceName();
}

/** The JSON of an entity. Its size is counted as Microsoft says in "Understanding the Table service data model". */
export function checkEntity(body: string): StorageError | undefined {
  const entity = jsonObject(body);
  if (!entity) return invalidInput();
  const properties = Object.entries(entity).filter(([name]) => !name.includes("odata."));
  const own = properties.filter(([name]) => !SYSTEM_PROPERTIES.includes(name));
  if (own.length > ENTITY_MAX_PROPERTIES) return tooManyProperties();
  const keys = `${entity.PartitionKey ?? ""}${entity.RowKey ?? ""}`;
  const sizes = own.map(([name, value]) => 8 + 2 * name.length + valueBytes(value, entity[`${name}@odata.type`]));
  const size = sizes.reduce((sum, bytes) => sum + bytes, 4 + 2 * keys.length);
  return size > ENTITY_MAX_BYTES ? entityTooLarge() : undefined;
}

function valueBytes(value: unknown, type: unknown): number {
  if (typeof value !== "string") return typeof value === "boolean" ? 1 : 8;
  if (type === "Edm.Binary") return 4 + Buffer.byteLength(value, "base64");
  if (type === "Edm.Guid") return 16;
  return type === undefined || type === "Edm.String" ? 4 + 2 * value.length : 8;
}

/** Undefined for every other body. */
export function jsonObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
