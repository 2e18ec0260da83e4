/** Drives the purge's orchestration by hand, as the library does: what it calls, in which turns, and what it is given. For unit tests. */
import {
  DummyOrchestrationContext,
  type DurableOrchestrationContext,
  type OrchestrationHandler,
  type RetryOptions,
  type Task,
} from "durable-functions";
import { orchestratePurge } from "../../functions/purge-orchestration.ts";

/** A step that was called. */
export type StepCall = { readonly name: string; readonly input: unknown };
/** What a step ends with: an error is thrown into the orchestration, as after the last try. */
export type AnswerStep = (call: StepCall, index: number) => unknown;

/** What became of it: calls by turn, those of one turn at once; inputs of new histories; `error`: it failed. */
export type Driven = {
  readonly turns: readonly (readonly StepCall[])[];
  readonly continued: readonly unknown[];
  readonly retries: readonly RetryOptions[];
  readonly error: unknown;
};

/** Until it ends. */
export function driveOrchestration(answer: AnswerStep, input: unknown = { registry: "r", run: "1" }): Driven {
  const calls = new Map<Task, StepCall>();
  const together = new Map<Task, readonly Task[]>();
  const retries: RetryOptions[] = [];
  const continued: unknown[] = [];
  const turns: StepCall[][] = [];
  const task = (): Task => ({ isCompleted: false, isFaulted: false });
  const df = {
    getInput: () => input,
    callActivityWithRetry(name: string, retry: RetryOptions, given: unknown) {
      const called = task();
      // What the history keeps is JSON.
      calls.set(called, { name, input: JSON.parse(JSON.stringify(given)) });
      retries.push(retry);
      return called;
    },
    continueAsNew: (given: unknown) => void continued.push(given),
    Task: {
      all(tasks: readonly Task[]) {
        const all = task();
        together.set(all, tasks);
        return all;
      },
    },
  };
  const context = new DummyOrchestrationContext("purge", "1", () => {});
  context.df = onlyThese<DurableOrchestrationContext>(df);

  const handler: OrchestrationHandler = orchestratePurge;
  const generator = handler(context);
  let index = 0;
  const answerOf = (one: Task) => {
    const call = calls.get(one);
    if (call === undefined) throw new Error("The orchestration waits for what is no step.");
    return answer(call, index++);
  };
  let error: unknown = null;
  try {
    for (let next = generator.next(); next.done !== true; ) {
      const group = together.get(next.value);
      const asked = group ?? [next.value];
      turns.push(asked.flatMap((one) => calls.get(one) ?? []));
      const answers = asked.map(answerOf);
      const failed = answers.find((one) => one instanceof Error);
      if (failed !== undefined) next = generator.throw(failed);
      else next = generator.next(group === undefined ? answers[0] : answers);
    }
  } catch (thrown) {
    error = thrown;
  }
  return { turns, continued, retries, error };
}

/** The part of a large object that is used; anything else is an error. */
function onlyThese<T extends object>(part: object): T {
  return new Proxy<T>(Object.create(null), {
    get(_, name) {
      const found: unknown = Reflect.get(part, name);
      if (found === undefined) throw new Error(`The orchestration may not use ${String(name)}.`);
      return found;
    },
  });
}
