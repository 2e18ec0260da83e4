/** The timer `refresh-timer`: small jobs that keep things in order, each failing by itself. Registered by main.ts. */
import type { app as functionsApp, InvocationContext } from "@azure/functions";
import { createLog, type Log } from "../shared/log.ts";
import { logFailure } from "./route.ts";

/** Every 5 minutes, on the clock (NCRONTAB, UTC). */
const SCHEDULE = "0 */5 * * * *";

/** One thing to be done at each tick. It may run on several machines at once, and be cut off at any point. */
export type RefreshJob = { readonly name: string; run(log: Log, correlationId: string): Promise<void> };

/** Registers the timer. Every job runs whatever becomes of the others. */
export function registerRefreshTimer(
  app: Pick<typeof functionsApp, "timer">,
  jobs: readonly RefreshJob[],
  deps: { readonly now: () => Date; readonly newId: () => string },
): void {
  app.timer("refresh-timer", {
    schedule: SCHEDULE,
    handler: async (_timer, context: InvocationContext) => {
      const log = createLog({
        info: (line) => context.info(line),
        warn: (line) => context.warn(line),
        error: (line) => context.error(line),
      });
      const failed: string[] = [];
      for (const job of jobs) if (!(await succeeds(job, deps, log))) failed.push(job.name);
      // Thrown so that the host counts the run as failed; what went wrong is in the log.
      if (failed.length > 0) throw new Error(`Failed: ${failed.join(", ")}.`);
    },
  });
}

async function succeeds(
  job: RefreshJob,
  deps: { readonly now: () => Date; readonly newId: () => string },
  log: Log,
): Promise<boolean> {
  const correlationId = deps.newId();
  const startedAt = deps.now().getTime();
  let isDone = true;
  try {
    await job.run(log, correlationId);
  } catch (error) {
    isDone = false;
    logFailure(log, error, correlationId, "refresh");
  }
  const milliseconds = deps.now().getTime() - startedAt;
  const fields = { function: `refresh-timer/${job.name}`, milliseconds, correlationId };
  if (isDone) log.info("refresh.done", fields);
  else log.error("refresh.failed", fields);
  return isDone;
}
