/**
 * Finds the tasks that an action list makes, by playing it against the history: the library never sends task ids, so the
 * same numbers must come out here. Called by turn.ts.
 */
import type { Action } from "./actions.ts";
import { completedTask, EVENT, type HistoryEvent, isOpening } from "./history.ts";
import { type MadeTask, ReplayProblem, TaskPlayer } from "./task-player.ts";

export type Replay = {
  /** Made, and not yet in the history. */
  readonly newTasks: readonly MadeTask[];
  /** Every action is settled and no task is open: only then an instance may end. */
  readonly settled: boolean;
  readonly continueAsNew: { readonly input: unknown } | undefined;
  /** Why the instance must fail: another order of tasks than in the history, or something that this host does not do. */
  readonly problem: string | undefined;
};

const KIND_OF_EVENT = {
  [EVENT.taskScheduled]: "activity",
  [EVENT.subOrchestrationCreated]: "subOrchestration",
  [EVENT.timerCreated]: "timer",
} as const;

function checkOpening(event: HistoryEvent, made: MadeTask | undefined): void {
  if (!isOpening(event)) return;
  const kind = KIND_OF_EVENT[event.EventType];
  const name = "Name" in event ? event.Name : "";
  if (made?.kind === kind && (made.kind === "timer" || made.name === name)) return;
  throw new ReplayProblem(
    `Non-Deterministic workflow detected: the history has the ${kind} '${name}' with task id ${event.EventId}, ` +
      `the orchestrator made ${made ? `the ${made.kind} '${made.kind === "timer" ? "" : made.name}'` : "nothing"} there.`,
  );
}

/** Plays top-level actions one after the other, each when the one before it is settled. */
function playInOrder(player: TaskPlayer, actions: readonly Action[]) {
  let next = 0;
  let waiting = false;
  const advance = (): void => {
    waiting = false;
    for (let action = actions[next]; action; action = actions[next]) {
      next++;
      let settled = false;
      let starting = true;
      player.play(action, () => {
        settled = true;
        if (!starting) advance();
      });
      starting = false;
      if (settled) continue;
      waiting = true;
      return;
    }
  };
  return { advance, isWaiting: () => waiting };
}

/** @param actions all since the start of this generation */
export function replay(actions: readonly Action[], history: readonly HistoryEvent[]): Replay {
  const player = new TaskPlayer();
  const order = playInOrder(player, actions);
  const known = new Set<number>();
  let problem: string | undefined;
  try {
    for (const event of history) {
      if (event.EventType === EVENT.orchestratorStarted) {
        player.clock = Math.max(player.clock, Date.parse(event.Timestamp));
      } else if (event.EventType === EVENT.executionStarted) order.advance();
      else if (event.EventType === EVENT.eventRaised) player.raise(event.Name);
      else if (isOpening(event)) {
        checkOpening(event, player.made.get(event.EventId));
        known.add(event.EventId);
      } else {
        const id = completedTask(event);
        const done = id === undefined ? undefined : player.open.get(id);
        if (id === undefined || !done) continue;
        player.open.delete(id);
        done(event.EventType === EVENT.taskFailed || event.EventType === EVENT.subOrchestrationFailed);
      }
    }
  } catch (error) {
    if (!(error instanceof ReplayProblem)) throw error;
    problem = error.message;
  }
  return {
    newTasks: [...player.made.values()].filter(({ id }) => !known.has(id)),
    settled: !order.isWaiting() && player.open.size === 0,
    continueAsNew: player.continueAsNew,
    problem,
  };
}
