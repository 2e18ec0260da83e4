/** What the parts of the engine share. Made by engine.ts, used by dispatcher.ts and instance-requests.ts. */
import type { Log } from "../log.ts";
import type { RunActivity } from "./activity-call.ts";
import type { InstanceRecord, InstanceState, Message } from "./instance.ts";
import type { TaskHubStore } from "./task-hub-store.ts";
import type { TurnDeps } from "./turn.ts";

/** An instance that has not ended. */
export type Actor = {
  state: InstanceState;
  readonly inbox: Map<string, Message>;
  /** Ids of tasks of this generation that were begun by this process. */
  readonly begun: Set<number>;
  readonly timers: Map<number, NodeJS.Timeout>;
  /** A turn runs; `again`: something came meanwhile. */
  running: boolean;
  again: boolean;
};

export type EngineDeps = {
  readonly store: TaskHubStore;
  readonly callOrchestrator: TurnDeps["call"];
  readonly runActivity: RunActivity;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>;
};

/** What the files of the engine share. */
export type Core = EngineDeps & {
  readonly actors: Map<string, Actor>;
  isStopped(): boolean;
  /** Repeats until the work is done; gives up (undefined) only when the host stops. */
  insist<T>(what: string, work: () => Promise<T>): Promise<T | undefined>;
  /** One after the other for each instance. */
  alone<T>(instanceId: string, work: () => Promise<T>): Promise<T>;
  /** Stores a message for a running instance and lets it go on. False when the instance has ended or is not there. */
  post(instanceId: string, message: Message): Promise<boolean>;
  /** The instance as it is; one that is stored and has not ended but that nobody runs goes on. Only inside `alone`. */
  current(instanceId: string): Promise<InstanceRecord | undefined>;
  /**
   * Stores an instance by `write` and lets it go on. Only inside `alone`. Rejects when `write` does; what it has stored all the
   * same goes on too.
   */
  begin(state: InstanceState, messages: readonly Message[], write: () => Promise<void>): Promise<void>;
  newId(): string;
};
