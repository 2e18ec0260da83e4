/** What is still to be done of a plan: its lines that change something, read ahead in bounded numbers. Used by apply.ts and finish.ts. */
import { z } from "zod";
import { planLineSchema, unreadRepositorySchema } from "../plan-line.ts";
import type { LinesStore } from "../ports.ts";

/** Lines that are held at once, if a repository has no more: the default of `maxItems`, so that most plans are held whole. About 1 KiB each. */
export const WINDOW_LINES = 5_000;
/** Lines between two reports: at 500 deletions a minute about half a minute of work. */
export const GROUP_LINES = 300;

const lineSchema = z.union([planLineSchema, unreadRepositorySchema]);
const changingSchema = planLineSchema.extend({
  action: z.enum(["delete", "untag"]),
  seen: planLineSchema.shape.seen.unwrap(),
});

/** A line that changes something, and the place behind it in the plan, which is also its name in records of a run. */
export type ApplyItem = { readonly line: z.output<typeof changingSchema>; readonly end: number };

/** One digest of one repository, as a key. */
export function itemKey(repository: string, digest: string): string {
  return `${repository}@${digest}`;
}

/**
 * Lines of the plan that change something, behind a place.
 * @throws Error for a line that is damaged: what it says about others is not known either
 */
export async function* changingLines(lines: LinesStore, blob: string, from: number): AsyncGenerator<ApplyItem> {
  for await (const { value, end } of lines.read(blob, from)) {
    const line = lineSchema.parse(value);
    if ("unread" in line || line.action === "keep") continue;
    yield { line: changingSchema.parse(line), end };
  }
}

/** The lines ahead. */
export type ApplyWindow = {
  /**
   * In order: all that are left, or WINDOW_LINES / 2 at least and all of each repository that the first GROUP_LINES are of.
   * What hangs together with a line stands in any place of its repository.
   */
  ahead(): Promise<readonly ApplyItem[]>;
  /** Lines up to this place are done with. */
  pass(end: number): void;
};

/** Opens the plan at a place. */
export function openWindow(lines: LinesStore, blob: string, from: number): ApplyWindow {
  let items: ApplyItem[] = [];
  let readTo = from;
  let isWhole = false;
  const fill = async () => {
    for await (const item of changingLines(lines, blob, readTo)) {
      items.push(item);
      readTo = item.end;
      if (items.length >= WINDOW_LINES && !endsWithin()) return;
    }
    isWhole = true;
  };
  /** Lines of one repository stand together. */
  const endsWithin = () => items[GROUP_LINES - 1]?.line.repository === items.at(-1)?.line.repository;
  return {
    async ahead() {
      if (!isWhole && (items.length < WINDOW_LINES / 2 || endsWithin())) await fill();
      return items;
    },
    pass(end) {
      const left = items.findIndex((item) => item.end > end);
      items = left < 0 ? [] : items.slice(left);
    },
  };
}
