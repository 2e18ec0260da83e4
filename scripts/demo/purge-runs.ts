/** Plans and purges as the app tells of them: waiting for their end, and what they say of each image. Used by purge.ts. */
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { type Answer, type Client, read } from "./latchkey-client.ts";
import { Surprise } from "./stage.ts";

const LOOK_EVERY_MS = 150;
const END_WITHIN_MS = 120_000;
const PAGE = 500;

const runSchema = z.object({
  id: z.string(),
  state: z.string(),
  code: z.string().nullable(),
  counts: z.record(z.string(), z.number()),
  bytesToFree: z.number(),
  bytesFreed: z.number(),
});
/** A plan or a purge, as the app shows it. */
export type Run = z.output<typeof runSchema>;
const itemSchema = z.object({
  repository: z.string(),
  digest: z.string(),
  tags: z.array(z.string()),
  action: z.string(),
  reason: z.string(),
  because: z.string().nullable(),
  sizeBytes: z.number().nullable(),
  freedBytes: z.number(),
  outcome: z.string().optional(),
});
/** A line of a plan or of a report. */
export type Item = z.output<typeof itemSchema>;

/** Waits for the end of a run. @param started the answer that began it @throws Surprise when it began none, or does not end */
export async function runToEnd(admin: Client, started: Answer): Promise<Run> {
  const { id } = read(started, 202, runSchema);
  for (const begin = performance.now(); performance.now() - begin < END_WITHIN_MS; await wait(LOOK_EVERY_MS)) {
    const run = read(await admin.call("GET", `purge-runs/${id}`), 200, runSchema);
    if (!["queued", "planning", "applying"].includes(run.state)) return run;
  }
  throw new Surprise(`the purge run ${id} has not ended after ${END_WITHIN_MS / 1000} s`);
}

/** What a plan or a report says of each image. */
export function itemsOf(admin: Client, runId: string, view: "plan" | "report"): Promise<Item[]> {
  return all(admin, `purge-runs/${runId}/items`, itemSchema, `view=${view}&`);
}

/** All pages of a list. */
export async function all<T>(client: Client, path: string, item: z.ZodType<T>, query = ""): Promise<T[]> {
  const schema = z.object({ items: z.array(item), continuationToken: z.string().nullable() });
  const items: T[] = [];
  let next = "";
  for (;;) {
    const page = read(await client.call("GET", `${path}?${query}limit=${PAGE}${next}`), 200, schema);
    items.push(...page.items);
    if (page.continuationToken === null) return items;
    next = `&continuationToken=${encodeURIComponent(page.continuationToken)}`;
  }
}

/** As an inventory names it. */
export function nameOf({ repository, digest }: Item): string {
  return `${repository}@${digest}`;
}
