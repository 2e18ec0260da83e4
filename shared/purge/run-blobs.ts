/** Names of the blobs of one run, in the app's container. Used by every step. */

/** The plan: lines of plan-line.ts. */
export function planBlob(runId: string): string {
  return `plans/${runId}.jsonl`;
}

/** What one slice of a batch planned; joined to the plan, then removed. Names sort as the plan is read. */
export function planPartBlob(runId: string, batch: number, slice: number): string {
  return `plans/${runId}/${digits(batch)}-${digits(slice)}.jsonl`;
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

/** What the group that is being deleted began with: whoever goes on after a crash knows what is its own. */
export function intentBlob(runId: string): string {
  return `reports/${runId}/intent.jsonl`;
}

function digits(number: number): string {
  return String(number).padStart(6, "0");
}
