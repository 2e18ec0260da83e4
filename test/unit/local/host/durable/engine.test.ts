/** The engine on a store that fails at every step: after each crash a new engine ends the work as if nothing had been. */
import { describe, expect, it } from "vitest";
import type { Action } from "../../../../../infra/local/host/durable/actions.ts";
import { createEngine } from "../../../../../infra/local/host/durable/engine.ts";
import { completedTask, EVENT } from "../../../../../infra/local/host/durable/history.ts";
import type { InstanceState, Message } from "../../../../../infra/local/host/durable/instance.ts";
import type { TaskHubStore } from "../../../../../infra/local/host/durable/task-hub-store.ts";
import type { TurnDeps } from "../../../../../infra/local/host/durable/turn.ts";

type Stored = InstanceState & { messages: Map<string, Message> };
type Hub = Map<string, Stored>;
const NEVER = new Promise<never>(() => {});

/** A table in memory. `before` and `after` are asked at each write, by its number. */
function memoryStore(
  hub: Hub,
  steps: { before?: (n: number) => unknown; after?: (n: number) => unknown; loaded?: () => unknown },
): TaskHubStore {
  let count = 0;
  const write = async (work: () => void) => {
    const number = count++;
    await steps.before?.(number);
    work();
    await steps.after?.(number);
  };
  const copy = <T>(value: T): T => structuredClone(value);
  return {
    list: async () => [...hub.values()].map(({ record }) => copy(record)),
    record: async (id) => copy(hub.get(id)?.record),
    async load(id) {
      const stored = hub.get(id);
      const read = stored && copy({ ...stored, messages: [...stored.messages.values()] });
      await steps.loaded?.();
      return read;
    },
    clean: async () => {},
    create: (record) => write(() => void hub.set(record.instanceId, { record, history: [], messages: new Map() })),
    post: (id, message) => write(() => void hub.get(id)?.messages.set(message.key, message)),
    commit: ({ state, consumed }) =>
      write(() => {
        const stored = hub.get(state.record.instanceId);
        if (!stored) return;
        for (const { key } of consumed) {
          // As the service does: nothing of a transaction is done when one of its changes is not possible.
          if (!stored.messages.has(key)) throw new Error("404");
        }
        for (const { key } of consumed) stored.messages.delete(key);
        hub.set(state.record.instanceId, { ...copy(state), messages: stored.messages });
      }),
    purge: (id) => write(() => void hub.delete(id)),
  };
}

const activity = (functionName: string): Action => ({ actionType: 0, functionName, input: functionName });
/** Orchestrators as the library plays them: all actions so far, done when `needed` tasks have ended. */
const call: TurnDeps["call"] = async (record, history) => {
  const ended = history.filter((event) => completedTask(event) !== undefined).length;
  const answer = (steps: readonly Action[][], output: unknown) => {
    let needed = 0;
    const actions: Action[] = [];
    for (const step of steps) {
      if (ended < needed) break;
      actions.push(step.length === 1 && step[0] ? step[0] : { actionType: 12, compoundActions: step });
      needed += step.length;
    }
    return {
      isDone: ended >= needed && actions.length === steps.length,
      actions,
      output,
      error: undefined,
      customStatus: undefined,
    };
  };
  if (record.name === "child") {
    const state = answer([[activity("c")]], "child");
    const isFailed = history.some(({ EventType }) => EventType === EVENT.taskFailed);
    return isFailed ? { ...state, isDone: false, error: "failed" } : state;
  }
  if (record.name === "waits") {
    const raised = history.filter(({ EventType }) => EventType === EVENT.eventRaised).length;
    const actions: Action[] = [{ actionType: 6, externalEventName: "go" }];
    return { isDone: raised > 0, actions, output: raised, error: undefined, customStatus: undefined };
  }
  const generation = Number(JSON.parse(record.input ?? "0"));
  const child: Action = { actionType: 2, functionName: "child", input: generation };
  const timer: Action = { actionType: 5, fireAt: new Date(0).toISOString(), isCanceled: false };
  const steps = [[activity("a")], [activity("b1"), activity("b2"), child], [timer], [activity("d")]];
  if (generation >= 2) return answer(steps, "all");
  const state = answer(steps, null);
  return state.isDone ? { ...state, actions: [...state.actions, { actionType: 4, input: generation + 1 }] } : state;
};

