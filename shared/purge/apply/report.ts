/** What became of lines: their lines in the report, and what they add to the run's counts. Pure. */
import type { UpstreamError } from "../../errors.ts";
import { utc } from "../../time.ts";
import type { ReportLine } from "../plan-line.ts";
import type { PurgeRun } from "../run.ts";
import type { ApplyItem } from "./apply-items.ts";

/** What became of a line, or of some of its tags. */
export type Part = {
  readonly tags: readonly string[];
  readonly outcome: ReportLine["outcome"];
  readonly failure: string | null;
  readonly at: Date;
};
/** What became of a line: more than one part where only some of its tags could be removed. */
export type Done = { readonly item: ApplyItem; readonly parts: readonly Part[] };

/** The registry's answer as a report tells it, `<status> <code>`; where there was none, our own code. */
export function failureText(error: UpstreamError): string {
  const { status = null, code = null } = error.failure ?? {};
  return status === null ? error.code : [status, code].filter((part) => part !== null).join(" ");
}

/** The report's lines of one line. */
export function reportLines({ item, parts }: Done): readonly ReportLine[] {
  const { seen: _seen, after: _after, ...line } = item.line;
  return parts.map(({ tags, outcome, failure, at }) => ({ ...line, tags: [...tags], outcome, failure, at: utc(at) }));
}

/** The run with what these lines add. */
export function addDone(run: PurgeRun, done: readonly Done[]): PurgeRun {
  const counts = { ...run.counts };
  let bytesFreed = run.bytesFreed;
  for (const { item, parts } of done) {
    for (const { outcome, tags } of parts) {
      switch (outcome) {
        case "deleted":
          counts.deletedManifests += 1;
          counts.deletedTags += tags.length;
          bytesFreed += item.line.freedBytes;
          break;
        case "untagged":
          counts.deletedTags += tags.length;
          break;
        default:
          counts[outcome] += 1;
      }
    }
  }
  return { ...run, counts, bytesFreed };
}
