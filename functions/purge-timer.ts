/** The timer `purge-timer`: starts policies that are due, and drives on runs that stand still. Registered by main.ts. */
import type { app as functionsApp, InvocationContext } from "@azure/functions";
import { createLog } from "../shared/log.ts";
import { type DueDeps, startDue } from "../shared/purge/due.ts";
import { driveStale, type StaleDeps } from "../shared/purge/stale.ts";
import type { DurableBinding } from "./purge-steps.ts";
import { logFailure } from "./route.ts";

/** Every 5 minutes, on the clock (NCRONTAB, UTC): the steps of a policy's schedule. */
const SCHEDULE = "0 */5 * * * *";

/** What the timer needs. */
export type PurgeTimerDeps = Omit<DueDeps, "driveRun" | "onFailure" | "runs"> & {
  readonly runs: DueDeps["runs"] & StaleDeps["runs"];
  readonly durable: DurableBinding;
};

/** Registers the timer. What fails is told in the log, and keeps nothing else from its turn. */
export function registerPurgeTimer(app: Pick<typeof functionsApp, "timer">, deps: PurgeTimerDeps): void {
  app.timer("purge-timer", {
    schedule: SCHEDULE,
    extraInputs: [deps.durable.input],
    handler: async (_timer, context: InvocationContext) => {
      const correlationId = deps.newId();
      const log = createLog({
        info: (line) => context.info(line),
        warn: (line) => context.warn(line),
        error: (line) => context.error(line),
      });
      let failures = 0;
      const onFailure = (error: unknown) => {
        failures++;
        logFailure(log, error, correlationId, "purge");
      };
      const driven = { ...deps, driveRun: deps.durable.driverOf(context), onFailure };
      const none = (error: unknown) => {
        onFailure(error);
        return 0;
      };
      const started = await startDue(driven).catch(none);
      const restarted = await driveStale(driven).catch(none);
      log.info("purge.looked", { function: "purge-timer", correlationId, started, restarted });
      // Thrown so that the host counts the look as failed; what went wrong is in the log.
      if (failures > 0) throw new Error(`Failed: ${failures}.`);
    },
  });
}
