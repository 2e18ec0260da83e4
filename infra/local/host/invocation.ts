/** Runs one function as the real worker does: hooks, handler, timeout. Called by http-server.ts, timers.ts and admin-api.ts. */
import { type CoreModule, hookContext } from "./core-module.ts";
import type { CoreInvocationContext, TypedData } from "./core-types.ts";
import type { HostedFunction } from "./function-index.ts";
import { exceptionText, type Log } from "./log.ts";

export type InvocationResult =
  | { readonly ok: true; readonly returnValue: TypedData | null | undefined }
  | {
      readonly ok: false;
      readonly reason: "failed" | "timeout" /** What the function threw. */;
      readonly error?: unknown;
    };

export type Invoker = {
  /**
   * Never rejects. A timeout ends the wait, not the handler: the real host restarts the worker process instead.
   * @param reason why, for the log
   */
  invoke(
    hosted: HostedFunction,
    data: TypedData,
    reason: string,
    triggerMetadata?: Readonly<Record<string, TypedData>>,
  ): Promise<InvocationResult>;
  /** Settles when nothing runs any more. */
  idle(): Promise<void>;
};

/** What log lines of one invocation are joined with; `context` once the library has made it. */
type Scope = { readonly hookData: object; context: unknown };

/** The worker's rule: `throw null` and `throw undefined` count as success. */
const isError = (thrown: unknown): boolean => thrown !== null && thrown !== undefined;

async function run(core: CoreModule, hosted: HostedFunction, context: CoreInvocationContext, scope: Scope) {
  const model = core.programmingModel();
  if (!model) throw new Error("No programming model is registered.");
  const invocation = await model.getInvocationModel(context);
  const { context: invocationContext, inputs } = await invocation.getArguments();
  scope.context = invocationContext;

  const fixed = { hookData: scope.hookData, appHookData: core.appHookData, invocationContext };
  const before = hookContext(fixed, { functionCallback: hosted.callback, inputs });
  const withState = async <T>(state: CoreInvocationContext["state"], work: () => Promise<T>): Promise<T> => {
    context.state = state;
    try {
      return await work();
    } finally {
      context.state = undefined;
    }
  };
  await withState("preInvocationHooks", () => core.runHooks("preInvocation", before));

  const after = hookContext(fixed, { inputs: before.inputs, result: null as unknown, error: null as unknown });
  try {
    after.result = await withState("invocation", () =>
      invocation.invokeFunction(invocationContext, before.inputs, before.functionCallback),
    );
  } catch (error) {
    after.error = error;
  }
  await withState("postInvocationHooks", () => core.runHooks("postInvocation", after));
  if (isError(after.error)) throw after.error;
  return (await invocation.getResponse(invocationContext, after.result)).returnValue;
}

/**
 * @param deps.timeoutMs how long a function may run; null = no limit
 * @param deps.clientPayload value of `durableClient` bindings
 */
export function createInvoker(deps: {
  core: CoreModule;
  timeoutMs: number | null;
  log: Log;
  now: () => Date;
  newId: () => string;
  clientPayload?: () => string;
}): Invoker {
  const { core, log } = deps;
  const open = new Set<Promise<unknown>>();

  async function invoke(
    ...[hosted, data, reason, triggerMetadata = {}]: Parameters<Invoker["invoke"]>
  ): Promise<InvocationResult> {
    const invocationId = deps.newId();
    const started = deps.now().getTime();
    const line = { category: `Function.${hosted.name}`, function: hosted.name, invocationId };
    const scope: Scope = { hookData: {}, context: undefined };
    const origin = {
      functionName: hosted.name,
      invocationId,
      hookData: scope.hookData,
      invocationContext: () => scope.context,
    };
    const clients = hosted.clients.map((name) => ({ name, data: { string: deps.clientPayload?.() ?? "" } }));
    const context: CoreInvocationContext = {
      invocationId,
      metadata: hosted.metadata,
      request: { invocationId, inputData: [{ name: hosted.trigger, data }, ...clients], triggerMetadata },
      state: undefined,
      log: (level, category, message) => core.log(level, category, message, origin),
    };
    log({ ...line, level: "Information", message: `Executing 'Functions.${hosted.name}' (${reason})` });

    const ended = (outcome: string) => ({
      ...line,
      durationMs: deps.now().getTime() - started,
      message: `Executed 'Functions.${hosted.name}' (${outcome})`,
    });
    const work = run(core, hosted, context, scope).then(
      (returnValue): InvocationResult => {
        log({ ...ended("Succeeded"), level: "Information" });
        return { ok: true, returnValue };
      },
      (error: unknown): InvocationResult => {
        log({ ...ended("Failed"), level: "Error", exception: exceptionText(error) });
        return { ok: false, reason: "failed", error };
      },
    );
    const { timeoutMs } = deps;
    if (timeoutMs === null) return work;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<InvocationResult>((resolve) => {
      timer = setTimeout(() => {
        const message = `Timeout value of ${timeoutMs} ms was exceeded by function: Functions.${hosted.name}`;
        log({ ...line, level: "Error", message });
        resolve({ ok: false, reason: "timeout" });
      }, timeoutMs);
    });
    const result = await Promise.race([work, timeout]);
    clearTimeout(timer);
    return result;
  }

  return {
    invoke(...call) {
      const result = invoke(...call);
      open.add(result);
      return result.finally(() => open.delete(result));
    },
    async idle() {
      while (open.size > 0) await Promise.allSettled(open);
      // Whoever waited for a result goes first: a timer still has to store its state.
      await new Promise((done) => setImmediate(done));
    },
  };
}
