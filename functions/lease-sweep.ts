/** The job of the refresh timer that ends leases: the sweep, and what of it is worth a line in the log. Used by main.ts. */
import type { RemoveDeps } from "../shared/credentials/remove-upstream.ts";
import { sweepLeases } from "../shared/credentials/sweep.ts";
import type { RefreshJob } from "./refresh-timer.ts";
import { logFailure } from "./route.ts";

/** One lease that fails is no failure of the job: it is tried again, and listed when it never can be ended. */
export function leaseSweep(deps: RemoveDeps): RefreshJob {
  return {
    name: "sweep",
    async run(log, correlationId) {
      const { removed, later, irrevocable, errors } = await sweepLeases(deps, correlationId);
      for (const error of errors) logFailure(log, error, correlationId, "sweep");
      for (const { id, resourceId } of irrevocable) {
        log.error("lease.irrevocable", { leaseId: id, resourceId, correlationId });
      }
      log.info("sweep.done", { removed, later, irrevocable: irrevocable.length, correlationId });
    },
  };
}
