/** An engine with everything about it in memory, and orchestrators to run. For engine.test.ts. */
import type { Action } from "../../../../../infra/local/host/durable/actions.ts";
import { createEngine } from "../../../../../infra/local/host/durable/engine.ts";
import { completedTask, EVENT } from "../../../../../infra/local/host/durable/history.ts";
import type { InstanceState, Message } from "../../../../../infra/local/host/durable/instance.ts";
import type { TaskHubStore } from "../../../../../infra/local/host/durable/task-hub-store.ts";
import type { TurnDeps } from "../../../../../infra/local/host/durable/turn.ts";
import type { Log } from "../../../../../infra/local/host/log.ts";

type Stored = InstanceState & { messages: Map<string, Message> };
/** What is stored, by instance. */
export type Hub = Map<string, Stored>;

/** A table in memory. `before` and `after` are asked at each write, by its number. */
function memoryStore(
  hub: Hub,
  steps: { before?: (n: number) => unknown; after?: (n: number) => unknown; loaded?: (id: string) => unknown },
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
      await steps.loaded?.(id);
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
type Deps = { hub: Hub; runs: string[]; steps?: Parameters<typeof memoryStore>[1]; failsAt?: number; log?: Log };
/** An engine on a hub in memory: its clock stands, its activities return their names. */
export function engineOn({ hub, runs, steps = {}, failsAt, log = () => {} }: Deps) {
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
    log,
    now: () => 1_000,
    wait: async () => {},
  });
}
/** Lets everything that needs no time happen. */
export const settle = async () => {
  for (let i = 0; i < 200; i++) await new Promise((done) => setImmediate(done));
};
/** Ends the engine when it is so, or will not be. Timers of the engine fire at once: they are due. */
export const rest = async (engine: { stop(): void }, look: () => boolean) => {
  for (let i = 0; i < 50 && !look(); i++) {
    await settle();
    await new Promise((done) => setTimeout(done, 1));
  }
  engine.stop();
};
/** Whether every instance has completed. */
export const isDone = (hub: Hub) =>
  hub.size > 0 && [...hub.values()].every(({ record }) => record.status === "Completed");
/** The orchestration with a bit of everything. */
export const START = { name: "main", version: "", instanceId: "i", input: "0" };
