import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CoreModule, createCoreModule } from "../../../../infra/local/host/core-module.ts";
import type { FunctionCallback } from "../../../../infra/local/host/core-types.ts";
import type { HostedFunction } from "../../../../infra/local/host/function-index.ts";
import { createInvoker } from "../../../../infra/local/host/invocation.ts";
import type { LogEntry } from "../../../../infra/local/host/log.ts";
import { createSchedule } from "../../../../infra/local/host/ncrontab.ts";

/** As small as a programming model can be: the trigger's text is the only input, the result becomes text. */
function setUp(callback: FunctionCallback, timeoutMs: number | null = null) {
  const log: LogEntry[] = [];
  const core: CoreModule = createCoreModule({ log: (entry) => log.push(entry), version: "test" });
  const states: unknown[] = [];
  core.api.setProgrammingModel({
    name: "test",
    version: "1",
    getCapabilities: async (capabilities) => capabilities,
    getInvocationModel: (context) => ({
      getArguments: async () => ({ context: "ctx", inputs: [context.request.inputData[0]?.data.string] }),
      invokeFunction: async (_, inputs, handler) => {
        states.push(context.state);
        return handler(...inputs);
      },
      getResponse: async (_, result) => ({ returnValue: { string: String(result) } }),
    }),
  });
  const hosted: HostedFunction = {
    kind: "timer",
    name: "f",
    clients: [],
    trigger: "t",
    metadata: { name: "f", bindings: {} },
    callback,
    schedule: createSchedule("0 0 * * *", "UTC"),
    runOnStartup: false,
    useMonitor: false,
  };
  const deps = { core, timeoutMs, log: (entry: LogEntry) => log.push(entry), now: () => new Date(), newId: () => "id" };
  const invoker = createInvoker(deps);
  return { core, log, states, invoker, invoke: () => invoker.invoke(hosted, { string: "in" }, "test") };
}
const thrower = (thrown: unknown) => () => {
  throw thrown;
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("invoke", () => {
  it("gives the handler its input and returns its result", async () => {
    const { invoke, states } = setUp((input) => `${input}-out`);
    expect(await invoke()).toEqual({ ok: true, returnValue: { string: "in-out" } });
    expect(states).toEqual(["invocation"]);
  });

  it.each([
    [new Error("x"), false],
    ["text", false],
    [0, false],
    [null, true],
    [undefined, true],
  ])("a thrown %j is success: %j", async (thrown, ok) => {
    expect((await setUp(thrower(thrown)).invoke()).ok).toBe(ok);
  });

  it("hooks may replace inputs, handler and result, and share hook data", async () => {
    const { core, invoke } = setUp(() => "unused");
    core.api.registerHook("preInvocation", (context) =>
      Object.assign(context, { inputs: ["new"], functionCallback: (input: unknown) => `${input}!` }),
    );
    core.api.registerHook("preInvocation", (context) => Object.assign(Reflect.get(context, "hookData"), { seen: 1 }));
    core.api.registerHook("postInvocation", (context) =>
      Object.assign(context, { result: `${Reflect.get(context, "result")}${Reflect.get(context, "hookData").seen}` }),
    );
    expect(await invoke()).toEqual({ ok: true, returnValue: { string: "new!1" } });
  });

  it("a post hook may forgive an error; a hook that throws, or writes what is read-only, fails the invocation", async () => {
    const forgiven = setUp(thrower(new Error("x")));
    forgiven.core.api.registerHook("postInvocation", (context) => Object.assign(context, { error: null, result: "r" }));
    expect(await forgiven.invoke()).toEqual({ ok: true, returnValue: { string: "r" } });
    const thrown = setUp(() => "r");
    thrown.core.api.registerHook("preInvocation", thrower(new Error("x")));
    expect(await thrown.invoke()).toMatchObject({ ok: false, reason: "failed" });
    const written = setUp(() => "r");
    written.core.api.registerHook("preInvocation", (context) => Object.assign(context, { hookData: {} }));
    expect(await written.invoke()).toMatchObject({ ok: false, reason: "failed" });
  });

  it("a function that runs too long is a timeout, whatever it does later", async () => {
    const late = () => new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 5_000));
    const { invoke, log } = setUp(late, 1_000);
    const result = invoke();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await result).toEqual({ ok: false, reason: "timeout" });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(log.filter(({ level }) => level === "Error")).toHaveLength(2);
  });

  it("idle waits for what is open", async () => {
    const { invoke, invoker } = setUp(() => new Promise((done) => setTimeout(done, 1_000)));
    const seen: string[] = [];
    void invoke().then(() => seen.push("ended"));
    void invoker.idle().then(() => seen.push("idle"));
    await vi.advanceTimersByTimeAsync(999);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(seen).toEqual(["ended", "idle"]);
  });
});

describe("registration", () => {
  it("refuses a second function of one name, a function after startup, and an unknown hook", () => {
    const { core } = setUp(() => undefined);
    const metadata = { name: "g", bindings: {} };
    core.api.registerFunction(metadata, () => undefined).dispose();
    core.api.registerFunction(metadata, () => undefined);
    const system = expect.objectContaining({ isAzureFunctionsSystemError: true });
    expect(() => core.api.registerFunction(metadata, () => undefined)).toThrow(system);
    core.finishStartup();
    expect(() => core.api.registerFunction({ ...metadata, name: "h" }, () => undefined)).toThrow(system);
    expect(() => core.api.registerHook("nope", () => undefined)).toThrow(RangeError);
    expect(core.registered().map(({ name }) => name)).toEqual(["g"]);
  });
});
