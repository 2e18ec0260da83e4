/** The module `@azure/functions-core` that the Functions library asks for: records what the app registers. Made by main.ts. */
import { registerHooks } from "node:module";
import type {
  FunctionCallback,
  FunctionMetadata,
  ProgrammingModel,
  RegisteredFunction,
  RpcLogCategory,
  RpcLogLevel,
} from "./core-types.ts";
import type { Log, LogLevel } from "./log.ts";

const HOOK_NAMES = ["preInvocation", "postInvocation", "appStart", "appTerminate", "log"] as const;
export type HookName = (typeof HOOK_NAMES)[number];
type HookCallback = (context: object) => unknown;

/** Where a log line of the app comes from; absent outside an invocation. */
export type LogOrigin = {
  readonly functionName: string;
  readonly invocationId: string;
  readonly hookData: object;
  readonly invocationContext: () => unknown;
};

/** Marks an error as the host's own, as the real worker does. */
function systemError<E extends Error>(error: E): E & { isAzureFunctionsSystemError: true } {
  return Object.assign(error, { isAzureFunctionsSystemError: true as const });
}

/** A hook context: `fixed` members can be read only, `open` ones changed by the hook. */
export function hookContext<O extends object>(fixed: Readonly<Record<string, unknown>>, open: O): O {
  for (const [name, value] of Object.entries(fixed)) {
    Object.defineProperty(open, name, {
      enumerable: true,
      get: () => value,
      set: () => {
        throw systemError(new TypeError(`Cannot assign to read only property '${name}'`));
      },
    });
  }
  return open;
}

const LOG_LEVELS: Readonly<Record<RpcLogLevel, LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  information: "Information",
  warning: "Warning",
  error: "Error",
  critical: "Critical",
  none: "None",
};

export type CoreModule = ReturnType<typeof createCoreModule>;

/** @param deps.version what the app sees as worker and host version */
export function createCoreModule(deps: { log: Log; version: string }) {
  const functions = new Map<string, RegisteredFunction>();
  const hooks = new Map<HookName, HookCallback[]>(HOOK_NAMES.map((name) => [name, []]));
  const appHookData = {};
  let model: ProgrammingModel | undefined;
  let started = false;

  class Disposable {
    readonly #onDispose: () => unknown;
    constructor(onDispose: () => unknown) {
      this.#onDispose = onDispose;
    }
    dispose(): unknown {
      return this.#onDispose();
    }
    static from(...items: { dispose(): unknown }[]): Disposable {
      return new Disposable(() => {
        for (const item of items) item.dispose();
      });
    }
  }

  /** A line of the app or the library, through the app's own log hooks. */
  function log(level: RpcLogLevel, category: RpcLogCategory, message: string, origin?: LogOrigin): void {
    const context = hookContext(
      { category, appHookData, hookData: origin?.hookData ?? {}, invocationContext: origin?.invocationContext() },
      { level, message },
    );
    try {
      for (const callback of hooks.get("log") ?? []) callback(context);
    } catch {
      // The real worker ignores failing log hooks too: they must not hide the line.
    }
    // Hooks may change only what the app itself logs.
    const said = category === "user" ? context : { level, message };
    const base = origin ? `Function.${origin.functionName}` : "Worker.node";
    deps.log({
      level: LOG_LEVELS[said.level] ?? "Information",
      category: category === "user" ? `${base}.User` : base,
      message: said.message,
      ...(origin && { function: origin.functionName, invocationId: origin.invocationId }),
    });
  }

  const api = {
    version: deps.version,
    hostVersion: deps.version,
    Disposable,
    setProgrammingModel(next: ProgrammingModel) {
      model = next;
    },
    getProgrammingModel: () => model,
    registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
      if (started) throw systemError(new Error("A function can only be registered during app startup."));
      const id = metadata.functionId ?? metadata.name;
      const name = metadata.name ?? id;
      if (!id || !name) throw systemError(new Error("A function needs a name."));
      if (functions.has(id)) throw systemError(new Error(`A function with id "${id}" has already been registered.`));
      functions.set(id, { name, metadata: { ...metadata, name }, callback });
      return new Disposable(() => {
        if (started) throw systemError(new Error("A function can only be disposed during app startup."));
        functions.delete(id);
      });
    },
    registerHook(name: string, callback: HookCallback): Disposable {
      const known = HOOK_NAMES.find((hook) => hook === name);
      const list = known && hooks.get(known);
      if (!list) throw systemError(new RangeError(`Unrecognized hook "${name}"`));
      list.push(callback);
      return new Disposable(() => {
        const index = list.indexOf(callback);
        if (index >= 0) list.splice(index, 1);
      });
    },
    log: (level: RpcLogLevel, category: RpcLogCategory, message: string) => log(level, category, message),
  };

  return {
    api,
    appHookData,
    log,
    /** The model of the library; undefined when the app registered nothing. */
    programmingModel: () => model,
    registered: (): readonly RegisteredFunction[] => [...functions.values()],
    /** After this no function can be registered. */
    finishStartup: () => {
      started = true;
    },
    /** Runs the hooks one after the other; what one throws ends the chain. */
    async runHooks(name: HookName, context: object): Promise<void> {
      for (const callback of [...(hooks.get(name) ?? [])]) await callback(context);
    },
  };
}

const MODULE_NAME = "@azure/functions-core";
const MODULE_URL = "functions-host:core";
const GLOBAL_KEY = "latchkey.functions-host.core";

/** Makes `require("@azure/functions-core")` answer with `api`, in every kind of module. Before the app is loaded. */
export function installCoreModule(api: object): void {
  Object.defineProperty(globalThis, Symbol.for(GLOBAL_KEY), { value: api, configurable: true });
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === MODULE_NAME
        ? { url: MODULE_URL, format: "commonjs", shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) =>
      url === MODULE_URL
        ? {
            format: "commonjs",
            source: `module.exports = globalThis[Symbol.for(${JSON.stringify(GLOBAL_KEY)})];`,
            shortCircuit: true,
          }
        : next(url, context),
  });
}
