/** Error → application/problem+json (RFC 9457). The one table of code → status. Used by route.ts. */
import type { HttpResponseInit } from "@azure/functions";
import { z } from "zod";
import {
  ConflictError,
  DeniedError,
  type ErrorCode,
  InputError,
  LatchkeyError,
  LimitError,
  UpstreamError,
} from "../shared/errors.ts";

/** Every code with its HTTP status and title. docs/errors.md explains each; a test holds the two equal. */
export const PROBLEMS: Readonly<Record<ErrorCode, { status: number; title: string }>> = {
  INVALID_REQUEST: { status: 400, title: "The request is not valid" },
  TOKEN_MISSING: { status: 401, title: "No access token" },
  TOKEN_INVALID: { status: 401, title: "The access token is not valid" },
  TOKEN_EXPIRED: { status: 401, title: "The access token has expired" },
  TOKEN_WRONG_AUDIENCE: { status: 401, title: "The access token is for another service" },
  DENIED: { status: 403, title: "Not allowed" },
  GROUPS_OVERAGE: { status: 403, title: "The token leaves out the groups" },
  SCOPE_TOO_WIDE: { status: 403, title: "More is asked than granted" },
  ROLE_REQUIRED: { status: 403, title: "A role is missing" },
  NOT_FOUND: { status: 404, title: "Not found" },
  RESOURCE_NOT_FOUND: { status: 404, title: "Azure resource not found" },
  NAME_TAKEN: { status: 409, title: "The name is taken" },
  AMBIGUOUS_RESOURCE: { status: 409, title: "Several fit" },
  CONNECTOR_EXPIRED: { status: 409, title: "The connector has expired" },
  CONNECTOR_DISABLED: { status: 409, title: "The connector is disabled" },
  CONNECTOR_IN_USE: { status: 409, title: "The connector is in use" },
  LEASE_CLOSED: { status: 409, title: "The lease cannot be changed like this now" },
  PLAN_CHANGED: { status: 409, title: "The plan is not of this policy any more" },
  RUN_ACTIVE: { status: 409, title: "A purge of the registry is running" },
  ETAG_MISMATCH: { status: 412, title: "Somebody else changed it" },
  BODY_TOO_LARGE: { status: 413, title: "The body is too large" },
  SIGN_IN_FAILED: { status: 422, title: "The connector cannot sign in" },
  UNSUPPORTED_BY_METHOD: { status: 422, title: "The auth method cannot do this" },
  CROSS_TENANT: { status: 422, title: "The resource belongs to another tenant" },
  MODE_UNSUPPORTED: { status: 422, title: "The resource is not set up for this" },
  PATTERN_UNSUPPORTED: { status: 422, title: "A pattern is not supported" },
  IF_MATCH_REQUIRED: { status: 428, title: "If-Match is missing" },
  RATE_LIMITED: { status: 429, title: "Too many requests at once" },
  LEASE_LIMIT: { status: 429, title: "Too many leases are active" },
  REGISTRY_TOKEN_QUOTA: { status: 429, title: "The registry has no room for more tokens" },
  INTERNAL: { status: 500, title: "A defect of this service" },
  UPSTREAM_REFUSED: { status: 502, title: "Azure refused" },
  AUDIT_UNAVAILABLE: { status: 503, title: "The audit trail is not available" },
  STATE_UNAVAILABLE: { status: 503, title: "The state storage is not available" },
  VAULT_UNAVAILABLE: { status: 503, title: "The key vault is not available" },
  UPSTREAM_TIMEOUT: { status: 504, title: "Azure did not answer in time" },
};

/** Body of every error. */
export const problemSchema = z
  .object({
    type: z.string().describe("names the code as a URN"),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string().describe("what is wrong and what to do"),
    correlationId: z.string(),
    problems: z.array(z.object({ path: z.string(), expected: z.string() })).optional(),
    candidates: z.array(z.string()).optional().describe("canonical ids to choose from"),
  })
  .meta({ id: "Problem" });

/** The code of any thrown value: what is not ours is a defect. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof LatchkeyError ? error.code : "INTERNAL";
}

/** Never shows the input, a stack or another service's message. */
export function problemResponse(error: unknown, correlationId: string): HttpResponseInit & { status: number } {
  const code = codeOf(error);
  const { status, title } = PROBLEMS[code];
  const detail =
    error instanceof LatchkeyError
      ? error.message
      : "Something went wrong here. Report the correlationId to the operator.";
  const body: z.output<typeof problemSchema> = {
    type: `urn:latchkey:error:${code.toLowerCase()}`,
    title,
    status,
    code,
    detail,
    correlationId,
    ...(error instanceof InputError && error.problems.length > 0 ? { problems: [...error.problems] } : {}),
    ...(error instanceof ConflictError && error.candidates.length > 0 ? { candidates: [...error.candidates] } : {}),
  };
  return {
    status,
    headers: { "content-type": "application/problem+json", ...extraHeaders(error) },
    body: JSON.stringify(body),
  };
}

/** Source: RFC 6750, section 3, and RFC 9110, 10.2.3. */
function extraHeaders(error: unknown): Record<string, string> {
  if (error instanceof DeniedError && PROBLEMS[error.code].status === 401) {
    return { "www-authenticate": error.code === "TOKEN_MISSING" ? "Bearer" : 'Bearer error="invalid_token"' };
  }
  if (error instanceof UpstreamError && error.retryAfterSeconds !== null) {
    return { "retry-after": String(error.retryAfterSeconds) };
  }
  if (error instanceof LimitError) return { "retry-after": String(error.retryAfterSeconds) };
  return {};
}
