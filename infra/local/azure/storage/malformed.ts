/** The refusals of Azure Storage to requests of a wrong form or size (checks.ts, storage.ts); texts as refusals.ts. */
import type { StorageError } from "./storage-error.ts";

/** A header that has to be there. */
export function missingHeader(name: string): StorageError {
  return {
    status: 400,
    code: "MissingRequiredHeader",
    message: "An HTTP header that's mandatory for this request is not specified.",
    more: { HeaderName: name },
  };
}

/** A header whose value Azure does not take; of the API version the service itself learns nothing. */
export function invalidHeaderValue(name: string, value: string): StorageError {
  return {
    status: 400,
    code: "InvalidHeaderValue",
    message: "The value for one of the HTTP headers is not in the correct format.",
    more: { HeaderName: name, HeaderValue: value },
    beforeService: name === "x-ms-version",
  };
}

/** A query value that Azure does not know. */
export function invalidQueryValue(name: string, value: string): StorageError {
  return {
    status: 400,
    code: "InvalidQueryParameterValue",
    message: "Value for one of the query parameters specified in the request URI is invalid.",
    more: { QueryParameterName: name, QueryParameterValue: value, Reason: "" },
  };
}

/** A number in the query that is too small. */
export function queryValueOutOfRange(name: string, value: string): StorageError {
  return {
    status: 400,
    code: "OutOfRangeQueryParameterValue",
    message: "One of the query parameters specified in the request URI is outside the permissible range.",
    more: {
      ...{ QueryParameterName: name, QueryParameterValue: value },
      ...{ MinimumAllowed: "1", MaximumAllowed: "2147483647" },
    },
  };
}

/** A path that cannot be decoded. */
export function invalidUri(): StorageError {
  return {
    status: 400,
    code: "InvalidUri",
    message: "The requested URI does not represent any resource on the server.",
  };
}

/** A table name with other characters than letters and digits. The typing error is Azure's. */
export function invalidResourceName(): StorageError {
  return {
    status: 400,
    code: "InvalidResourceName",
    message: "The specifed resource name contains invalid characters.",
  };
}

/** An entity with more properties than Azure keeps. */
export function tooManyProperties(): StorageError {
  return {
    status: 400,
    code: "TooManyProperties",
    message:
      "The entity contains more properties than allowed. Each entity can include up to 252 properties to store data. Each entity also has 3 system properties.",
  };
}

/** An entity over 1 MiB. */
export function entityTooLarge(): StorageError {
  return {
    status: 400,
    code: "EntityTooLarge",
    message: "The entity is larger than the maximum allowed size (1MB).",
  };
}

/** A transaction over more than one partition. */
export function differentPartitions(): StorageError {
  return {
    status: 400,
    code: "CommandsInBatchActOnDifferentPartitions",
    message: "All commands in a batch must operate on same entity group.",
  };
}

/** A transaction that touches an entity twice. */
export function duplicateRow(): StorageError {
  return {
    status: 400,
    code: "InvalidDuplicateRow",
    message:
      "The batch request contains multiple changes with same row key. An entity can appear only once in a batch request.",
  };
}

/** Input that is not as it should be; also a table transaction that holds no operation, or too many. */
export function invalidInput(): StorageError {
  return { status: 400, code: "InvalidInput", message: "One of the request inputs is not valid." };
}
