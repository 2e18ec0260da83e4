/** One HTTP route: who may call it, what it takes, what it answers. Every route goes through registerRoutes. */
import type { app as functionsApp, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import { z } from "zod";
import type { VerifyCaller } from "../shared/azure/caller-token.ts";
import { InputError, UpstreamError } from "../shared/errors.ts";
import { principalHash } from "../shared/ids.ts";
import { createLog, type Log, type LogFields } from "../shared/log.ts";
import { parse } from "../shared/parse.ts";
import { type Principal, type Role, requireRole } from "../shared/principal.ts";
import type { TakeTurn } from "../shared/rate-limit.ts";
import { codeOf, problemResponse } from "./problem.ts";

/** Largest body that is read, in bytes; the largest valid request is a tenth of it. */
export const MAX_BODY_BYTES = 64 * 1024;
/** Lines of a defect's stack that are logged. */
const MAX_FRAMES = 8;

/** What a handler gets: everything checked already. */
export type Call<P, Q, B> = {
  readonly caller: Principal;
  /** What let the caller in, for records: `role:<app role>`. */
  readonly rule: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** What the caller saw of a thing that it changes. */
  readonly preconditions: { readonly ifMatch: string | null; readonly ifNoneMatch: string | null };
  readonly correlationId: string;
};
/** What a handler gives back; the body is sent as JSON, undefined with 204. */
export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the log says of it, besides status and time. */
  readonly facts?: Pick<LogFields, "connector" | "leaseId" | "resourceId">;
};

