/** What an orchestrator asks for: the action list of the durable-functions library. Read by orchestrator-call.ts and replay.ts. */

/** `ActionType` of the library. */
export const ACTION = {
  callActivity: 0,
  callActivityWithRetry: 1,
  callSubOrchestrator: 2,
  callSubOrchestratorWithRetry: 3,
  continueAsNew: 4,
  createTimer: 5,
  waitForExternalEvent: 6,
  whenAny: 11,
  whenAll: 12,
} as const;

/** Actions of the library that this host does not do, by number. */
export const NOT_SUPPORTED: Readonly<Record<number, string>> = {
  7: "callEntity",
  8: "callHttp",
  9: "signalEntity",
  10: "scheduled signalEntity",
  13: "lock of entities",
  14: "release of entities",
};

/** Milliseconds; `maxNumberOfAttempts` counts the first one too. */
export type RetryOptions = {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  readonly backoffCoefficient?: number;
  readonly maxRetryIntervalInMilliseconds?: number;
  readonly retryTimeoutInMilliseconds?: number;
};

type Call = {
  readonly functionName: string;
  readonly input?: unknown;
  readonly retryOptions?: RetryOptions;
};
export type Action =
  | (Call & { readonly actionType: 0 | 1 })
  | (Call & { readonly actionType: 2 | 3; readonly instanceId?: string | null; readonly version?: string | null })
  | { readonly actionType: 4; readonly input?: unknown }
  | { readonly actionType: 5; readonly fireAt: string; readonly isCanceled: boolean }
  | { readonly actionType: 6; readonly externalEventName: string }
  | { readonly actionType: 11 | 12; readonly compoundActions: readonly Action[] }
  | { readonly actionType: 7 | 8 | 9 | 10 | 13 | 14 };
