/** Azure takes longer than a caller waits. All cases at once: each waits for its own time limit. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { UPSTREAM_TIMEOUT_MS } from "../../shared/azure/upstream.ts";
import { createApi, registration } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { createControl } from "../support/control.ts";
import { leaseIds, recordFaults } from "../support/issued-records.ts";
import { ARTIFACTS, DATASETS } from "../support/policy.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";

/** Longer than the product's limit for one operation with its retries. */
const SLOW_MS = 60_000;
const OTHER_TENANT = "22222222-3333-4444-8555-666666666666";

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);

beforeAll(async () => {
  for (const name of ["slow-vault", "slow-arm", "slow-key", "slow-audit", "slow-row"]) {
    expect((await api.register(name)).status).toBe(201);
  }
  // What this connector needs is at hand, so that it comes as far as the audit trail.
  expect((await api.issue("slow-audit")).status).toBe(201);
});
afterAll(async () => {
  await control.clear();
});

it("a dependency that does not answer: 503 or 504 in the end, nothing issued, and the next call works", async () => {
  const state = openStateAccount(system);
  const answered = new Set(leaseIds(await state.rows("Leases")));
  const { body: vault } = await api.call<{ id: string }>("GET", "connectors/slow-vault");
  const slow = { latencyMs: SLOW_MS };
  await control.fault(
    { service: "key-vault", path: `/secrets/connector-${vault.id}`, ...slow },
    { service: "key-vault", method: "PUT", ...slow },
    { service: "arm", path: "/containers/datasets", ...slow },
    { host: "demozenmlartifacts.blob.core.windows.net", path: "comp=userdelegationkey", ...slow },
    { host: "latchkeystate.table.core.windows.net", path: "slow-row", ...slow },
    { host: "latchkeystate.table.core.windows.net", method: "POST", path: "^/\\$batch", body: "/Audit\\b", ...slow },
    { service: "entra", path: OTHER_TENANT, ...slow },
  );
  const { configuration } = registration(system, "");
  const byId = { resourceId: ARTIFACTS };
  const startedAt = performance.now();
  // Several at once: each waits behind those before it.
  const audits = Array.from({ length: 5 }, async () => {
    const { status, body } = await api.issue("slow-audit", byId);
    return { outcome: `${status} ${body.code}`, milliseconds: performance.now() - startedAt };
  });
  const answers = await Promise.all([
    api.issue("slow-vault", byId),
    api.register("slow-new"),
    api.issue("slow-arm", { resourceId: DATASETS }),
    api.issue("slow-key", byId),
    api.issue("slow-row", byId),
    api.register("slow-tenant", { configuration: { ...configuration, tenantId: OTHER_TENANT } }),
  ]);
  const audited = await Promise.all(audits);
  expect(await control.clear()).toBeGreaterThan(answers.length);
  expect(answers.map(({ status, body }) => `${status} ${body.code}`)).toEqual([
    "503 VAULT_UNAVAILABLE",
    "503 VAULT_UNAVAILABLE",
    "504 UPSTREAM_TIMEOUT",
    "504 UPSTREAM_TIMEOUT",
    "503 STATE_UNAVAILABLE",
    "504 UPSTREAM_TIMEOUT",
  ]);
  expect(audited.map(({ outcome }) => outcome)).toEqual(audited.map(() => "503 AUDIT_UNAVAILABLE"));
  // One limit for each that waits would be five.
  expect(Math.max(...audited.map(({ milliseconds }) => milliseconds))).toBeLessThan(3 * UPSTREAM_TIMEOUT_MS);

  for (const name of ["slow-vault", "slow-arm", "slow-key", "slow-audit", "slow-row"]) {
    const { status, body, text } = await api.issue(name, byId);
    expect(status, text).toBe(201);
    answered.add(body.leaseId);
  }
  const faults = async () => recordFaults((await state.read()).tables, answered);
  // What was not given out is taken back after the answer.
  await expect.poll(faults, { timeout: 2 * UPSTREAM_TIMEOUT_MS }).toEqual([]);
  const { tables } = await state.read();
  expect(auditChainFaults(tables.Audit ?? [])).toEqual([]);
  expect(tables.Connectors?.some(({ rowKey }) => ["n~slow-new", "n~slow-tenant"].includes(rowKey))).toBe(false);
});
