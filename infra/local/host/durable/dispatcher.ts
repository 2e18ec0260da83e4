/**
 * Does what the history of an instance asks for: all of it is derived from the history, so a host that starts again does it
 * again. Called by engine.ts.
 */
import type { Actor, Core } from "./engine-core.ts";
import { type Completion, EVENT, openTasks } from "./history.ts";
import { completionKey, type InstanceRecord, isEnded } from "./instance.ts";

/** setTimeout holds at most 24.8 days; timers of the framework are shorter, but a clock may be set. */
const LONGEST_TIMEOUT_MS = 2_000_000_000;

type Open = ReturnType<typeof openTasks>[number];

export type Dispatcher = {
  /** Begins every open task that this process has not begun. Nothing that a host which is stopping would begin. */
  dispatch(actor: Actor): void;
  /** The tasks of this actor are no longer waited for. */
  forget(actor: Actor): void;
  /** Tells the parent, if there is one, how this instance ended. */
  tellParent(record: InstanceRecord): void;
  /** Settles when every end that is known is stored. */
  idle(): Promise<void>;
};

/** How the end of a child looks to its parent. */
function endOfChild(record: InstanceRecord, taskId: number): Completion {
  if (record.status === "Completed") {
    return { EventType: EVENT.subOrchestrationCompleted, TaskScheduledId: taskId, Result: record.output };
  }
  const output: unknown = record.output === null ? "" : JSON.parse(record.output);
  const Reason = record.status === "Terminated" ? `Orchestration terminated: ${output}` : String(output);
  const failed = { EventType: EVENT.subOrchestrationFailed, TaskScheduledId: taskId } as const;
  return { ...failed, Reason, Details: `The sub-orchestration function '${record.name}' failed.` };
}

export function createDispatcher(core: Core): Dispatcher {
  const telling = new Set<Promise<unknown>>();
  async function complete(instanceId: string, executionId: string, taskId: number, event: Completion): Promise<void> {
    const key = completionKey(executionId, taskId);
    const message = { key, at: core.now(), kind: "completion", executionId, event } as const;
    const what = `End of task ${taskId} of orchestration ${instanceId}`;
    const told = core.insist(what, () => core.post(instanceId, message));
    telling.add(told);
    await told.finally(() => telling.delete(told));
  }

  async function runActivity(record: InstanceRecord, task: Open & { EventType: 4 }): Promise<void> {
    const [input] = JSON.parse(task.Input) as unknown[];
    const event = await core.runActivity({
      name: task.Name,
      instanceId: record.instanceId,
      input,
      taskId: task.EventId,
    });
    if (event) await complete(record.instanceId, record.executionId, task.EventId, event);
  }

  function armTimer(actor: Actor, task: Open & { EventType: 10 }): void {
    const { EventId: id, FireAt } = task;
    const { instanceId, executionId } = actor.state.record;
    const left = Date.parse(FireAt) - core.now();
    const fire = () => {
      if (left > LONGEST_TIMEOUT_MS) armTimer(actor, task);
      else void complete(instanceId, executionId, id, { EventType: EVENT.timerFired, TimerId: id, FireAt });
    };
    actor.timers.set(id, setTimeout(fire, Math.max(0, Math.min(left, LONGEST_TIMEOUT_MS))));
  }

  async function beginChild(record: InstanceRecord, task: Open & { EventType: 7 }): Promise<void> {
    const { instanceId: parentId, executionId, name } = record;
    const taskId = task.EventId;
    const tell = (event: Completion) => complete(parentId, executionId, taskId, event);
    const begun = await core.insist(`Start of sub-orchestration ${task.InstanceId}`, () =>
      core.alone(task.InstanceId, async (): Promise<InstanceRecord | "begun" | "taken"> => {
        const old = await core.current(task.InstanceId);
        const isOurs = old?.parent?.executionId === executionId && old.parent.taskId === taskId;
        if (old && isOurs) return old;
        if (old && !isEnded(old)) return "taken";
        const now = core.now();
        const parent = { instanceId: parentId, executionId, name, taskId };
        const fresh = { executionId: core.newId(), generation: (old?.generation ?? 0) + 1, historyCount: 0 };
        const record: InstanceRecord = {
          ...fresh,
          ...{ instanceId: task.InstanceId, name: task.Name, version: task.Version, input: task.Input, parent },
          ...{ status: "Pending", suspended: false, customStatus: null, output: null },
          ...{ createdTime: now, lastUpdatedTime: now },
        };
        await core.begin({ record, history: [] }, [], () => core.store.create(record));
        return "begun";
      }),
    );
    if (begun === "taken") {
      const Reason = `An orchestration instance with the ID ${task.InstanceId} is running already.`;
      const failed = { EventType: EVENT.subOrchestrationFailed, TaskScheduledId: taskId } as const;
      await tell({ ...failed, Reason, Details: Reason });
    } else if (typeof begun === "object" && isEnded(begun)) await tell(endOfChild(begun, taskId));
  }

  function begin(actor: Actor, task: Open): void {
    const { record } = actor.state;
    switch (task.EventType) {
      case EVENT.taskScheduled:
        void runActivity(record, task);
        break;
      case EVENT.subOrchestrationCreated:
        void beginChild(record, task);
        break;
      case EVENT.timerCreated:
        armTimer(actor, task);
        break;
    }
  }

  return {
    dispatch(actor) {
      if (core.isStopped()) return;
      for (const task of openTasks(actor.state.history)) {
        const isKnown = actor.inbox.has(completionKey(actor.state.record.executionId, task.EventId));
        if (isKnown || actor.begun.has(task.EventId)) continue;
        actor.begun.add(task.EventId);
        begin(actor, task);
      }
    },
    forget(actor) {
      for (const timer of actor.timers.values()) clearTimeout(timer);
      actor.timers.clear();
      actor.begun.clear();
    },
    tellParent(record) {
      const { parent } = record;
      if (!parent) return;
      void complete(parent.instanceId, parent.executionId, parent.taskId, endOfChild(record, parent.taskId));
    },
    async idle() {
      while (telling.size > 0) await Promise.allSettled(telling);
    },
  };
}
