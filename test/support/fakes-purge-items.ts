/** Lines of plans and reports, and a blob of them whose places are bytes. Used by the unit tests. */
import { NotFoundError } from "../../shared/errors.ts";
import type { ApplyItem } from "../../shared/purge/apply/apply-items.ts";
import type { PlanLine, ReportLine } from "../../shared/purge/plan-line.ts";
import type { LinesStore } from "../../shared/purge/ports.ts";
import type { ItemFilter } from "../../shared/purge/read-items.ts";
import { digestOf, OCI_IMAGE } from "./fakes-purge.ts";

/** Any item. */
export const ANY: ItemFilter = { action: null, reason: null, rule: null, repository: null, outcome: null };

/** An image that goes. */
export function planLine(changes: Partial<PlanLine> = {}): PlanLine {
  return {
    repository: "team/app",
    digest: digestOf("one"),
    tags: ["v1"],
    action: "delete",
    rules: ["old"],
    reason: "matched",
    because: null,
    mediaType: OCI_IMAGE,
    updatedAt: "2026-11-01T10:00:00.000Z",
    sizeBytes: 100,
    freedBytes: 90,
    isEstimate: false,
    after: [],
    seen: { manifestUpdatedAt: 0, isLocked: false, tags: [["v1", 0, false]] },
    ...changes,
  };
}

/** One that goes, as a line ahead. */
export function changingItem(changes: Partial<ApplyItem["line"]> = {}): ApplyItem {
  const seen: ApplyItem["line"]["seen"] = { manifestUpdatedAt: 0, isLocked: false, tags: [["v1", 0, false]] };
  return { line: { ...planLine(), action: "delete", seen, ...changes }, end: 1 };
}

/** One that went. */
export function reportLine(changes: Partial<ReportLine> = {}): ReportLine {
  const { seen: _seen, after: _after, ...line } = planLine();
  return { ...line, outcome: "deleted", failure: null, at: "2026-11-21T10:00:00Z", ...changes };
}

/** The blob `plans/x.jsonl`, or another name; undefined stands for a line that is no JSON. */
export function fakePlan(lines: readonly unknown[], blob = "plans/x.jsonl"): Pick<LinesStore, "read"> {
  return {
    async *read(name, from) {
      if (name !== blob) throw new NotFoundError("NOT_FOUND", "There is no such blob.");
      let end = 0;
      for (const value of lines) {
        const start = end;
        end += (JSON.stringify(value) ?? "x").length + 1;
        if (start >= from) yield { value, end };
      }
    },
  };
}
