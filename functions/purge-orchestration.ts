/** The orchestration of one run of a purge: the order of its steps, and nothing else. Loaded by purge-steps.ts at its first turn. */
import { type OrchestrationContext, RetryOptions, type Task } from "durable-functions";
import type { UpstreamCode } from "../shared/errors.ts";
import { RUN_PASSED } from "../shared/purge/run.ts";
import { STEPS } from "./purge-step-names.ts";

/** What each step is told: where the run's record stands. Everything else is in that record and in blobs. */
export type StepInput = { readonly registry: string; readonly run: string };
/** One slice of the planning of one batch: it begins with the `from`-th repository of the batch. */
export type PlanInput = StepInput & { readonly batch: number; readonly slice: number; readonly from: number };
/** How many slices each batch took. */
export type SettleInput = StepInput & { readonly slices: readonly number[] };
/** The end of a run; `code` when a step could not be done. */
export type EndInput = StepInput & { readonly code: string | null };

/** What cannot be done, now or later; what may pass is thrown instead and tried again. */
export type Refused = { readonly ok: false; readonly code: string };
/** Where the run stands: what is to be done next. */
export type Prepared =
  | Refused
  | { readonly ok: true; readonly phase: "plan" | "apply" | "over"; readonly batches: number };
/** Where the next slice begins; null when the batch is planned. */
export type Planned = Refused | { readonly ok: true; readonly next: number | null };
/** Whether there is something to delete now. */
export type Settled = Refused | { readonly ok: true; readonly applies: boolean };
/** Whether a further slice is needed. */
export type Applied = Refused | { readonly ok: true; readonly more: boolean };

/** Batches that are planned side by side. Each has a budget of requests of its own, which slows down when it is told to. */
const PLANNED_AT_ONCE = 4;
/** A step that fails is tried again after 5, 10, 20 and 40 seconds: an outage that lasts longer is left to the timer. */
const FIRST_RETRY_MS = 5_000;
const TRIES = 5;
const BACKOFF = 2;

/** Yields tasks and is given what they end with, which the caller's types say. */
type Steps<T> = Generator<Task, T, never>;

/**
 * Prepares, plans in batches, settles, applies slice by slice, ends. A run that has got further already goes on from there:
 * its record says how far it is. Whatever ends this before its time leaves an open record, which the timer drives on.
 */
export function* orchestratePurge(context: OrchestrationContext): Steps<void> {
  const at = readInput(context.df.getInput());
  const ended = yield* work(context, at);
  if (ended === "more") context.df.continueAsNew(at);
  else if (ended !== "over") yield* step<void>(context, STEPS.end, { ...at, code: ended.code } satisfies EndInput);
}

/**
 * `more`: what is left is for a new history, so that it does not grow with the registry. `over`: it had ended already, or
 * another drives it.
 */
function* work(context: OrchestrationContext, at: StepInput): Steps<"more" | "over" | { code: string | null }> {
  try {
    const prepared = yield* step<Prepared>(context, STEPS.prepare, at);
    if (!prepared.ok) return prepared;
    if (prepared.phase === "over") return "over";
    if (prepared.phase === "plan") {
      const settled = yield* plan(context, at, prepared.batches);
      if (!settled.ok) return settled.code === RUN_PASSED ? "over" : settled;
      if (!settled.applies) return { code: null };
    }
    const applied = yield* step<Applied>(context, STEPS.apply, at);
    if (!applied.ok) return applied;
    return applied.more ? "more" : { code: null };
  } catch (error) {
    // A step that failed each time it was tried.
    return { code: passingCode(error) };
  }
}

/** Codes of what may pass, which steps throw. */
const PASSING: Readonly<Record<UpstreamCode, true>> = {
  UPSTREAM_REFUSED: true,
  UPSTREAM_TIMEOUT: true,
  AUDIT_UNAVAILABLE: true,
  STATE_UNAVAILABLE: true,
  VAULT_UNAVAILABLE: true,
};
const PASSING_CODE = new RegExp(`\\b(?:${Object.keys(PASSING).join("|")})\\b`);

/** A step throws its code alone; the host puts words before it, and a stack behind it, and hands on nothing but this text. */
function passingCode(error: unknown): string {
  return PASSING_CODE.exec(error instanceof Error ? error.message : "")?.[0] ?? "INTERNAL";
}

/** All batches, a few at once, each in slices; then the whole. */
function* plan(context: OrchestrationContext, at: StepInput, batches: number): Steps<Settled> {
  const slices: number[] = [];
  for (let first = 0; first < batches; first += PLANNED_AT_ONCE) {
    const count = Math.min(PLANNED_AT_ONCE, batches - first);
    let waiting: PlanInput[] = Array.from({ length: count }, (_, n) => ({
      ...at,
      batch: first + n,
      slice: 0,
      from: 0,
    }));
    while (waiting.length > 0) {
      const tasks = waiting.map((input) => callStep(context, STEPS.plan, input));
      const answers: readonly Planned[] = yield context.df.Task.all(tasks);
      const next: PlanInput[] = [];
      for (const [n, input] of waiting.entries()) {
        const answer = answers[n];
        if (answer === undefined) throw new Error("A slice has no answer.");
        if (!answer.ok) return answer;
        slices[input.batch] = input.slice + 1;
        if (answer.next !== null) next.push({ ...input, slice: input.slice + 1, from: answer.next });
      }
      waiting = next;
    }
  }
  return yield* step<Settled>(context, STEPS.settle, { ...at, slices } satisfies SettleInput);
}

function* step<T>(context: OrchestrationContext, name: string, input: StepInput | SettleInput | EndInput): Steps<T> {
  return yield callStep(context, name, input);
}

function callStep(context: OrchestrationContext, name: string, input: StepInput): Task {
  const retry = new RetryOptions(FIRST_RETRY_MS, TRIES);
  retry.backoffCoefficient = BACKOFF;
  return context.df.callActivityWithRetry(name, retry, input);
}

/** @throws Error for an input that nobody of us gave */
function readInput(input: unknown): StepInput {
  if (typeof input === "object" && input !== null && "registry" in input && "run" in input) {
    const { registry, run } = input;
    if (typeof registry === "string" && typeof run === "string") return { registry, run };
  }
  throw new Error("The orchestration was started without a run.");
}
