/** What callers see of a run. Used by the routes of purge policies and runs. */
import { z } from "zod";
import { UNSEEN_MAX_SECONDS } from "../shared/purge/apply/freshness.ts";
import type { DamagedRun } from "../shared/purge/ports.ts";
import { countsSchema, OPEN_STATES, type PurgeRun, RUN_KINDS, RUN_STATES } from "../shared/purge/run.ts";

const time = z.iso.datetime();
const link = z.string().nullable().describe("null: there is none yet, or no more");

/** A run as an answer has it. */
export const runViewSchema = z
  .object({
    id: z.string(),
    registry: z.string().describe("login server"),
    policy: z.string(),
    kind: z.enum(RUN_KINDS),
    state: z
      .enum(RUN_STATES)
      .describe(
        "partial: something that was to go is still there; refused: a limit or an unreadable cluster forbade it",
      ),
    code: z.string().nullable().describe("why it ended so; null where all is well"),
    warnings: z.array(z.string()),
    counts: countsSchema,
    bytesToFree: z.number(),
    bytesFreed: z.number(),
    slot: time.nullable().describe("the time that the timer ran it for; null: on demand"),
    planId: z.string().nullable().describe("the plan that it executes; null: its own"),
    startedBy: z.string(),
    startedAt: time,
    listedAt: time.nullable().describe("ages count from here"),
    updatedAt: time,
    endedAt: time.nullable(),
    cancelRequested: z.boolean(),
    recheckMaxAgeSeconds: z
      .int()
      .describe(
        "the registry has no conditional delete: what changes an image within so many seconds before it is deleted may go unseen; where listing its repository or reading the clusters takes over 15 seconds, within twice that time and 5 seconds: warnings say so",
      ),
    links: z.object({ self: z.string(), plan: link, report: link, cancel: link }),
  })
  .meta({ id: "PurgeRun" });
/** A record that cannot be read: whoever looks at all runs must see that it is there. */
export const damagedRunSchema = z
  .object({ id: z.string(), registry: z.string(), damaged: z.literal(true) })
  .meta({ id: "DamagedPurgeRun" });

/** Where a run is looked at. */
export function runPath(runId: string): string {
  return `/api/purge-runs/${runId}`;
}

/** See runViewSchema. Links of the host that drives it are never among them. */
export function runView(run: PurgeRun): z.input<typeof runViewSchema> {
  const self = runPath(run.id);
  const { id, policy, kind, state, code, warnings, counts, bytesFreed, slot, planId } = run;
  const { startedAt, listedAt, updatedAt, endedAt, cancelRequested } = run;
  return {
    ...{ id, registry: run.loginServer, policy, kind, state, code, warnings: [...warnings], counts },
    ...{ bytesToFree: counts.bytesToFree, bytesFreed, slot, planId },
    ...{ startedBy: run.startedBy.principalId, startedAt, listedAt, updatedAt, endedAt, cancelRequested },
    recheckMaxAgeSeconds: UNSEEN_MAX_SECONDS,
    links: {
      self,
      plan: run.planBlob === null ? null : `${self}/items?view=plan`,
      report: run.reportBlob === null ? null : `${self}/items?view=report`,
      cancel: OPEN_STATES.has(state) ? `${self}/cancel` : null,
    },
  };
}

/** The same for lists. */
export function runItem(run: PurgeRun | DamagedRun): z.input<typeof runViewSchema | typeof damagedRunSchema> {
  return "damaged" in run ? { id: run.id, registry: run.loginServer, damaged: true } : runView(run);
}
