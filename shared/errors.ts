/** Every error that a caller can meet: closed codes, one class per reaction. Mapped to HTTP by functions/problem.ts. */

/** The caller must change the request (400, 413, 422, 428). */
export type InputCode =
  | "INVALID_REQUEST"
  | "BODY_TOO_LARGE"
  | "SIGN_IN_FAILED"
  | "UNSUPPORTED_BY_METHOD"
  | "CROSS_TENANT"
  | "MODE_UNSUPPORTED"
  | "PATTERN_UNSUPPORTED"
  | "IF_MATCH_REQUIRED";
/** The caller is not known, or may not (401, 403). */
export type DeniedCode =
  | "TOKEN_MISSING"
  | "TOKEN_INVALID"
  | "TOKEN_EXPIRED"
  | "TOKEN_WRONG_AUDIENCE"
  | "DENIED"
  | "GROUPS_OVERAGE"
  | "SCOPE_TOO_WIDE"
  | "ROLE_REQUIRED";
/** What was named is not there (404). */
export type NotFoundCode = "NOT_FOUND" | "RESOURCE_NOT_FOUND";
/** What was asked does not fit what is there (409, 412). */
export type ConflictCode =
  | "NAME_TAKEN"
  | "AMBIGUOUS_RESOURCE"
  | "CONNECTOR_EXPIRED"
  | "CONNECTOR_DISABLED"
  | "CONNECTOR_IN_USE"
  | "ETAG_MISMATCH"
  | "LEASE_CLOSED"
  | "PLAN_CHANGED"
  | "RUN_ACTIVE";
/** Too much at once: the same request may be sent again later (429). */
export type LimitCode = "RATE_LIMITED" | "LEASE_LIMIT" | "REGISTRY_TOKEN_QUOTA";
/** Something that we depend on failed; nothing was issued or changed (502, 503, 504). */
export type UpstreamCode =
  | "UPSTREAM_REFUSED"
  | "UPSTREAM_TIMEOUT"
  | "AUDIT_UNAVAILABLE"
  | "STATE_UNAVAILABLE"
  | "VAULT_UNAVAILABLE";
/** A defect of ours (500); its detail never reaches the caller. */
export type InternalCode = "INTERNAL";

/** The closed list of codes; docs/errors.md explains each. */
export type ErrorCode = InputCode | DeniedCode | NotFoundCode | ConflictCode | LimitCode | UpstreamCode | InternalCode;

/** `detail` is for a person: what is wrong and what to do. It never holds a secret or the raw input. */
export class LatchkeyError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(detail, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Repeating the same request cannot help: it must change. */
export class InputError extends LatchkeyError {
  /** Where the input is wrong: JSON paths and what was expected there, never the value. */
  readonly problems: readonly InputProblem[];
  constructor(code: InputCode, detail: string, options?: { cause?: unknown; problems?: readonly InputProblem[] }) {
    super(code, detail, options);
    this.problems = options?.problems ?? [];
  }
}
/** One wrong place in the input, e.g. `{ path: "/ttlSeconds", expected: "a number from 60 to 86400" }`. */
export type InputProblem = { readonly path: string; readonly expected: string };

/** The caller has no right to this, or is not known. */
export class DeniedError extends LatchkeyError {
  constructor(code: DeniedCode, detail: string, options?: { cause?: unknown }) {
    super(code, detail, options);
  }
}

/** The named thing does not exist, or not for this caller. */
export class NotFoundError extends LatchkeyError {
  constructor(code: NotFoundCode, detail: string, options?: { cause?: unknown }) {
    super(code, detail, options);
  }
}

/** The state of things does not allow it now. */
export class ConflictError extends LatchkeyError {
  /** For AMBIGUOUS_RESOURCE: canonical ids to choose from. */
  readonly candidates: readonly string[];
  constructor(code: ConflictCode, detail: string, options?: { cause?: unknown; candidates?: readonly string[] }) {
    super(code, detail, options);
    this.candidates = options?.candidates ?? [];
  }
}

/** The caller has reached a limit of its own. */
export class LimitError extends LatchkeyError {
  /** Whole seconds, 1 and up: before that the same request meets the same limit. */
  readonly retryAfterSeconds: number;
  constructor(code: LimitCode, detail: string, retryAfterSeconds: number) {
    super(code, detail);
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterSeconds));
  }
}

/** A dependency failed. `retryable`: the same call may work later. */
export class UpstreamError extends LatchkeyError {
  readonly retryable: boolean;
  /** What the service asked for in Retry-After, if it did. */
  readonly retryAfterSeconds: number | null;
  /** What the service answered, for the log. */
  readonly failure: { readonly name: string; readonly status: number | null; readonly code: string | null } | null;
  constructor(
    code: UpstreamCode,
    detail: string,
    options: {
      cause?: unknown;
      retryable: boolean;
      retryAfterSeconds?: number | null;
      failure?: UpstreamError["failure"];
    },
  ) {
    super(code, detail, options);
    this.retryable = options.retryable;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.failure = options.failure ?? null;
  }
}

/** What was asked cannot be done while the thing is as it is, e.g. a cluster that is stopped: waiting is no failed attempt. */
export class NotNowError extends UpstreamError {
  constructor(detail: string) {
    super("UPSTREAM_REFUSED", detail, { retryable: true });
  }
}
