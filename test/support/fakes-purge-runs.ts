/** Purge runs as they are stored, and their store over a table in memory. Used by the unit and contract tests. */
import { noCounts, type PurgeRun } from "../../shared/purge/run.ts";
import { createPurgeRunStore } from "../../shared/store/purge-run-records.ts";
import { fakeTable } from "./fake-table.ts";
import { ADMIN, NOW, NOW_TEXT } from "./fakes.ts";

export const REGISTRY = "registryone.azurecr.io";

/** The id of the `index`th run: a higher one is newer. */
export function runId(index: number): string {
  return `${String(9_999_999_999_999 - NOW.getTime() - index).padStart(13, "0")}-aaaaaa`;
}

/** A purge that was just asked for. */
export function purgeRun(index = 0, changes: Partial<PurgeRun> = {}): PurgeRun {
  return {
    id: runId(index),
    loginServer: REGISTRY,
    policy: "weekly",
    kind: "purge",
    state: "queued",
    code: null,
    warnings: [],
    slot: null,
    planId: null,
    policyJson: "{}",
    listedAt: null,
    batches: 0,
    resourceId: null,
    planBlob: null,
    reportBlob: null,
    counts: noCounts(),
    bytesFreed: 0,
    cursor: 0,
    groups: 0,
    slice: null,
    cancelRequested: false,
    correlationId: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    startedBy: { principalId: ADMIN.id, issuer: ADMIN.issuer, tenantId: ADMIN.tenantId },
    startedAt: NOW_TEXT,
    updatedAt: NOW_TEXT,
    endedAt: null,
    ...changes,
  };
}

/** `newStore` makes another process; all share the table and the clock. */
export function runStoreParts(options: Parameters<typeof fakeTable>[0] = {}) {
  const fake = fakeTable(options);
  let at = NOW.getTime();
  const clock = { now: () => new Date(at), pass: (seconds: number) => (at += seconds * 1000) };
  const newStore = () =>
    createPurgeRunStore({ table: fake.table, now: clock.now, wait: async () => {}, random: () => 0.5 });
  const row = (key: string, partition = REGISTRY) => fake.rows.get(JSON.stringify([partition, key])) ?? null;
  return { ...fake, clock, newStore, row };
}

/** The ETag of a run that is there. */
export async function etagOf(parts: ReturnType<typeof runStoreParts>, run: PurgeRun): Promise<string> {
  const found = await parts.newStore().get(run.loginServer, run.id);
  if (found === null) throw new Error("the run is not there");
  return found.etag;
}
