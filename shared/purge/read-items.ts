/** Pages of a plan or a report, filtered. A page reads a bounded piece, so that a filter that fits little may give none. Used by the routes. */
import { z } from "zod";
import {
  type OUTCOMES,
  type PLAN_ACTIONS,
  planLineSchema,
  reportLineSchema,
  unreadRepositorySchema,
} from "./plan-line.ts";
import type { LinesStore } from "./ports.ts";

/** Bytes and lines that one page reads at most: some tenths of a second. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_LINES = 50_000;
/** Bytes of the lines that one page gives, after which it ends before its limit. */
const MAX_GIVEN_BYTES = 4 * 1024 * 1024;

/** What each line of a plan says to people; what the run saw for its re-check is its own affair. */
export const planItemSchema = planLineSchema.omit({ seen: true });
/** A line of neither form: whoever reads it must see that it is there. */
export const damagedItemSchema = z.strictObject({ damaged: z.literal(true) });
const storedPlanSchema = planLineSchema.transform(({ seen: _, ...item }) => item);

/** What can stand in a plan or a report. */
export type PurgeItem =
  | z.output<typeof planItemSchema>
  | z.output<typeof reportLineSchema>
  | z.output<typeof unreadRepositorySchema>
  | z.output<typeof damagedItemSchema>;

/** What is asked for; null: any. */
export type ItemFilter = {
  readonly action: (typeof PLAN_ACTIONS)[number] | null;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly repository: string | null;
  readonly outcome: (typeof OUTCOMES)[number] | null;
};

/**
 * At most `limit` items from a place on.
 * @param from 0, or the `next` of a page before
 * @returns `next` null: there is nothing behind
 * @throws NotFoundError NOT_FOUND, UpstreamError STATE_UNAVAILABLE
 */
export async function readItems(
  lines: Pick<LinesStore, "read">,
  source: { readonly blob: string; readonly view: "plan" | "report" },
  filter: ItemFilter,
  from: number,
  limit: number,
): Promise<{ items: readonly PurgeItem[]; next: number | null }> {
  const items: PurgeItem[] = [];
  let place = from;
  let read = 0;
  let given = 0;
  for await (const { value, end } of lines.read(source.blob, from)) {
    // The line in hand is the first of the next page.
    if (items.length >= limit || read >= MAX_LINES || given >= MAX_GIVEN_BYTES || place - from >= MAX_BYTES) {
      return { items, next: place };
    }
    const item = itemOf(value, source.view);
    if (fits(item, filter)) {
      items.push(item);
      given += end - place;
    }
    place = end;
    read++;
  }
  return { items, next: null };
}

function itemOf(value: unknown, view: "plan" | "report"): PurgeItem {
  const line = (view === "plan" ? storedPlanSchema : reportLineSchema).safeParse(value);
  if (line.success) return line.data;
  const unread = unreadRepositorySchema.safeParse(value);
  return unread.success ? unread.data : { damaged: true };
}

/** What cannot be read fits every filter, and a repository that was not read every one that does not ask for more than its name. */
function fits(item: PurgeItem, { action, reason, rule, repository, outcome }: ItemFilter): boolean {
  if ("damaged" in item) return true;
  if (repository !== null && item.repository !== repository) return false;
  if ("unread" in item) return action === null && reason === null && rule === null && outcome === null;
  return (
    (action === null || item.action === action) &&
    (reason === null || item.reason === reason) &&
    (rule === null || item.rules.includes(rule)) &&
    (outcome === null || ("outcome" in item && item.outcome === outcome))
  );
}
