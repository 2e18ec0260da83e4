/** The steps of a purge's orchestration as durable activities, and what starts an orchestration. Registered by main.ts. */
import type { FunctionInput, InvocationContext } from "@azure/functions";
import { z } from "zod";
import { LatchkeyError, LimitError, UpstreamError } from "../shared/errors.ts";
import { createLog, type Log } from "../shared/log.ts";
import type { DriveRun } from "../shared/purge/ports.ts";
import {
  type DurableApp,
  durableClientInput,
  durableClientOf,
  registerActivity,
  registerOrchestration,
} from "./durable.ts";
import type {
  Applied,
  EndInput,
  PlanInput,
  Planned,
  Prepared,
  Settled,
  SettleInput,
  StepInput,
} from "./purge-orchestration.ts";
import { ORCHESTRATION, STEPS } from "./purge-step-names.ts";
import { logFailure } from "./route.ts";

/** The steps, as shared/purge does them. All may be repeated, and run on several machines at once. @throws LatchkeyError */
export type PurgeSteps = {
  prepare(input: StepInput): Promise<Prepared>;
  plan(input: PlanInput, log: Log): Promise<Planned>;
  settle(input: SettleInput): Promise<Settled>;
  apply(input: StepInput): Promise<Applied>;
  end(input: EndInput): Promise<void>;
};

const stepSchema = z.strictObject({ registry: z.string(), run: z.string() });
const SCHEMAS = {
  prepare: stepSchema,
  plan: stepSchema.extend({ batch: z.int().min(0), slice: z.int().min(0), from: z.int().min(0) }),
  settle: stepSchema.extend({ slices: z.array(z.int().min(1)) }),
  apply: stepSchema,
  end: stepSchema.extend({ code: z.string().nullable() }),
};

/** Registers the orchestration and its steps. */
export function registerPurge(app: DurableApp, steps: PurgeSteps): void {
  registerOrchestration(app, ORCHESTRATION, async () => (await import("./purge-orchestration.ts")).orchestratePurge);
  const register = <I>(name: string, schema: z.ZodType<I>, run: (input: I, log: Log) => Promise<unknown>) =>
    registerActivity(app, name, async (input, context) => {
      const log = createLog({
        info: (line) => context.info(line),
        warn: (line) => context.warn(line),
        error: (line) => context.error(line),
      });
      return answerOf(log, context.invocationId, () => run(schema.parse(input), log));
    });
  register(STEPS.prepare, SCHEMAS.prepare, steps.prepare);
  register(STEPS.plan, SCHEMAS.plan, steps.plan);
  register(STEPS.settle, SCHEMAS.settle, steps.settle);
  register(STEPS.apply, SCHEMAS.apply, steps.apply);
  register(STEPS.end, SCHEMAS.end, steps.end);
}

/**
 * What a step answers: what cannot be done is `{ok: false}`, what may pass is thrown. History keeps both for long, so that
 * an error goes there as its code alone; what it was is in the log.
 */
async function answerOf(log: Log, correlationId: string, work: () => Promise<unknown>): Promise<unknown> {
  try {
    return (await work()) ?? { ok: true };
  } catch (error) {
    logFailure(log, error, correlationId, "purge");
    const code = error instanceof LatchkeyError ? error.code : "INTERNAL";
    if (mayPass(error)) throw new Error(code);
    return { ok: false, code };
  }
}

/** A defect too: often it is a service that answered what nobody expected. */
function mayPass(error: unknown): boolean {
  if (error instanceof UpstreamError) return error.retryable;
  return error instanceof LimitError || !(error instanceof LatchkeyError);
}

/** The binding through which a function starts orchestrations, and what it then starts them with. */
export type DurableBinding = {
  readonly input: FunctionInput;
  driverOf(context: InvocationContext): DriveRun;
};

/** States in which an orchestration still goes on by itself. */
const RUNNING: ReadonlySet<string> = new Set(["Pending", "Running", "ContinuedAsNew", "Suspended"]);

/**
 * Starts the orchestration of a run, or starts it again when it has ended without ending the run. The instance has the run's
 * id, but nothing relies on there being one only: what is exact is in the run's record.
 * @param context of a function with that input
 */
function driverOf(context: InvocationContext): DriveRun {
  return async ({ id, loginServer }) => {
    const client = await durableClientOf(context);
    const known = await client.getStatus(id).catch(() => null);
    if (known !== null && RUNNING.has(known.runtimeStatus)) return;
    await client.startNew(ORCHESTRATION, { instanceId: id, input: { registry: loginServer, run: id } });
  };
}

/** See DurableBinding. */
export const durableBinding: DurableBinding = { input: durableClientInput(), driverOf };
