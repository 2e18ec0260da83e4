/** History events of an orchestration, as the Durable Task framework numbers and names them. Used by every file of the durable part. */

/** `HistoryEventType` of the framework. */
export const EVENT = {
  executionStarted: 0,
  executionCompleted: 1,
  executionTerminated: 3,
  taskScheduled: 4,
  taskCompleted: 5,
  taskFailed: 6,
  subOrchestrationCreated: 7,
  subOrchestrationCompleted: 8,
  subOrchestrationFailed: 9,
  timerCreated: 10,
  timerFired: 11,
  orchestratorStarted: 12,
  orchestratorCompleted: 13,
  eventRaised: 15,
  generic: 17,
  executionSuspended: 19,
  executionResumed: 20,
} as const;
type Event = typeof EVENT;

type Base = {
  /** Task id of a scheduled or created event, else -1. */
  readonly EventId: number;
  readonly IsPlayed: boolean;
  /** ISO 8601, UTC. */
  readonly Timestamp: string;
};

/** How a task ended: what its instance is told. `Result` is JSON text or null, never absent. */
export type Completion =
  | { readonly EventType: Event["taskCompleted"]; readonly TaskScheduledId: number; readonly Result: string | null }
  | {
      readonly EventType: Event["taskFailed"] | Event["subOrchestrationFailed"];
      readonly TaskScheduledId: number;
      readonly Reason: string;
      readonly Details: string;
    }
  | {
      readonly EventType: Event["subOrchestrationCompleted"];
      readonly TaskScheduledId: number;
      readonly Result: string | null;
    }
  | { readonly EventType: Event["timerFired"]; readonly TimerId: number; readonly FireAt: string };

/** What opens a task; its EventId is the task's id. */
export type Opening =
  | {
      readonly EventType: Event["taskScheduled"];
      readonly Name: string;
      readonly Version: string;
      /** JSON text of an array that holds the input. */
      readonly Input: string;
    }
  | {
      readonly EventType: Event["subOrchestrationCreated"];
      readonly Name: string;
      readonly Version: string;
      readonly InstanceId: string;
      readonly Input: string | null;
    }
  | { readonly EventType: Event["timerCreated"]; readonly FireAt: string };

type Other =
  | {
      readonly EventType: Event["executionStarted"];
      readonly Name: string;
      readonly Version: string;
      readonly Input: string | null;
      readonly Tags: null;
      readonly OrchestrationInstance: { readonly InstanceId: string; readonly ExecutionId: string };
      readonly ParentInstance: object | null;
    }
  | {
      readonly EventType: Event["executionCompleted"];
      readonly OrchestrationStatus: "Completed" | "Failed";
      readonly Result: string | null;
    }
  | { readonly EventType: Event["executionTerminated"]; readonly Input: string }
  | { readonly EventType: Event["orchestratorStarted"] | Event["orchestratorCompleted"] }
  | { readonly EventType: Event["eventRaised"]; readonly Name: string; readonly Input: string | null }
  | { readonly EventType: Event["generic"]; readonly Data: string }
  | { readonly EventType: Event["executionSuspended"] | Event["executionResumed"]; readonly Reason: string };

export type HistoryEvent = Base & (Completion | Opening | Other);
/** An event as it comes to be: where and when it stands is added by `stamped`. */
export type NewEvent = Completion | Opening | Other;

/** @param at milliseconds since 1970 @param id task id of an opening */
export const stamped = (event: NewEvent, at: number, id = -1): HistoryEvent => ({
  ...event,
  EventId: id,
  IsPlayed: false,
  Timestamp: new Date(at).toISOString(),
});

/** Id of the task that the event ends; undefined for every other event. */
export function completedTask(event: HistoryEvent | Completion): number | undefined {
  switch (event.EventType) {
    case EVENT.taskCompleted:
    case EVENT.taskFailed:
    case EVENT.subOrchestrationCompleted:
    case EVENT.subOrchestrationFailed:
      return event.TaskScheduledId;
    case EVENT.timerFired:
      return event.TimerId;
    default:
      return undefined;
  }
}

/** Whether the event opens a task. */
export const isOpening = (event: HistoryEvent): event is Base & Opening =>
  event.EventType === EVENT.taskScheduled ||
  event.EventType === EVENT.subOrchestrationCreated ||
  event.EventType === EVENT.timerCreated;

/** Tasks that are open: what a host that starts again must do once more. */
export function openTasks(history: readonly HistoryEvent[]): (Base & Opening)[] {
  const ended = new Set(history.map(completedTask));
  return history.filter(isOpening).filter(({ EventId }) => !ended.has(EventId));
}