type RouteShape = {
  /** Name of the function, `<file>-<verb>`; the host matches routes in the order of these names. */
  readonly name: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/`, e.g. `connectors/{nameOrId}`. */
  readonly path: string;
  readonly summary: string;
  /** Gives out credentials or costs calls: callers are held to a rate, before anything of theirs is looked at. */
  readonly isLimited?: boolean;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | null;
  /** The answer when all is well; no schema = no body. */
  readonly answer: { readonly status: number; readonly description: string; readonly schema?: z.ZodType };
};
/** A route as the app and the API description know it. */
export type Route = RouteShape &
  (
    | { readonly access: "anonymous"; handle(call: { correlationId: string }): Promise<Answer> }
    | { readonly access: readonly [Role, ...Role[]]; handle(call: Call<unknown, unknown, unknown>): Promise<Answer> }
  );

/** Declares a route for signed-in callers; schemas give the handler its types. */
export function route<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  declared: Omit<RouteShape, "params" | "query" | "body"> & {
    readonly access: readonly [Role, ...Role[]];
    readonly params: P;
    readonly query: Q;
    readonly body: B | null;
    handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer>;
  },
): Route {
  // The wrapper parses with these very schemas before it calls, so the types hold.
  return declared as Route;
}

/** What the wrapper around every handler needs. */
export type RouteDeps = {
  readonly verifyCaller: VerifyCaller;
  /** Of routes that are limited. */
  readonly takeTurn: TakeTurn;
  readonly now: () => Date;
  readonly newId: () => string;
};

/**
 * Registers every route with the Functions runtime. All are `anonymous` for the host: keys are no identity.
 * @throws Error for a route without a declared access, so that the app does not start with one
 */
export function registerRoutes(
  app: Pick<typeof functionsApp, "http">,
  routes: readonly Route[],
  deps: RouteDeps,
): void {
  for (const declared of routes) {
    if (declared.access !== "anonymous" && !(declared.access?.length > 0)) {
      throw new Error(`The route ${declared.name} declares no role.`);
    }
    app.http(declared.name, {
      methods: [declared.method],
      route: declared.path,
      authLevel: "anonymous",
      handler: (request, context) => answerCall(declared, deps, request, context),
    });
  }
}

async function answerCall(
  declared: Route,
  deps: RouteDeps,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const startedAt = deps.now().getTime();
  const correlationId = deps.newId();
  const log = createLog({
    info: (line) => context.info(line),
    warn: (line) => context.warn(line),
    error: (line) => context.error(line),
  });
  const answered: LogFields = {};
  let response: HttpResponseInit & { status: number };
  try {
    const answer = await handle(declared, deps, request, correlationId, (caller) => {
      Object.assign(answered, { principalHash: principalHash(caller) });
    });
    Object.assign(answered, answer.facts);
    response = {
      status: answer.status,
      headers: { ...(answer.body === undefined ? {} : { "content-type": "application/json" }), ...answer.headers },
      ...(answer.body === undefined ? {} : { body: JSON.stringify(answer.body) }),
    };
  } catch (error) {
    response = problemResponse(error, correlationId);
    Object.assign(answered, { code: codeOf(error) });
    logFailure(log, error, correlationId);
  }
  const milliseconds = deps.now().getTime() - startedAt;
  log.info("http.answered", {
    function: declared.name,
    status: response.status,
    milliseconds,
    correlationId,
    ...answered,
  });
  return {
    ...response,
    headers: {
      ...response.headers,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-correlation-id": correlationId,
    },
  };
}

/**
 * Messages stay out: they may repeat input. A defect is found by its place, an upstream failure by what Azure said.
 * @param area of the events' names; the timer has its own
 */
export function logFailure(log: Log, error: unknown, correlationId: string, area = "http"): void {
  if (error instanceof UpstreamError) {
    const { failure, code } = error;
    log.warn(`${area}.upstream-failed`, {
      correlationId,
      code,
      ...(failure === null ? {} : { errorName: failure.name }),
      ...(failure?.status == null ? {} : { upstreamStatus: failure.status }),
      ...(failure?.code == null ? {} : { upstreamCode: failure.code }),
    });
  } else if (codeOf(error) === "INTERNAL") {
    const { name, message, stack = "" } = error instanceof Error ? error : new Error();
    // Without the message first: its lines may look like frames.
    const frames = stack
      .replace(message, "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line));
    log.error(`${area}.defect`, {
      correlationId,
      errorName: name,
      frames: frames.slice(0, MAX_FRAMES).join("").replace(/\s+/g, " ").trim(),
    });
  }
}

async function handle(
  declared: Route,
  deps: RouteDeps,
  request: HttpRequest,
  correlationId: string,
  onCaller: (caller: Principal) => void,
): Promise<Answer> {
  if (declared.access === "anonymous") return declared.handle({ correlationId });
  // Who calls and whether they may comes before anything of the request is read.
  const caller = await deps.verifyCaller(request.headers.get("authorization"));
  onCaller(caller);
  const role = requireRole(caller, declared.access);
  if (declared.isLimited === true) deps.takeTurn(principalHash(caller));
  const params = parse(declared.params, request.params, "path");
  const query = parse(declared.query, readQuery(request.query), "query");
  const body = declared.body === null ? undefined : parse(declared.body, await readJson(request), "body");
  const preconditions = {
    ifMatch: request.headers.get("if-match"),
    ifNoneMatch: request.headers.get("if-none-match"),
  };
  return declared.handle({ caller, rule: `role:${role}`, params, query, body, preconditions, correlationId });
}

/** @throws InputError INVALID_REQUEST for a name given twice: which one counts would be a guess */
function readQuery(query: URLSearchParams): Record<string, string> {
  const names = [...query.keys()];
  if (new Set(names).size !== names.length) {
    throw new InputError("INVALID_REQUEST", "A query parameter is given twice. Give each once.");
  }
  return Object.fromEntries(query);
}

async function readJson(request: HttpRequest): Promise<unknown> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > MAX_BODY_BYTES) throw tooLarge();
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw new InputError("INVALID_REQUEST", "Send the body as JSON with the header Content-Type: application/json.");
  }
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge();
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), refuseProto);
  } catch (error) {
    if (error instanceof InputError) throw error;
    // The parser's own message repeats the text, which may hold a secret.
    throw new InputError("INVALID_REQUEST", "The body is not valid JSON in UTF-8.");
  }
}

/** The schema library leaves a member of this name out of a record instead of judging it. */
function refuseProto(name: string, value: unknown): unknown {
  if (name === "__proto__") {
    throw new InputError("INVALID_REQUEST", "The body has a member named __proto__. Give it another name.");
  }
  return value;
}

function tooLarge(): InputError {
  return new InputError("BODY_TOO_LARGE", `The body is larger than ${MAX_BODY_BYTES} bytes. Send less.`);
}

/** No parameters in the path or query. */
export const nothing = z.strictObject({});
