/** One orchestration instance as it is stored, and the messages that move it. Used by every file of the durable part. */
import type { Completion, HistoryEvent } from "./history.ts";

/** The status of an instance as clients see it, but for `Suspended`. */
export type RuntimeStatus = "Pending" | "Running" | "Completed" | "Failed" | "Terminated";

export type ParentLink = {
  readonly instanceId: string;
  readonly executionId: string;
  readonly name: string;
  /** Task of the parent that this instance is. */
  readonly taskId: number;
};

/** The row `i`. Times are milliseconds since 1970; `input`, `output` and `customStatus` are JSON text, null = null. */
export type InstanceRecord = {
  readonly instanceId: string;
  readonly name: string;
  readonly version: string;
  /** New for every generation, so that what an old one asked for is not taken for an answer to the new one. */
  readonly executionId: string;
  /** Counts continueAsNew, rewinds and reuses of the id. */
  readonly generation: number;
  /** Events of this generation that count; rows behind it are of a turn that was not committed. */
  readonly historyCount: number;
  readonly status: RuntimeStatus;
  readonly suspended: boolean;
  readonly input: string | null;
  readonly customStatus: string | null;
  readonly output: string | null;
  readonly createdTime: number;
  readonly lastUpdatedTime: number;
  readonly parent: ParentLink | null;
};

/** Something that happened to an instance. `key` is its place in the inbox: a second one with it changes nothing. */
export type Message = { readonly key: string /** Milliseconds since 1970. */; readonly at: number } & (
  | { readonly kind: "completion"; readonly executionId: string; readonly event: Completion }
  | { readonly kind: "event"; readonly name: string /** JSON text. */; readonly input: string | null }
  | { readonly kind: "terminate" | "suspend" | "resume" | "rewind"; readonly reason: string }
);

/** An instance with what its next turn needs. */
export type InstanceState = {
  readonly record: InstanceRecord;
  readonly history: readonly HistoryEvent[];
};

const ENDED: ReadonlySet<RuntimeStatus> = new Set(["Completed", "Failed", "Terminated"]);
/** Whether nothing more happens to an instance. */
export const isEnded = ({ status }: Pick<InstanceRecord, "status">): boolean => ENDED.has(status);

/** What clients see: suspension hides behind no other status but an end. */
export const visibleStatus = (record: InstanceRecord): RuntimeStatus | "Suspended" =>
  record.suspended && !isEnded(record) ? "Suspended" : record.status;

/** The same key for the same end of the same task, however often it is told. */
export const completionKey = (executionId: string, taskId: number): string => `c-${executionId}-${taskId}`;

/** Order of arrival; keys of one millisecond count upwards. */
export const byArrival = (a: Message, b: Message): number => a.at - b.at || (a.key < b.key ? -1 : 1);
