/** One call of an orchestrator: its trigger value, and what comes back. Called by turn.ts. */
import type { TypedData } from "../core-types.ts";
import type { InvocationResult } from "../invocation.ts";
import type { Action } from "./actions.ts";
import type { HistoryEvent } from "./history.ts";
import type { InstanceRecord } from "./instance.ts";

/** Numbers of the schema of actions, as the durable extension sends them: V2 for old libraries, V4 for this one. */
const SCHEMA = { upperSchemaVersion: 1, upperSchemaVersionNew: 3 };
/** In front of the state that a failed orchestrator leaves in its error. */
const FAILED_STATE_LABEL = "\n\n$OutOfProcData$:";

const parsed = (json: string | null): unknown => (json === null ? null : JSON.parse(json));

/** @param firstNew index of the first event that this turn delivers */
export function orchestratorTrigger(
  record: InstanceRecord,
  history: readonly HistoryEvent[],
  firstNew: number,
): TypedData {
  const value = {
    history: history.map((event, index) => ({ ...event, IsPlayed: index < firstNew })),
    input: parsed(record.input),
    instanceId: record.instanceId,
    isReplaying: firstNew > 0,
    parentInstanceId: record.parent?.instanceId ?? null,
    ...SCHEMA,
    longRunningTimerIntervalDuration: "3.00:00:00",
    maximumShortTimerDuration: "6.00:00:00",
    // The library reads this spelling.
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  };
  return { string: JSON.stringify(value) };
}

/** What an orchestrator said. `error` is undefined unless it failed; `customStatus` unless it set one. */
export type OrchestratorState = {
  readonly isDone: boolean;
  readonly actions: readonly Action[];
  readonly output: unknown;
  readonly error: string | undefined;
  readonly customStatus: unknown;
};
/** `broken`: nothing that a library would send; the instance fails. */
export type OrchestratorAnswer = OrchestratorState | { readonly broken: string };

type WireState = {
  isDone?: boolean;
  actions?: Action[][];
  output?: unknown;
  error?: string;
  customStatus?: unknown;
};

function readState(text: string, failed: boolean): OrchestratorAnswer {
  try {
    const state = JSON.parse(text) as WireState;
    if (!Array.isArray(state.actions)) return { broken: "The orchestrator returned no list of actions." };
    return {
      isDone: state.isDone === true,
      actions: state.actions.flat(),
      output: state.output ?? null,
      // An empty message is not sent at all.
      error: failed ? state.error || "One or more errors occurred." : undefined,
      customStatus: state.customStatus,
    };
  } catch {
    return { broken: "The orchestrator returned something that is no JSON." };
  }
}

export function readOrchestratorAnswer(result: InvocationResult): OrchestratorAnswer {
  if (result.ok) {
    const { json, string } = result.returnValue ?? {};
    return readState(json ?? string ?? "", false);
  }
  const message = result.error instanceof Error ? result.error.message : String(result.error ?? result.reason);
  const at = message.indexOf(FAILED_STATE_LABEL);
  return at < 0 ? { broken: message } : readState(message.slice(at + FAILED_STATE_LABEL.length), true);
}
