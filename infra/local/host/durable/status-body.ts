/** Instances as the management endpoints show them. Called by endpoints.ts. */
import { completedTask, EVENT, type HistoryEvent, isOpening } from "./history.ts";
import { type InstanceRecord, visibleStatus } from "./instance.ts";

const parsed = (json: string | null): unknown => (json === null ? null : JSON.parse(json));
/** Seconds and `Z`, as the extension writes times. */
const seconds = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");

export type StatusOptions = { readonly showInput: boolean };

/** Body of a status; `historyEvents` is added by who wants them. */
export function statusBody(record: InstanceRecord, { showInput }: StatusOptions): Record<string, unknown> {
  return {
    name: record.name,
    instanceId: record.instanceId,
    runtimeStatus: visibleStatus(record),
    input: showInput ? parsed(record.input) : null,
    customStatus: parsed(record.customStatus),
    output: parsed(record.output),
    createdTime: seconds(record.createdTime),
    lastUpdatedTime: seconds(record.lastUpdatedTime),
  };
}

const NAMES: Readonly<Record<number, string>> = {
  [EVENT.executionStarted]: "ExecutionStarted",
  [EVENT.executionCompleted]: "ExecutionCompleted",
  [EVENT.executionTerminated]: "ExecutionTerminated",
  [EVENT.taskScheduled]: "TaskScheduled",
  [EVENT.taskCompleted]: "TaskCompleted",
  [EVENT.taskFailed]: "TaskFailed",
  [EVENT.subOrchestrationCreated]: "SubOrchestrationInstanceCreated",
  [EVENT.subOrchestrationCompleted]: "SubOrchestrationInstanceCompleted",
  [EVENT.subOrchestrationFailed]: "SubOrchestrationInstanceFailed",
  [EVENT.timerCreated]: "TimerCreated",
  [EVENT.timerFired]: "TimerFired",
  [EVENT.eventRaised]: "EventRaised",
  [EVENT.generic]: "GenericEvent",
  [EVENT.executionSuspended]: "ExecutionSuspended",
  [EVENT.executionResumed]: "ExecutionResumed",
};
const HIDDEN = new Set<number>([EVENT.orchestratorStarted, EVENT.orchestratorCompleted]);
const INTERNAL = new Set([
  "EventId",
  "IsPlayed",
  "TaskScheduledId",
  "TimerId",
  "OrchestrationInstance",
  "Tags",
  "Version",
]);

/** What opened a task is folded into its end; ids and the framework's own events are left out. */
export function historyBody(
  history: readonly HistoryEvent[],
  options: StatusOptions & { readonly showOutput: boolean },
): Record<string, unknown>[] {
  const openings = new Map(history.filter(isOpening).map((event) => [event.EventId, event]));
  const folded = new Set(history.map(completedTask));
  return history.flatMap((event) => {
    if (HIDDEN.has(event.EventType)) return [];
    if (isOpening(event) && event.EventType !== EVENT.timerCreated && folded.has(event.EventId)) return [];
    const opening = openings.get(completedTask(event) ?? -1);
    const shown: Record<string, unknown> = { EventType: NAMES[event.EventType] ?? String(event.EventType) };
    for (const [name, value] of Object.entries(event)) {
      const isHiddenValue = (name === "Result" && !options.showOutput) || (name === "Input" && !options.showInput);
      if (name === "EventType" || INTERNAL.has(name) || isHiddenValue) continue;
      if (name === "Name") shown.FunctionName = value;
      else shown[name] = name === "Result" && typeof value === "string" ? parsed(value) : value;
    }
    if (event.EventType === EVENT.eventRaised) {
      shown.Name = event.Name;
      delete shown.FunctionName;
    }
    if (opening && event.EventType !== EVENT.timerFired) {
      shown.ScheduledTime = opening.Timestamp;
      if ("Name" in opening) shown.FunctionName = opening.Name;
    }
    return [shown];
  });
}
