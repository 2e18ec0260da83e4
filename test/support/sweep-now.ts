/** Runs the sweep of a running local system now, and makes leases old enough for it. For e2e tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RestError, TableClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { expect } from "vitest";
import { applicationOf } from "./api.ts";
import type { System } from "./system.ts";

/** Longest that a run of the timer may take here. */
const WAIT = { timeout: 60_000, interval: 100 };
const TABLES = "https://latchkeystate.table.core.windows.net";
/** Long ago, and after every lease of these tests was made: no clock of theirs reaches it. */
const LONG_AGO = "2026-01-01T00:00:00Z";

/** Starts the refresh timer and waits until a sweep that began afterwards is done. */
export async function sweepNow(system: System): Promise<void> {
  const { master }: { master: string } = JSON.parse(readFileSync(join(system.stateDir, "host", "keys.json"), "utf8"));
  // A run that is under way may have read its list already.
  for (let run = 0; run < 2; run++) {
    const before = sweepsIn(system);
    const answer = await fetch(`${system.apiUrl}/admin/functions/refresh-timer`, {
      method: "POST",
      headers: { "x-functions-key": master, "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.status).toBe(202);
    await expect.poll(() => sweepsIn(system), WAIT).toBeGreaterThan(before);
  }
}

function sweepsIn({ hostLog }: System): number {
  return readFileSync(hostLog, "utf8").split("sweep.done").length;
}

/**
 * As if time had passed: what is filed for the lease is due, an active one is past its end, and nobody works on a
 * registry's token any more. Call it after entering the system.
 * @param leaseId of one lease; left out: every lease that is filed
 */
export async function makeDue(system: System, leaseId?: string): Promise<void> {
  const { clientId, secret } = applicationOf(system, "latchkey-service");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const due = new TableClient(TABLES, "LeaseDue", identity);
  const leases = new TableClient(TABLES, "Leases", identity);
  const claims = new TableClient(TABLES, "RegistryTokens", identity);
  for await (const { partitionKey = "", rowKey = "", lockedUntil } of listed(claims)) {
    if (typeof lockedUntil !== "string") continue;
    await claims.updateEntity({ partitionKey, rowKey, lockedUntil: LONG_AGO }, "Merge");
  }
  for await (const { partitionKey = "", rowKey = "" } of listed(due)) {
    if (!/^\d/.test(partitionKey) || (leaseId !== undefined && rowKey !== leaseId)) continue;
    await due.deleteEntity(partitionKey, rowKey);
    await due.upsertEntity({ partitionKey: LONG_AGO.slice(0, 13).replace(/[-T]/g, ""), rowKey, dueAt: LONG_AGO });
    const holder = rowKey.slice(0, rowKey.indexOf("-"));
    const lease = await leases.getEntity<{ state: string }>(holder, rowKey).catch(() => null);
    if (lease?.state !== "active") continue;
    await leases.updateEntity({ partitionKey: holder, rowKey, expiresAt: LONG_AGO }, "Merge");
  }
}

/** Rows of a table; none when it is not there. */
async function* listed(table: TableClient) {
  try {
    yield* table.listEntities<{ lockedUntil?: string }>();
  } catch (error) {
    if (!(error instanceof RestError && error.statusCode === 404)) throw error;
  }
}
