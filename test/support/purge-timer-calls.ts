/** Starts the timer of the purge now, and makes policies and runs as old as a test needs them. For e2e tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TableClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { expect } from "vitest";
import { applicationOf } from "./api.ts";
import { REGISTRY } from "./registry-requests.ts";
import type { System } from "./system.ts";

/** Longest that a look of the timer may take here. */
const WAIT = { timeout: 60_000, interval: 50 };
const TABLES = "https://latchkeystate.table.core.windows.net";

/** Make it after entering the system. */
export function openPurgeTimer(system: System) {
  const { clientId, secret } = applicationOf(system, "latchkey-service");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const policies = new TableClient(TABLES, "PurgePolicies", identity);
  const runs = new TableClient(TABLES, "PurgeRuns", identity);
  const master = () => {
    const keys: { master: string } = JSON.parse(readFileSync(join(system.stateDir, "host", "keys.json"), "utf8"));
    return keys.master;
  };
  const looks = () => readFileSync(system.hostLog, "utf8").split("purge.looked").length - 1;
  return {
    /** So many times at once, and waits until all have looked. */
    async fire(times = 1): Promise<void> {
      const before = looks();
      const headers = { "x-functions-key": master(), "content-type": "application/json" };
      const init = { method: "POST", headers, body: "{}" };
      const fired = Array.from({ length: times }, () => fetch(`${system.apiUrl}/admin/functions/purge-timer`, init));
      for (const answer of await Promise.all(fired)) expect(answer.status).toBe(202);
      await expect.poll(looks, WAIT).toBeGreaterThanOrEqual(before + times);
    },
    /** As if the policy had been due since then. */
    async setDue(policy: string, nextDueAt: string): Promise<void> {
      await policies.updateEntity({ partitionKey: REGISTRY, rowKey: policy, nextDueAt }, "Merge");
    },
    /** When it is due; undefined: never. */
    async dueOf(policy: string): Promise<string | undefined> {
      return (await policies.getEntity<{ nextDueAt?: string }>(REGISTRY, policy)).nextDueAt;
    },
    /** As if nobody had worked on the run for an hour. */
    async makeStale(id: string): Promise<void> {
      const at = `${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)}Z`;
      await runs.updateEntity({ partitionKey: REGISTRY, rowKey: `r~${id}`, openSince: at, updatedAt: at }, "Merge");
    },
    /** Ends the orchestration of a run, which does not end the run. */
    async terminate(id: string): Promise<void> {
      const path = `runtime/webhooks/durabletask/instances/${id}/terminate?reason=test&code=${master()}`;
      expect((await fetch(`${system.apiUrl}/${path}`, { method: "POST" })).status).toBe(202);
    },
  };
}
