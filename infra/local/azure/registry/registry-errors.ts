/** What a registry refuses, in the form that all its endpoints share. Thrown by the handlers, answered by container-registry.ts. */
import type { Access } from "./access.ts";

/** Where people are sent who are refused. Source: recordings of the service. */
const AUTHENTICATION_REQUIRED = "authentication required, visit https://aka.ms/acr/authorization for more information.";

/** One refusal. `detail` undefined leaves the member out. */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: unknown;
  /** Value of `WWW-Authenticate`. */
  readonly challenge: string | undefined;
  /** Value of `Retry-After`, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { readonly detail?: unknown; readonly challenge?: string; readonly retryAfter?: number | undefined } = {},
  ) {
    super(message);
    this.name = "RegistryError";
    this.status = status;
    this.code = code;
    this.detail = options.detail;
    this.challenge = options.challenge;
    this.retryAfter = options.retryAfter;
  }
}

/** Errors of a registry end with a line feed. */
export function registryErrorBody(error: {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}): string {
  const detail = error.detail === undefined ? {} : { detail: error.detail };
  return `${JSON.stringify({ errors: [{ code: error.code, message: error.message, ...detail }] })}\n`;
}

/**
 * 401 of everything that takes access tokens: a registry never answers 403.
 * @param needed what the request needs; none for the bare `/v2/`
 * @param reason undefined when no token came
 */
export function unauthorized(
  host: string,
  needed: readonly Access[],
  reason?: "invalid_token" | "insufficient_scope",
): RegistryError {
  const scopes = needed.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`);
  const challenge = [
    `Bearer realm="https://${host}/oauth2/token"`,
    `service="${host}"`,
    ...(scopes.length > 0 ? [`scope="${scopes.join(" ")}"`] : []),
    ...(reason === undefined ? [] : [`error="${reason}"`]),
  ].join(",");
  const detail = needed.flatMap(({ type, name, actions }) =>
    actions.map((action) => ({ Type: type, Name: name, Action: action })),
  );
  return new RegistryError(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, {
    challenge,
    detail: detail.length > 0 ? detail : null,
  });
}

/** 401 of a password that is not good: the challenge then asks for another one. */
export function badBasic(): RegistryError {
  return new RegistryError(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, {
    challenge: 'Basic realm="Azure Container Registry"',
  });
}

/** 401 of the token endpoints, without a challenge. */
export function signInRefused(correlationId: string): RegistryError {
  return new RegistryError(401, "UNAUTHORIZED", `${AUTHENTICATION_REQUIRED} CorrelationId: ${correlationId}`);
}

/** 400 of the token endpoints: the form cannot be used. */
export function badForm(message: string): RegistryError {
  return new RegistryError(400, "BAD_REQUEST", message);
}

/** 501 of what this registry does not do. */
export function notImplemented(operation: string): RegistryError {
  return new RegistryError(501, "UNSUPPORTED", `The local registry has no operation ${operation}.`);
}

export function nameInvalid(name: string): RegistryError {
  return new RegistryError(400, "NAME_INVALID", "invalid repository name", { detail: { name } });
}

export function nameUnknown(name: string): RegistryError {
  const message = "repository name not known to registry";
  return new RegistryError(404, "NAME_UNKNOWN", message, { detail: { name } });
}

export function manifestUnknown(detail: unknown): RegistryError {
  return new RegistryError(404, "MANIFEST_UNKNOWN", "manifest unknown", { detail });
}

/** 404, without a detail. Source: recordings. */
export function tagUnknown(): RegistryError {
  return new RegistryError(404, "TAG_UNKNOWN", "the specified tag does not exist");
}

/** 405 of what a lock forbids. Source: a thread of acr-cli (70). */
export function disallowed(): RegistryError {
  const help = "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation";
  const message = `The operation is disallowed on this registry, repository or image. View troubleshooting steps at ${help}`;
  return new RegistryError(405, "REGISTRY_DISALLOWED_OPERATION", message, { detail: {} });
}

/** 429. @param retryAfter seconds; undefined leaves the header out */
export function tooManyRequests(retryAfter: number | undefined): RegistryError {
  return new RegistryError(429, "TOOMANYREQUESTS", "too many requests", { retryAfter });
}

export function manifestInvalid(detail: string): RegistryError {
  return new RegistryError(400, "MANIFEST_INVALID", "manifest invalid", { detail });
}

/** 400: a manifest names what the repository does not have. */
export function manifestBlobUnknown(digest: string): RegistryError {
  return new RegistryError(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", { detail: digest });
}

export function blobUnknown(digest: string): RegistryError {
  return new RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", { detail: digest });
}

export function uploadUnknown(): RegistryError {
  return new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
}

/** 400: no digest, or not that of what came. */
export function digestInvalid(detail: string): RegistryError {
  const message = "provided digest did not match uploaded content";
  return new RegistryError(400, "DIGEST_INVALID", message, { detail });
}

/** 416: a chunk that does not begin where the last one ended, or a range outside of a blob. */
export function rangeInvalid(): RegistryError {
  return new RegistryError(416, "RANGE_INVALID", "invalid content range");
}

/** 413. */
export function tooLarge(): RegistryError {
  return new RegistryError(413, "SIZE_INVALID", "the content is larger than the registry takes");
}
