/** Plays actions as the framework does: gives tasks their ids, waits, retries, hops. Called by replay.ts. */
import { ACTION, type Action, NOT_SUPPORTED, type RetryOptions } from "./actions.ts";

/** Milliseconds: longer timers go in hops (the framework's maximum of a short timer and its interval). */
export const LONGEST_TIMER_MS = 6 * 86_400_000;
export const TIMER_HOP_MS = 3 * 86_400_000;

/** A task that the orchestrator made. `input` is as the library sent it; `fireAt` is in milliseconds since 1970. */
export type MadeTask = { readonly id: number } & (
  | { readonly kind: "activity"; readonly name: string; readonly input: unknown }
  | {
      readonly kind: "subOrchestration";
      readonly name: string;
      readonly version: string;
      readonly instanceId: string | undefined;
      readonly input: unknown;
    }
  | { readonly kind: "timer"; readonly fireAt: number }
);
type TaskOf<T> = T extends MadeTask ? Omit<T, "id"> : never;

/** The action list cannot be played. */
export class ReplayProblem extends Error {}

type Done = (failed: boolean) => void;
type Attempt = (ended: Done) => void;

function taskOfCall(action: Extract<Action, { functionName: string }>): TaskOf<MadeTask> {
  const { functionName: name, input } = action;
  switch (action.actionType) {
    case ACTION.callActivity:
    case ACTION.callActivityWithRetry:
      return { kind: "activity", name, input };
    case ACTION.callSubOrchestrator:
    case ACTION.callSubOrchestratorWithRetry: {
      const { instanceId, version } = action;
      return { kind: "subOrchestration", name, version: version ?? "", instanceId: instanceId || undefined, input };
    }
  }
}

/** Tasks, waits and clock of one replay. */
export class TaskPlayer {
  /** `currentUtcDateTime` of the orchestrator, milliseconds since 1970. */
  clock = 0;
  continueAsNew: { input: unknown } | undefined;
  readonly made = new Map<number, MadeTask>();
  readonly open = new Map<number, Done>();
  readonly #waits = new Map<string, Done[]>();
  readonly #unclaimed = new Map<string, number>();
  #nextId = 0;

  #task(task: TaskOf<MadeTask>, done: Done | undefined): void {
    const id = this.#nextId++;
    this.made.set(id, { id, ...task });
    if (done) this.open.set(id, done);
  }

  #timer(fireAt: number, canceled: boolean, done: Done): void {
    if (!Number.isFinite(fireAt)) throw new ReplayProblem("A timer has no valid time.");
    const at = fireAt - this.clock > LONGEST_TIMER_MS ? this.clock + TIMER_HOP_MS : fireAt;
    // A timer that is canceled now counts as canceled from its start, takes its id all the same and is not waited for.
    this.#task({ kind: "timer", fireAt: at }, canceled ? undefined : () => this.#hop(at, fireAt, done));
    if (canceled) done(true);
  }
  #hop(at: number, fireAt: number, done: Done): void {
    if (at === fireAt) done(false);
    else this.#timer(fireAt, false, done);
  }

  /** Names are compared without regard to case; of several waits for one name the last is served first. */
  #wait(name: string, done: Done): void {
    const key = name.toLowerCase();
    const unclaimed = this.#unclaimed.get(key) ?? 0;
    if (unclaimed > 0) {
      this.#unclaimed.set(key, unclaimed - 1);
      done(false);
      return;
    }
    this.#waits.set(key, [...(this.#waits.get(key) ?? []), done]);
  }
  raise(name: string): void {
    const key = name.toLowerCase();
    const served = this.#waits.get(key)?.pop();
    if (served) served(false);
    else this.#unclaimed.set(key, (this.#unclaimed.get(key) ?? 0) + 1);
  }

  #withRetry(options: RetryOptions | undefined, attempt: Attempt, done: Done): void {
    if (!options) throw new ReplayProblem("A call with retries has no retry options.");
    const { maxNumberOfAttempts, firstRetryIntervalInMilliseconds, retryTimeoutInMilliseconds } = options;
    const startedAt = this.clock;
    let attempts = 0;
    const run = () => attempt(ended);
    const ended = (failed: boolean) => {
      attempts++;
      // After a time limit the framework gives up without the timer that the library waits for: the instance hangs.
      const isOver = retryTimeoutInMilliseconds && this.clock >= startedAt + retryTimeoutInMilliseconds;
      if (!failed || isOver) {
        done(failed);
        return;
      }
      const delay = firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempts - 1);
      const longest = options.maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY;
      // After the last attempt comes one more timer, due at once, and with it the failure.
      const last = attempts >= maxNumberOfAttempts;
      const at = this.clock + (last ? 0 : Math.min(delay, longest));
      this.#timer(at, false, () => (last ? done(true) : run()));
    };
    run();
  }

  #all(actions: readonly Action[], needed: number, done: Done): void {
    let left = needed;
    let created = false;
    const check = () => {
      if (created && left === 0) {
        left = -1;
        done(false);
      }
    };
    // Children are all made before any of them counts: each takes its id.
    for (const action of actions) {
      this.play(action, () => {
        if (left > 0) left--;
        check();
      });
    }
    created = true;
    check();
  }

  play(action: Action, done: Done): void {
    switch (action.actionType) {
      case ACTION.callActivity:
      case ACTION.callActivityWithRetry:
      case ACTION.callSubOrchestrator:
      case ACTION.callSubOrchestratorWithRetry: {
        const attempt: Attempt = (ended) => this.#task(taskOfCall(action), ended);
        const isRetried =
          action.actionType === ACTION.callActivityWithRetry ||
          action.actionType === ACTION.callSubOrchestratorWithRetry;
        if (isRetried) this.#withRetry(action.retryOptions, attempt, done);
        else attempt(done);
        break;
      }
      case ACTION.continueAsNew:
        this.continueAsNew = { input: action.input };
        done(false);
        break;
      case ACTION.createTimer:
        this.#timer(Date.parse(action.fireAt), action.isCanceled, done);
        break;
      case ACTION.waitForExternalEvent:
        this.#wait(action.externalEventName, done);
        break;
      case ACTION.whenAny:
        this.#all(action.compoundActions, Math.min(1, action.compoundActions.length), done);
        break;
      case ACTION.whenAll:
        this.#all(action.compoundActions, action.compoundActions.length, done);
        break;
      default: {
        const name = NOT_SUPPORTED[action.actionType] ?? `action ${action.actionType}`;
        throw new ReplayProblem(`This host does not support ${name}.`);
      }
    }
  }
}
