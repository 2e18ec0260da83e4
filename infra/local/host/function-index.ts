/** Which registered functions are hosted, by the real host's rules, and in which order routes are tried. Called by main.ts. */
import type { Binding, RegisteredFunction } from "./core-types.ts";
import { createSchedule, type Schedule, ScheduleError } from "./ncrontab.ts";
import { parseRouteTemplate, type RouteTemplate, RouteTemplateError } from "./routes.ts";

export type AuthLevel = "anonymous" | "function" | "admin";

type Hosted = RegisteredFunction & {
  /** Name of the trigger binding. */
  readonly trigger: string;
  /** Names of the `durableClient` bindings. */
  readonly clients: readonly string[];
};
export type HttpFunction = Hosted & {
  readonly kind: "http";
  /** With the route prefix. */
  readonly route: RouteTemplate;
  /** Upper case. */
  readonly methods: readonly string[];
  readonly authLevel: AuthLevel;
};
export type TimerFunction = Hosted & {
  readonly kind: "timer";
  readonly schedule: Schedule;
  readonly runOnStartup: boolean;
  readonly useMonitor: boolean;
};
export type OrchestrationFunction = Hosted & { readonly kind: "orchestration" };
export type ActivityFunction = Hosted & { readonly kind: "activity" };
/** A further trigger is a further member here and a further case in `hostFunction`. */
export type HostedFunction = HttpFunction | TimerFunction | OrchestrationFunction | ActivityFunction;

/** A function that is not hosted. The real host also leaves it out, says so and goes on. */
export type FunctionProblem = { readonly name: string; readonly problem: string };
export type FunctionIndex = {
  readonly functions: readonly HostedFunction[];
  readonly problems: readonly FunctionProblem[];
};

/** Names that the real host takes; `host` is reserved besides. */
const FUNCTION_NAME = /^[a-z][a-z0-9_-]{0,127}$/i;
/** Beginnings of a route, compared without regard to case: `administrators` is refused too. */
const RESERVED_ROUTES = ["admin", "runtime"];
const AUTH_LEVELS: readonly AuthLevel[] = ["anonymous", "function", "admin"];

class FunctionRefused extends Error {}

type Context = {
  readonly routePrefix: string;
  readonly timeZone: string;
  /** App setting by name, for `%NAME%` in a schedule. */
  readonly setting: (name: string) => string | undefined;
};

function hostHttp(hosted: Hosted, binding: Binding, context: Context, taken: readonly HttpFunction[]): HttpFunction {
  const own = typeof binding.route === "string" && binding.route.trim() !== "" ? binding.route : hosted.name;
  if (RESERVED_ROUTES.some((reserved) => own.toLowerCase().startsWith(reserved))) {
    throw new FunctionRefused(`The route "${own}" conflicts with one or more built in routes.`);
  }
  const listed = Array.isArray(binding.methods) ? binding.methods : ["GET", "POST"];
  const methods = listed.map((method) => String(method).toUpperCase());
  const level = String(binding.authLevel ?? "anonymous").toLowerCase();
  const authLevel = AUTH_LEVELS.find((known) => known === level);
  if (!authLevel) throw new FunctionRefused(`This host does not know the authLevel "${level}".`);
  const route = parseRouteTemplate(context.routePrefix ? `${context.routePrefix}/${own}` : own);
  const rival = taken.find(
    (other) =>
      other.route.text.toLowerCase() === route.text.toLowerCase() && other.methods.some((m) => methods.includes(m)),
  );
  if (rival) throw new FunctionRefused(`The route conflicts with the route defined by function "${rival.name}".`);
  return { ...hosted, kind: "http", route, methods, authLevel };
}

function hostTimer(hosted: Hosted, binding: Binding, context: Context): TimerFunction {
  const expression = String(binding.schedule ?? "").replaceAll(/%([^%]*)%/g, (_, name: string) => {
    const value = context.setting(name);
    if (!value) throw new FunctionRefused(`"%${name}%" does not resolve to a value.`);
    return value;
  });
  return {
    ...hosted,
    kind: "timer",
    schedule: createSchedule(expression, context.timeZone),
    runOnStartup: binding.runOnStartup === true,
    useMonitor: binding.useMonitor !== false,
  };
}

function hostFunction(
  registered: RegisteredFunction,
  context: Context,
  taken: readonly HostedFunction[],
): HostedFunction {
  if (!FUNCTION_NAME.test(registered.name) || registered.name.toLowerCase() === "host") {
    throw new FunctionRefused(`"${registered.name}" is not a valid function name.`);
  }
  const bindings = Object.entries(registered.metadata.bindings);
  const [trigger, binding] = bindings.find(([, { type }]) => type?.toLowerCase().endsWith("trigger")) ?? [];
  if (!trigger || !binding) throw new FunctionRefused("The function has no trigger.");
  const isClient = ([, { type }]: (typeof bindings)[number]) => type?.toLowerCase() === "durableclient";
  const clients = bindings.filter(isClient).map(([name]) => name);
  const other = bindings.find(([name]) => name !== trigger && name !== "$return" && !clients.includes(name));
  if (other) throw new FunctionRefused(`This host does not know the binding type "${other[1].type}".`);
  const hosted = { ...registered, trigger, clients };
  switch (binding.type?.toLowerCase()) {
    case "httptrigger":
      return hostHttp(
        hosted,
        binding,
        context,
        taken.filter((f) => f.kind === "http"),
      );
    case "timertrigger":
      return hostTimer(hosted, binding, context);
    case "orchestrationtrigger":
      return { ...hosted, kind: "orchestration" };
    case "activitytrigger":
      return { ...hosted, kind: "activity" };
    case "entitytrigger":
      throw new FunctionRefused("This host runs no durable entities.");
    default:
      throw new FunctionRefused(`This host does not know the trigger type "${binding.type}".`);
  }
}

/** Order of the real host (`OrdinalIgnoreCase`): by upper-case code unit, so `-` comes before letters and `_` after. */
function byName(a: RegisteredFunction, b: RegisteredFunction): number {
  const [x, y] = [a.name.toUpperCase(), b.name.toUpperCase()];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Functions in the order in which their routes are tried; of two with one route and method the later by name is refused. */
export function indexFunctions(registered: readonly RegisteredFunction[], context: Context): FunctionIndex {
  const functions: HostedFunction[] = [];
  const problems: FunctionProblem[] = [];
  for (const one of [...registered].sort(byName)) {
    try {
      functions.push(hostFunction(one, context, functions));
    } catch (error) {
      const expected = [FunctionRefused, RouteTemplateError, ScheduleError].some((kind) => error instanceof kind);
      if (!expected || !(error instanceof Error)) throw error;
      problems.push({ name: one.name, problem: error.message });
    }
  }
  return { functions, problems };
}