/** `failsAt`: the number of the activity that fails, from 1. */
type Deps = { hub: Hub; runs: string[]; steps?: Parameters<typeof memoryStore>[1]; failsAt?: number };
function engineOn({ hub, runs, steps = {}, failsAt }: Deps) {
  return createEngine({
    store: memoryStore(hub, steps),
    callOrchestrator: call,
    async runActivity({ name, instanceId, taskId }) {
      runs.push(`${instanceId} ${name}`);
      if (runs.length === failsAt) {
        return { EventType: EVENT.taskFailed, TaskScheduledId: taskId, Reason: "r", Details: "d" };
      }
      return { EventType: EVENT.taskCompleted, TaskScheduledId: taskId, Result: JSON.stringify(name) };
    },
    log: () => {},
    now: () => 1_000,
    wait: async () => {},
  });
}
const settle = async () => {
  for (let i = 0; i < 200; i++) await new Promise((done) => setImmediate(done));
};
/** Timers of the engine fire at once: they are due. */
const rest = async (engine: { stop(): void }, look: () => boolean) => {
  for (let i = 0; i < 50 && !look(); i++) {
    await settle();
    await new Promise((done) => setTimeout(done, 1));
  }
  engine.stop();
};
const isDone = (hub: Hub) => hub.size > 0 && [...hub.values()].every(({ record }) => record.status === "Completed");
const START = { name: "main", version: "", instanceId: "i", input: "0" };

