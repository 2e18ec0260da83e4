/** One turn of an instance: new messages and the orchestrator's answer become history and status. Called by engine.ts. */
import type { Action } from "./actions.ts";
import { completedTask, EVENT, type HistoryEvent, type NewEvent, openTasks, stamped } from "./history.ts";
import { byArrival, type InstanceRecord, type InstanceState, type Message } from "./instance.ts";
import type { OrchestratorAnswer } from "./orchestrator-call.ts";
import { replay } from "./replay.ts";
import type { MadeTask } from "./task-player.ts";
import { isTooLong, MAX_VALUE_CHARACTERS } from "./value-limit.ts";

/** Messages of one turn: two rows each at most, deleted in one transaction with up to ten rows of the instance (100 changes). */
const MAX_MESSAGES = 45;

export type TurnDeps = {
  /** Calls the orchestrator. `firstNew` is the index of the first event of this turn. */
  readonly call: (
    record: InstanceRecord,
    history: readonly HistoryEvent[],
    firstNew: number,
  ) => Promise<OrchestratorAnswer>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newExecutionId: () => string;
};

/** What a turn changes, all at once. */
export type Turn = {
  readonly state: InstanceState;
  /** Index of the first event that must be written; 0 in a new generation. */
  readonly firstNew: number;
  readonly consumed: readonly Message[];
};

type Taken = {
  readonly consumed: Message[];
  readonly events: NewEvent[];
  readonly controls: NewEvent[];
  suspended: boolean;
  terminated: string | undefined;
  /** The instance has something to say now, though nothing came: a rewind. */
  wake: boolean;
};

/** Sorts the messages that this turn takes; a suspended instance leaves all but suspend, resume and terminate. */
function take(state: InstanceState, messages: readonly Message[]): Taken {
  const { suspended } = state.record;
  const taken: Taken = { consumed: [], events: [], controls: [], suspended, terminated: undefined, wake: false };
  const sorted = [...messages].sort(byArrival);
  const controls = sorted.filter(({ kind }) => kind !== "completion" && kind !== "event").slice(0, MAX_MESSAGES);
  const rewinds = controls.filter(({ kind }) => kind === "rewind");
  for (const message of controls) {
    if (message.kind === "rewind") continue;
    taken.consumed.push(message);
    if (message.kind === "terminate") taken.terminated ??= message.reason;
    if (message.kind !== "suspend" && message.kind !== "resume") continue;
    const EventType = message.kind === "suspend" ? EVENT.executionSuspended : EVENT.executionResumed;
    taken.controls.push({ EventType, Reason: message.reason });
    taken.suspended = message.kind === "suspend";
  }
  if (taken.suspended || taken.terminated !== undefined) return taken;
  // Not before: an instance that is suspended at once would not be moved by it when it is resumed.
  taken.consumed.push(...rewinds);
  taken.wake = rewinds.length > 0;
  // An answer to an older generation, or a second one, is nothing.
  const awaited = new Set(openTasks(state.history).map(({ EventId }) => EventId));
  for (const message of sorted) {
    if (taken.consumed.length >= MAX_MESSAGES) break;
    if (message.kind === "event") {
      taken.events.push({ EventType: EVENT.eventRaised, Name: message.name, Input: message.input });
    } else if (message.kind === "completion") {
      const isOurs = message.executionId === state.record.executionId;
      if (isOurs && awaited.delete(completedTask(message.event) ?? -1)) taken.events.push(message.event);
    } else continue;
    taken.consumed.push(message);
  }
  return taken;
}

function started(record: InstanceRecord): NewEvent {
  const { parent } = record;
  return {
    EventType: EVENT.executionStarted,
    Name: record.name,
    Version: record.version,
    Input: record.input,
    Tags: null,
    OrchestrationInstance: { InstanceId: record.instanceId, ExecutionId: record.executionId },
    ParentInstance: parent && {
      Name: parent.name,
      OrchestrationInstance: { InstanceId: parent.instanceId, ExecutionId: parent.executionId },
      TaskScheduleId: parent.taskId,
      Version: "",
    },
  };
}

const jsonOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : JSON.stringify(value);

function opening(task: MadeTask, record: InstanceRecord): NewEvent {
  switch (task.kind) {
    case "activity": {
      const Input = JSON.stringify([task.input ?? null]);
      return { EventType: EVENT.taskScheduled, Name: task.name, Version: "", Input };
    }
    case "subOrchestration": {
      const InstanceId = task.instanceId ?? `${record.executionId}:${task.id}`;
      const { name: Name, version: Version } = task;
      return { EventType: EVENT.subOrchestrationCreated, Name, Version, InstanceId, Input: jsonOf(task.input) };
    }
    case "timer":
      return { EventType: EVENT.timerCreated, FireAt: new Date(task.fireAt).toISOString() };
  }
}

