/** One HTTP route: who may call it, what it takes, what it answers. Every route goes through registerRoutes. */
import type {
  FunctionInput,
  app as functionsApp,
  HttpRequest,
  HttpResponseInit,
  InvocationContext,
} from "@azure/functions";
import { z } from "zod";
import type { VerifyCaller } from "../shared/azure/caller-token.ts";
import { UpstreamError } from "../shared/errors.ts";
import { principalHash } from "../shared/ids.ts";
import { createLog, type Log, type LogFields } from "../shared/log.ts";
import { parse } from "../shared/parse.ts";
import { type Principal, type Role, requireRole } from "../shared/principal.ts";
import type { DriveRun } from "../shared/purge/ports.ts";
import type { TakeTurn } from "../shared/rate-limit.ts";
import { codeOf, problemResponse } from "./problem.ts";
import { readJson, readQuery } from "./read-request.ts";

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
/** What a handler of a driving route gets as well. */
export type Driving = { readonly drive: DriveRun };
/** What a handler gives back; the body is sent as JSON, undefined with 204. */
export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  /** Instead of `body`: a text as it stands, of the type that the route declares. */
  readonly text?: string;
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
  /** A request without a body is as one with `{}`. */
  readonly isBodyOptional?: boolean;
  /** The answer when all is well; no schema = no body. */
  readonly answer: {
    readonly status: number;
    readonly description: string;
    readonly schema?: z.ZodType;
    /** Media type of answers that are a text, where the caller may choose one. */
    readonly textType?: string;
  };
};
/** A route as the app and the API description know it. */
export type Route = RouteShape &
  (
    | { readonly access: "anonymous"; handle(call: { correlationId: string }): Promise<Answer> }
    | {
        readonly access: readonly [Role, ...Role[]];
        readonly drives?: false;
        handle(call: Call<unknown, unknown, unknown>): Promise<Answer>;
      }
    | {
        readonly access: readonly [Role, ...Role[]];
        readonly drives: true;
        handle(call: Call<unknown, unknown, unknown> & Driving): Promise<Answer>;
      }
  );

type Declared<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> = Omit<
  RouteShape,
  "params" | "query" | "body"
> & {
  readonly access: readonly [Role, ...Role[]];
  readonly params: P;
  readonly query: Q;
  readonly body: B | null;
};

/** Declares a route for signed-in callers; schemas give the handler its types. */
export function route<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  declared: Declared<P, Q, B> & { handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer> },
): Route {
  // The wrapper parses with these very schemas before it calls, so the types hold.
  return declared as Route;
}

/** As route, for one that starts runs: it gets the host's durable client, which costs the others nothing. */
export function drivingRoute<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  declared: Declared<P, Q, B> & {
    handle(call: Call<z.output<P>, z.output<Q>, z.output<B>> & Driving): Promise<Answer>;
  },
): Route {
  return { ...declared, drives: true } as Route;
}

/** What the wrapper around every handler needs. */
export type RouteDeps = {
  readonly verifyCaller: VerifyCaller;
  /** Of routes that are limited. */
  readonly takeTurn: TakeTurn;
  readonly now: () => Date;
  readonly newId: () => string;
  /** The durable client of routes that drive; null in an app that has none of them. */
  readonly durable: { readonly input: FunctionInput; driverOf(context: InvocationContext): DriveRun } | null;
};

/**
 * Registers every route with the Functions runtime. All are `anonymous` for the host: keys are no identity.
 * @throws Error for a route without a declared access, or without the client that it drives with: the app does not start
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
    const isDriving = declared.access !== "anonymous" && declared.drives === true;
    if (isDriving && deps.durable === null) throw new Error(`The route ${declared.name} has no client to drive with.`);
    app.http(declared.name, {
      methods: [declared.method],
      route: declared.path,
      authLevel: "anonymous",
      ...(isDriving && deps.durable !== null ? { extraInputs: [deps.durable.input] } : {}),
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
    const drive: DriveRun = async (run) => {
      try {
        await deps.durable?.driverOf(context)(run);
      } catch (error) {
        // Whoever drives may go on without: the timer does it later. That it failed is to be seen all the same.
        logFailure(log, error, correlationId, "purge");
        throw error;
      }
    };
    const answer = await handle(declared, deps, request, { correlationId, drive }, (caller) => {
      Object.assign(answered, { principalHash: principalHash(caller) });
    });
    Object.assign(answered, answer.facts);
    const content = contentOf(declared, answer);
    response = {
      status: answer.status,
      headers: { ...(content === null ? {} : { "content-type": content.type }), ...answer.headers },
      ...(content === null ? {} : { body: content.body }),
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

function contentOf({ answer: { textType } }: Route, { body, text }: Answer): { type: string; body: string } | null {
  if (text !== undefined) {
    if (textType === undefined) throw new Error("A text is no answer of this route.");
    return { type: textType, body: text };
  }
  return body === undefined ? null : { type: "application/json", body: JSON.stringify(body) };
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
  { correlationId, drive }: { correlationId: string } & Driving,
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
  const body =
    declared.body === null ? undefined : parse(declared.body, await readJson(request, declared.isBodyOptional), "body");
  const preconditions = {
    ifMatch: request.headers.get("if-match"),
    ifNoneMatch: request.headers.get("if-none-match"),
  };
  const call = { caller, rule: `role:${role}`, params, query, body, preconditions, correlationId };
  return declared.drives === true ? declared.handle({ ...call, drive }) : declared.handle(call);
}

/** No parameters in the path or query. */
export const nothing = z.strictObject({});
