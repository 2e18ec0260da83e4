/** Names of the blobs of one run, in the app's container. Used by every step. */

/** The plan: lines of plan-line.ts. */
export function planBlob(runId: string): string {
  return `plans/${runId}.jsonl`;
}

/** What one slice of a batch planned; joined to the plan, then removed. Names sort as the plan is read. */
export function planPartBlob(runId: string, batch: number, slice: number): string {
  return `plans/${runId}/${digits(batch)}-${digits(slice)}.jsonl`;
}

/** Sums of one such slice, beside it. */
export function countsBlobOf(part: string): string {
  return part.replace(/\.jsonl$/, "-counts.jsonl");
}

/** What is half done of a repository that takes more than one slice. */
export function unfinishedBlob(runId: string, batch: number): string {
  return `plans/${runId}/${digits(batch)}-unfinished.jsonl`;
}

/** The repositories of one batch: names in order. */
export function batchBlob(runId: string, batch: number): string {
  return `plans/${runId}/${digits(batch)}-repositories.jsonl`;
}

/** What clusters use of the registry, as it was when the run began. */
export function inUseBlob(runId: string): string {
  return `plans/${runId}/in-use.jsonl`;
}

/** The report, and its groups while the run goes on. */
export function reportBlob(runId: string): string {
  return `reports/${runId}.jsonl`;
}

/** Where the steps of planning put what they write for each other. */
export function planFolder(runId: string): string {
  return `plans/${runId}/`;
}

/** Where slices of applying put theirs. */
export function reportFolder(runId: string): string {
  return `reports/${runId}/`;
}

/** Since when the run has got no further. */
export function outageBlob(runId: string): string {
  return `${reportFolder(runId)}outage.jsonl`;
}

function digits(number: number): string {
  return String(number).padStart(6, "0");
}