describe("engine", () => {
  it("runs activities, children, timers and generations to the end", async () => {
    const hub: Hub = new Map();
    const runs: string[] = [];
    const engine = engineOn({ hub, runs });
    engine.goOn();
    expect(await engine.start(START)).toBe(true);
    expect(await engine.start(START)).toBe(false);
    await rest(engine, () => isDone(hub));
    expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: '"all"', generation: 3 });
    // Three generations of a, b1, b2, d and one child each.
    expect(runs.filter((run) => run.startsWith("i "))).toHaveLength(12);
    expect(runs.filter((run) => run.endsWith(" c"))).toHaveLength(3);
  });

  it.each(["before", "after"] as const)(
    "a crash %s each write in turn: the next host ends the work, and nothing counts twice",
    async (moment) => {
      for (let crashAt = 0; ; crashAt++) {
        const hub: Hub = new Map();
        const runs: string[] = [];
        let crashed = false;
        const crash = (number: number) => {
          if (number >= crashAt) crashed = true;
          // Nothing of this host goes on, as after kill -9.
          return crashed ? NEVER : undefined;
        };
        const first = engineOn({ hub, runs, steps: { [moment]: crash } });
        first.goOn();
        void first.start(START);
        await rest(first, () => crashed || isDone(hub));
        if (!crashed) {
          expect(crashAt).toBeGreaterThan(20);
          return;
        }
        const second = engineOn({ hub, runs });
        await second.load();
        second.goOn();
        if (!hub.has("i")) await second.start(START);
        await rest(second, () => isDone(hub));
        expect([crashAt, hub.get("i")?.record]).toMatchObject([crashAt, { status: "Completed", output: '"all"' }]);
        for (const { history, messages } of hub.values()) {
          const ended = history.map(completedTask).filter((id) => id !== undefined);
          expect(new Set(ended).size).toBe(ended.length);
          expect(history.filter(({ EventType }) => EventType === EVENT.executionCompleted)).toHaveLength(1);
          expect(messages.size).toBe(0);
        }
      }
    },
    60_000,
  );

  it.each(["before", "after"] as const)(
    "a write that fails %s it is done, each in turn, is tried again",
    async (moment) => {
      for (let failAt = 0; ; failAt++) {
        const hub: Hub = new Map();
        let failed = false;
        const fail = (number: number) => {
          if (number !== failAt) return;
          failed = true;
          throw new Error("no answer");
        };
        const engine = engineOn({ hub, runs: [], steps: { [moment]: fail } });
        engine.goOn();
        const begun = engine.start(START);
        // The client is told, and tries again; what is stored runs without that.
        if (failAt === 0) await expect(begun).rejects.toThrow("no answer");
        if (failAt === 0 && moment === "before") await engine.start(START);
        await rest(engine, () => isDone(hub));
        expect([failAt, hub.get("i")?.record]).toMatchObject([failAt, { status: "Completed", output: '"all"' }]);
        for (const { messages } of hub.values()) expect([failAt, messages.size]).toEqual([failAt, 0]);
        if (!failed) {
          expect(failAt).toBeGreaterThan(20);
          return;
        }
      }
    },
  );

  it.each([
    ["before", 0],
    ["before", 1],
    ["after", 0],
    ["after", 1],
  ] as const)(
    "a rewind fails %s its write %i is done: the client tries again, and the instance runs",
    async (moment, failAt) => {
      const hub: Hub = new Map();
      const failing = engineOn({ hub, runs: [], failsAt: 1 });
      failing.goOn();
      await failing.start({ ...START, name: "child" });
      await rest(failing, () => hub.get("i")?.record.status === "Failed");
      let failed = false;
      const fail = (number: number) => {
        if (number !== failAt) return;
        failed = true;
        throw new Error("no answer");
      };
      const engine = engineOn({ hub, runs: [], steps: { [moment]: fail } });
      await engine.load();
      engine.goOn();
      await expect(engine.rewind("i", "r")).rejects.toThrow("no answer");
      expect(failed).toBe(true);
      // With the last write done it goes on of itself.
      if (moment === "before" || failAt === 0) expect(await engine.rewind("i", "r")).toBe("done");
      await rest(engine, () => isDone(hub));
      expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: '"child"' });
    },
  );

  it("a message that is stored while an instance is read again is not lost", async () => {
    const hub: Hub = new Map();
    let failures = 0;
    let engine: ReturnType<typeof engineOn> | undefined;
    let raised: Promise<unknown> | undefined;
    const steps = {
      // The commit of the first turn.
      before: (number: number) => {
        if (number === 1 && failures++ === 0) throw new Error("no answer");
      },
      async loaded() {
        raised ??= engine?.raise("i", "go", "1");
        await settle();
      },
    };
    engine = engineOn({ hub, runs: [], steps });
    engine.goOn();
    await engine.start({ ...START, name: "waits" });
    await rest(engine, () => isDone(hub));
    expect(await raised).toBe(true);
    expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: "1" });
  });

  it("the history of an ended instance is not read while its rewind is written", async () => {
    const hub: Hub = new Map();
    const failing = engineOn({ hub, runs: [], failsAt: 1 });
    failing.goOn();
    await failing.start({ ...START, name: "child" });
    await rest(failing, () => hub.get("i")?.record.status === "Failed");
    const order: string[] = [];
    const steps = {
      before: async (number: number) => {
        if (number === 1) await settle();
      },
      after: (number: number) => order.push(`write ${number}`),
      loaded: () => order.push("load"),
    };
    const engine = engineOn({ hub, runs: [], steps });
    await engine.load();
    const rewound = engine.rewind("i", "r");
    const read = engine.history("i");
    await rewound;
    await read;
    // The first look is the rewind's own.
    expect(order).toEqual(["load", "write 0", "write 1", "load"]);
    engine.stop();
  });
});
