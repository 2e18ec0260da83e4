/** What an API server refuses: Status objects with Kubernetes' own texts. Thrown everywhere here, sent by kubernetes.ts. */

/** One of several faults of an object. */
export type StatusCause = { readonly reason: string; readonly message: string; readonly field?: string };

/** What a refusal names. */
export type StatusDetails = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
};

/** One refusal. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(status: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

/** `reason` of answers that say no more than their status. Source: k8s.io/apimachinery, pkg/apis/meta/v1/types.go. */
const USUAL_REASONS: Readonly<Record<number, string>> = {
  408: "Timeout",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** The Status object of a refusal. */
export function statusOf(error: {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails | undefined;
}) {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: error.message,
    reason: error.reason,
    ...(error.details === undefined ? {} : { details: error.details }),
    code: error.status,
  };
}

/** @param code a reason, or a word of the frame's for a status that has a usual one here */
export function plannedStatus({ status, code, message }: { status: number; code: string; message: string }) {
  return statusOf({ status, reason: USUAL_REASONS[status] ?? code, message });
}

/** What an object's resource is called in refusals. */
export type Named = { readonly group: string; readonly plural: string; readonly kind: string };

const qualified = ({ group, plural }: Named) => (group === "" ? plural : `${plural}.${group}`);
const inGroup = ({ group }: Named) => (group === "" ? {} : { group });

export const unauthorized = () => new ApiError(401, "Unauthorized", "Unauthorized");
export const badRequest = (message: string) => new ApiError(400, "BadRequest", message);
export const notFound = (resource: Named, name: string) =>
  new ApiError(404, "NotFound", `${qualified(resource)} "${name}" not found`, {
    name,
    ...inGroup(resource),
    kind: resource.plural,
  });
/** A path that means nothing below a group and version that is served. */
export const unknownResource = () =>
  new ApiError(404, "NotFound", "the server could not find the requested resource", {});
export const methodNotAllowed = () =>
  new ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});
export const alreadyExists = (resource: Named, name: string) =>
  new ApiError(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`, {
    name,
    ...inGroup(resource),
    kind: resource.plural,
  });
/** @param why e.g. that a precondition failed */
export const conflict = (resource: Named, name: string, why: string) =>
  new ApiError(409, "Conflict", `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, {
    name,
    ...inGroup(resource),
    kind: resource.plural,
  });
/** The object itself is wrong. */
export const invalid = (resource: Named, name: string, causes: readonly Required<StatusCause>[]) => {
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  const faults = causes.map(({ field, message }) => `${field}: ${message}`);
  const all = faults.length === 1 ? faults[0] : `[${faults.join(", ")}]`;
  return new ApiError(422, "Invalid", `${kind} "${name}" is invalid: ${all}`, {
    name,
    ...inGroup(resource),
    kind: resource.kind,
    causes: causes.map(({ reason, message, field }) => ({ reason, message, field })),
  });
};
/** The real API server has it, the local one has not. */
export const notEmulated = (what: string) =>
  new ApiError(501, "NotImplemented", `The local API server has no operation ${what}.`);