/** The failed status of an instance; clients see `reason` behind the name of the function. */
const failedOutput = (record: InstanceRecord, reason: string): string => {
  const said = isTooLong(JSON.stringify(reason)) ? `${reason.slice(0, 1_000)} (cut)` : reason;
  return JSON.stringify(`Orchestrator function '${record.name}' failed: ${said}`);
};

/** Time of the turn: not before what a timer waited for, or an orchestrator would look for it once more. */
function turnTime(now: number, events: readonly NewEvent[]): number {
  return Math.max(now, ...events.map((e) => (e.EventType === EVENT.timerFired ? Date.parse(e.FireAt) : 0)));
}

type End = { status: "Completed" | "Failed"; output: string | null };

/** @returns the events behind those delivered, and how the instance ends, if it does */
function answered(
  record: InstanceRecord,
  history: readonly HistoryEvent[],
  answer: OrchestratorAnswer,
  at: number,
): { events: HistoryEvent[]; end: End | undefined; next: { input: unknown } | undefined } {
  const failed = (reason: string) => ({
    events: [],
    end: { status: "Failed", output: failedOutput(record, reason) } as const,
    next: undefined,
  });
  if ("broken" in answer) return failed(answer.broken);
  const actions: readonly Action[] = answer.actions;
  const { newTasks, settled, continueAsNew, problem } = replay(actions, history);
  if (problem !== undefined) return failed(problem);
  const openings = newTasks.map((task) => opening(task, record));
  const inputs = openings.map((event) => ("Input" in event ? event.Input : null));
  const values = [...inputs, jsonOf(answer.output), jsonOf(answer.customStatus), jsonOf(continueAsNew?.input)];
  if (values.some(isTooLong)) {
    return failed(
      `An input, output or status is longer than the ${MAX_VALUE_CHARACTERS} characters that this host takes.`,
    );
  }
  const events = openings.map((event, index) => stamped(event, at, newTasks[index]?.id));
  // A canceled timer is made and never waited for; every other new task keeps the instance running.
  if (!settled || !(answer.isDone || answer.error !== undefined)) return { events, end: undefined, next: undefined };
  if (answer.error !== undefined) return { ...failed(answer.error), events };
  if (continueAsNew) return { events, end: undefined, next: continueAsNew };
  return { events, end: { status: "Completed", output: jsonOf(answer.output) }, next: undefined };
}

/** @returns undefined when there is nothing to do */
export async function runTurn(
  deps: TurnDeps,
  state: InstanceState,
  messages: readonly Message[],
): Promise<Turn | undefined> {
  const { record, history } = state;
  const taken = take(state, messages);
  const { consumed, suspended } = taken;
  const now = deps.now();
  const controls = taken.controls.map((event) => stamped(event, now));
  const firstNew = history.length;
  const changed = (change: Partial<InstanceRecord>, events: readonly HistoryEvent[]): Turn => {
    const all = [...history, ...events];
    const next = { ...record, suspended, lastUpdatedTime: now, ...change, historyCount: all.length };
    return { state: { record: next, history: all }, firstNew, consumed };
  };
  if (taken.terminated !== undefined) {
    const event = stamped({ EventType: EVENT.executionTerminated, Input: taken.terminated }, now);
    const output = JSON.stringify(taken.terminated);
    return changed({ status: "Terminated", suspended: false, output }, [...controls, event]);
  }
  const isStart = !history.some(({ EventType }) => EventType === EVENT.executionStarted);
  if (suspended || (!isStart && !taken.wake && taken.events.length === 0)) {
    return consumed.length > 0 ? changed({}, controls) : undefined;
  }

  const at = turnTime(now, taken.events);
  const delivered = [
    ...controls,
    stamped({ EventType: EVENT.orchestratorStarted }, at),
    ...(isStart ? [stamped(started(record), now)] : []),
    ...taken.events.map((event) => stamped(event, now)),
  ];
  const played = [...history, ...delivered];
  const answer = await deps.call(record, played, firstNew);
  const { events, end, next } = answered(record, played, answer, at);
  const customStatus =
    "broken" in answer || answer.customStatus === undefined || isTooLong(jsonOf(answer.customStatus))
      ? record.customStatus
      : jsonOf(answer.customStatus);
  if (next) {
    // The start of the next generation is this very row: both happen or neither.
    const fresh = { executionId: deps.newExecutionId(), generation: record.generation + 1, historyCount: 0 };
    const again = { ...record, ...fresh, customStatus, status: "Running", suspended, lastUpdatedTime: now } as const;
    return { state: { record: { ...again, input: jsonOf(next.input) }, history: [] }, firstNew: 0, consumed };
  }
  const ending = end
    ? [stamped({ EventType: EVENT.executionCompleted, OrchestrationStatus: end.status, Result: end.output }, at)]
    : [];
  const completed = stamped({ EventType: EVENT.orchestratorCompleted }, at);
  return changed({ status: "Running", customStatus, ...end }, [...delivered, ...events, ...ending, completed]);
}
