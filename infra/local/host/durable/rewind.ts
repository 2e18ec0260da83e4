/** History of a failed instance as it was before its failure. Called by instance-requests.ts. */
import { EVENT, type HistoryEvent, isOpening } from "./history.ts";

/** Events that a rewind takes back become remarks: the failed tasks are then scheduled again under their ids. */
export function rewound(history: readonly HistoryEvent[], reason: string): HistoryEvent[] | undefined {
  if (history.some(({ EventType }) => EventType === EVENT.subOrchestrationFailed)) return undefined;
  const failedIds = new Set(history.map((e) => (e.EventType === EVENT.taskFailed ? e.TaskScheduledId : -1)));
  return history.map((event) => {
    const isFailedTask = isOpening(event) && failedIds.has(event.EventId);
    const isFailure = event.EventType === EVENT.taskFailed || event.EventType === EVENT.executionCompleted;
    if (!isFailedTask && !isFailure) return event;
    const { IsPlayed, Timestamp } = event;
    return { EventType: EVENT.generic, EventId: -1, IsPlayed, Timestamp, Data: `Rewound: ${reason}` };
  });
}
