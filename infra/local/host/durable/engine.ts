/** Runs orchestrations: one turn after the other for each instance, activities, timers, children. Made by durable-host.ts. */
import { randomUUID } from "node:crypto";
import { exceptionText } from "../log.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { Actor, Core, EngineDeps } from "./engine-core.ts";
import { type InstanceState, isEnded, type Message } from "./instance.ts";
import { instanceRequests } from "./instance-requests.ts";
import { UnreadableInstance } from "./task-hub-store.ts";
import { runTurn } from "./turn.ts";

/** Milliseconds between tries while the storage account does not answer: doubled from the first up to the second. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

export type Engine = ReturnType<typeof createEngine>;

export function createEngine(deps: EngineDeps) {
  const { store, log } = deps;
  const actors = new Map<string, Actor>();
  const queues = new Map<string, Promise<unknown>>();
  let state: "loading" | "running" | "stopped" = "loading";

  const newId = () => randomUUID().replaceAll("-", "");
  const category = "Host.Durable";

  const core: Core = {
    ...deps,
    actors,
    newId,
    isStopped: () => state === "stopped",
    async insist(what, work) {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
        try {
          return await work();
        } catch (error) {
          if (state === "stopped") return undefined;
          log({ level: "Warning", category, message: `${what}: trying again.`, exception: exceptionText(error) });
          await deps.wait(pause);
        }
      }
    },
    alone(instanceId, work) {
      const result = (queues.get(instanceId) ?? Promise.resolve()).then(work);
      const settled = result.catch(() => {});
      queues.set(instanceId, settled);
      void settled.then(() => queues.get(instanceId) === settled && queues.delete(instanceId));
      return result;
    },
    // Alone: what comes as an instance ends must not reach the next one under its id, nor get lost while one is read again.
    post: (instanceId, message) =>
      core.alone(instanceId, async () => {
        await core.current(instanceId);
        const actor = actors.get(instanceId);
        if (!actor) return false;
        await store.post(instanceId, message);
        actor.inbox.set(message.key, message);
        wake(instanceId);
        return true;
      }),
    async current(instanceId) {
      const running = actors.get(instanceId);
      if (running) return running.state.record;
      const record = await store.record(instanceId);
      if (!record || isEnded(record)) return record;
      const stored = await store.load(instanceId);
      if (stored) resume(stored, stored.messages);
      return stored?.record;
    },
    async begin({ record, history }, messages, write) {
      const { instanceId } = record;
      try {
        await write();
      } catch (error) {
        // It may be stored all the same, and the client may not ask again: what is stored runs.
        const look = () => core.alone(instanceId, () => core.current(instanceId));
        void core.insist(`Start of orchestration ${instanceId}`, look);
        throw error;
      }
      resume({ record, history }, messages);
    },
  };
  const dispatcher = createDispatcher(core);

  function host(stored: InstanceState, messages: readonly Message[]): Actor {
    const inbox = new Map(messages.map((message) => [message.key, message]));
    const fresh = { begun: new Set<number>(), timers: new Map(), running: false, again: false };
    const actor: Actor = { state: stored, inbox, ...fresh };
    actors.set(stored.record.instanceId, actor);
    return actor;
  }

  /** Lets an instance go on as it is stored. */
  function resume(stored: InstanceState, messages: readonly Message[]): void {
    const actor = host(stored, messages);
    if (state !== "running") return;
    dispatcher.dispatch(actor);
    wake(stored.record.instanceId);
  }

  /** One turn. @returns whether there may be another one at once */
  async function turn(actor: Actor): Promise<boolean> {
    if (core.isStopped()) return false;
    const before = actor.state.record;
    const done = await runTurn({ call: deps.callOrchestrator, now: deps.now, newExecutionId: newId }, actor.state, [
      ...actor.inbox.values(),
    ]);
    if (!done || core.isStopped()) return false;
    await store.commit(done);
    actor.state = done.state;
    for (const { key } of done.consumed) actor.inbox.delete(key);
    const { record } = done.state;
    if (record.generation !== before.generation) dispatcher.forget(actor);
    if (isEnded(record)) {
      dispatcher.forget(actor);
      actors.delete(record.instanceId);
      dispatcher.tellParent(record);
      return false;
    }
    dispatcher.dispatch(actor);
    return true;
  }

  /** After a commit of which nobody knows whether it was done: what is stored counts. */
  async function reload(actor: Actor): Promise<void> {
    const { instanceId } = actor.state.record;
    const stored = await store.load(instanceId);
    if (!stored || isEnded(stored.record)) {
      dispatcher.forget(actor);
      actors.delete(instanceId);
      if (stored) dispatcher.tellParent(stored.record);
      return;
    }
    if (stored.record.executionId !== actor.state.record.executionId) dispatcher.forget(actor);
    actor.state = stored;
    const known = new Set(stored.messages.map(({ key }) => key));
    for (const key of actor.inbox.keys()) if (!known.has(key)) actor.inbox.delete(key);
    for (const message of stored.messages) actor.inbox.set(message.key, message);
    dispatcher.dispatch(actor);
  }

  async function run(actor: Actor): Promise<void> {
    const { instanceId } = actor.state.record;
    let failed = false;
    do {
      actor.again = false;
      const what = `Turn of orchestration ${instanceId}`;
      await core.insist(what, () =>
        core.alone(instanceId, async () => {
          if (actors.get(instanceId) !== actor) return;
          if (failed) await reload(actor);
          failed = true;
          while (actors.get(instanceId) === actor && (await turn(actor))) {}
          failed = false;
        }),
      );
    } while (actor.again && actors.get(instanceId) === actor && state !== "stopped");
    // In one go with the look at `again`: what comes later must find that nobody runs.
    actor.running = false;
  }

  function wake(instanceId: string): void {
    const actor = actors.get(instanceId);
    if (!actor || state !== "running") return;
    actor.again = true;
    if (actor.running) return;
    actor.running = true;
    void run(actor);
  }

  return {
    ...instanceRequests(core),
    /** Reads every instance that has not ended. Before requests are taken. */
    async load(): Promise<void> {
      const records = await store.list();
      for (const { instanceId } of records.filter((record) => !isEnded(record))) {
        try {
          const stored = await store.load(instanceId);
          if (!stored || isEnded(stored.record)) continue;
          host(stored, stored.messages);
          await store.clean(stored.record);
        } catch (error) {
          // One of them must not keep all others, and the app, from running.
          if (!(error instanceof UnreadableInstance)) throw error;
          const message = `Orchestration ${instanceId} cannot be read, and does not go on.`;
          log({ level: "Error", category, message, exception: exceptionText(error) });
        }
      }
      const message = `${actors.size} of ${records.length} orchestrations go on.`;
      log({ level: "Information", category, message });
    },
    /** Does again what was open when the last host ended, and goes on. */
    goOn(): void {
      state = "running";
      for (const [instanceId, actor] of [...actors]) {
        dispatcher.dispatch(actor);
        wake(instanceId);
      }
    },
    /** No further turn and no further activity begins; what runs may end, and the next host goes on from there. */
    stop(): void {
      state = "stopped";
      for (const actor of actors.values()) dispatcher.forget(actor);
    },
    /** Settles when every end that is known is stored. */
    idle: dispatcher.idle,
  };
}
