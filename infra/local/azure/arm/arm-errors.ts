/** What Azure Resource Manager refuses, with its own status, code and text. Thrown by the handlers, answered by arm.ts. */

/** Whose way of writing an error: `registry` says `status` beside it, `cluster` has no `error` around it. */
export type ErrorForm = "arm" | "registry" | "cluster";

/** One refusal. `gateway` tells ARM's own answers from those of the resource provider behind it. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly gateway: boolean;
  /** Challenge of a 401. */
  readonly challenge: string | undefined;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** How the body is written: in ARM's form, or as that of the provider. */
  readonly form: ErrorForm;

  constructor(
    status: number,
    code: string,
    message: string,
    options: {
      readonly gateway?: boolean;
      readonly challenge?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly form?: ErrorForm;
    } = {},
  ) {
    super(message);
    this.name = "ArmError";
    this.status = status;
    this.code = code;
    this.gateway = options.gateway ?? true;
    this.challenge = options.challenge;
    this.headers = options.headers ?? {};
    this.form = options.form ?? "arm";
  }
}

/**
 * Error in the form that every answer of ARM has (resource provider contract, "error response content"), or in that of
 * a provider. Source: azure-cli recording test_repository_token_create; errors of AKS as its Go SDK prints them.
 */
export function armErrorBody(error: {
  readonly code: string;
  readonly message: string;
  readonly form?: ErrorForm;
}): string {
  const { code, message, form } = error;
  if (form === "cluster") return JSON.stringify({ code, details: null, message, subcode: "" });
  return JSON.stringify({ error: { code, message }, ...(form === "registry" ? { status: "Failed" } : {}) });
}

/** 400: no `api-version` in the query. ARM looks at this before it looks at the token. */
export function missingApiVersion(): ArmError {
  const message = "The api-version query parameter (?api-version=) is required for all requests.";
  return new ArmError(400, "MissingApiVersionParameter", message);
}

/** 400: an operation of ARM itself does not know the version. */
export function invalidApiVersion(version: string, supported: readonly string[]): ArmError {
  const message = `The api-version '${version}' is invalid. The supported versions are '${supported.join(",")}'.`;
  return new ArmError(400, "InvalidApiVersionParameter", message);
}

/** 400: the resource provider does not know the version. */
export function noRegisteredProvider(
  version: string,
  type: string,
  location: string,
  supported: readonly string[],
): ArmError {
  const message = `No registered resource provider found for location '${location}' and API version '${version}' for type '${type}'. The supported api-versions are '${supported.join(", ")}'. The supported locations are '${location}'.`;
  return new ArmError(400, "NoRegisteredProviderFound", message);
}

/** 400: the subscription in the path is no GUID. */
export function invalidSubscriptionId(subscription: string): ArmError {
  const message = `The provided subscription identifier '${subscription}' is malformed or invalid.`;
  return new ArmError(400, "InvalidSubscriptionId", message);
}

/** 404: no such subscription, whoever asks. */
export function subscriptionNotFound(subscription: string): ArmError {
  return new ArmError(404, "SubscriptionNotFound", `The subscription '${subscription}' could not be found.`);
}

/** 404: no such resource group. */
export function resourceGroupNotFound(group: string): ArmError {
  return new ArmError(404, "ResourceGroupNotFound", `Resource group '${group}' could not be found.`);
}

/** 404: no such resource; `resource` is `Microsoft.Storage/storageAccounts/NAME`. */
export function resourceNotFound(resource: string, group: string): ArmError {
  const message = `The Resource '${resource}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`;
  return new ArmError(404, "ResourceNotFound", message);
}

/** 404 of the storage resource provider, in the blob service's words (seven digits of a second). */
export function containerNotFound(requestId: string, now: Date): ArmError {
  const message = `The specified container does not exist.\nRequestId:${requestId}\nTime:${now.toISOString().replace("Z", "0000Z")}`;
  return new ArmError(404, "ContainerNotFound", message, { gateway: false });
}

/** 400 of the storage resource provider: a query value that it cannot use. */
export function invalidRequestParameter(parameter: string): ArmError {
  const message = `Values for request parameters are invalid: ${parameter}.`;
  return new ArmError(400, "InvalidValuesForRequestParameters", message, { gateway: false });
}

/** What the storage resource provider calls itself in its answers. */
export const STORAGE_SERVER =
  "Microsoft-Azure-Storage-Resource-Provider/1.0,Microsoft-HTTPAPI/2.0 Microsoft-HTTPAPI/2.0";

/**
 * 429 of the storage resource provider. Source: Azure/azure-cli issue 28959, with its `Retry-After`, which is none of
 * the true wait.
 */
export function storageListsThrottled(): ArmError {
  const message =
    "The request is being throttled as the limit has been reached for operation type - List_ObservationWindow_00:05:00. For more information, see - https://aka.ms/srpthrottlinglimits";
  const headers = { "retry-after": "30", server: STORAGE_SERVER };
  return new ArmError(429, "TooManyRequests", message, { gateway: false, headers });
}

/** 429 of ARM itself. Source: vmware-tanzu/velero issue 9171. */
export function subscriptionThrottled(
  kind: "read" | "write" | "delete",
  subscription: string,
  objectId: string,
): ArmError {
  const message = `Number of '${kind}' requests for subscription '${subscription}' actor '${objectId}' exceeded. Please try again after '10' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.`;
  return new ArmError(429, "SubscriptionRequestsThrottled", message, { headers: { "retry-after": "10" } });
}

/** 400: a body that is no JSON. */
export function invalidRequestContent(): ArmError {
  return new ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.");
}

/** 403: no role assignment allows the action at the scope. */
export function authorizationFailed(
  caller: { readonly client: string; readonly objectId: string },
  action: string,
  scope: string,
): ArmError {
  const message = `The client '${caller.client}' with object id '${caller.objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`;
  return new ArmError(403, "AuthorizationFailed", message);
}

/** 501: this emulator has no such operation. Azure may well have it. */
export function operationNotImplemented(operation: string): ArmError {
  const message = `The local Azure Resource Manager has no operation ${operation}.`;
  return new ArmError(501, "NotImplemented", message);
}
