/** The refusals of Azure Storage that the guard gives; codes, statuses and texts as recorded from the live service. */
import type { StorageError } from "./storage-error.ts";

const SIGNATURE_TEXT =
  "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
const CHALLENGE_TEXT =
  "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";

/** The caller is who he says, but no role allows the operation. */
export function permissionMismatch(): StorageError {
  return {
    status: 403,
    code: "AuthorizationPermissionMismatch",
    message: "This request is not authorized to perform this operation using this permission.",
  };
}

/** @param detail what Azure puts into `AuthenticationErrorDetail` */
export function authenticationFailed(detail: string): StorageError {
  return {
    status: 403,
    code: "AuthenticationFailed",
    message: SIGNATURE_TEXT,
    more: { AuthenticationErrorDetail: detail },
    beforeService: true,
  };
}

/** A bearer token that is not good, for API versions that know the bearer challenge. */
export function invalidToken(detail: string, tenant: string): StorageError {
  return {
    status: 401,
    code: "InvalidAuthenticationInfo",
    message: CHALLENGE_TEXT,
    more: { AuthenticationErrorDetail: detail },
    challengeTenant: tenant,
    beforeService: true,
  };
}

/** No credential at all, for API versions that know the bearer challenge. */
export function noAuthentication(tenant: string): StorageError {
  return {
    status: 401,
    code: "NoAuthenticationInformation",
    message: CHALLENGE_TEXT,
    challengeTenant: tenant,
    beforeService: true,
  };
}

/** An Authorization header of no known scheme. */
export function malformedAuthorization(): StorageError {
  return {
    status: 400,
    code: "InvalidAuthenticationInfo",
    message: "Authentication information is not given in the correct format. Check the value of Authorization header.",
    beforeService: true,
  };
}

/** A key or a SAS made with one, on an account whose `allowSharedKeyAccess` is false. */
export function keyNotPermitted(): StorageError {
  return {
    status: 403,
    code: "KeyBasedAuthenticationNotPermitted",
    message: "Key based authentication is not permitted on this storage account.",
  };
}

/** An anonymous read on an account whose `allowBlobPublicAccess` is false. */
export function publicAccessNotPermitted(): StorageError {
  return {
    status: 409,
    code: "PublicAccessNotPermitted",
    message: "Public access is not permitted on this storage account.",
  };
}

/** Any other anonymous request: Azure does not say whether the thing is there. */
export function resourceNotFound(): StorageError {
  return { status: 404, code: "ResourceNotFound", message: "The specified resource does not exist." };
}

/** An XML node whose value Azure does not take. Its answers put the value into both members. */
export function invalidXmlNode(value: string): StorageError {
  return {
    status: 400,
    code: "InvalidXmlNodeValue",
    message: "The value for one of the XML nodes is not in the correct format.",
    more: { XmlNodeName: value, XmlNodeValue: value },
  };
}

/** A body that is no XML of the wanted shape. */
export function invalidXml(): StorageError {
  return { status: 400, code: "InvalidXmlDocument", message: "XML specified is not syntactically valid." };
}

/** A body without a node that must be there. */
export function missingXmlNode(name: string): StorageError {
  return {
    status: 400,
    code: "MissingRequiredXmlNode",
    message: "A required XML node was not specified in the request body.",
    more: { XmlNodeName: name },
  };
}

/** A body over the limit of its operation. */
export function bodyTooLarge(limitBytes: number): StorageError {
  return {
    status: 413,
    code: "RequestBodyTooLarge",
    message: "The request body is too large and exceeds the maximum permissible limit.",
    more: { MaxLimit: String(limitBytes) },
  };
}

/** What this local system does not have: the message names it. Not an answer of Azure. */
export function notEmulated(what: string): StorageError {
  return { status: 501, code: "NotImplemented", message: `The local storage service does not have: ${what}.` };
}

/** The guard or the store behind it failed. */
export function internalError(): StorageError {
  return {
    status: 500,
    code: "InternalError",
    message: "Server encountered an internal error. Please try again after some time.",
  };
}
