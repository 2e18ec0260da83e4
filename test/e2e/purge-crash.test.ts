/** `kill -9` of the host while it plans, deletes and reports: the run goes on by itself, and its totals are what the registry lost. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { type Control, createControl } from "../support/control.ts";
import {
  DAY,
  deleteOld,
  endOf,
  itemsOf,
  policiesOf,
  putPolicy,
  registerKeeper,
  startRun,
} from "../support/purge-calls.ts";
import {
  auditedDeletions,
  expectTrueTotals,
  type Listing,
  openPurgeRegistry,
  type PurgeRegistry,
  reportedDeletions,
} from "../support/purge-registry.ts";
import { ABAC_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { startOwnSystem, WIDE_LIMITS } from "../support/system.ts";

/** Longer than any test here runs: who comes here is stuck until the host is killed. */
const STUCK = { latencyMs: 600_000 };
const BLOBS = { host: "latchkeystate.blob.core.windows.net", method: "PUT" };
const TRAIL = { host: "latchkeystate.table.core.windows.net", method: "POST", path: "^/\\$batch" };
/** Of the moment of the kill amid deletions. `CRASH_SEED` repeats a run. */
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000_007);
const REPOSITORIES = ["crash/a", "crash/b", "crash/c"];

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let control: Control;
let state: StateAccount;
let registry: PurgeRegistry;
let abac: PurgeRegistry;

beforeAll(async () => {
  system = await startOwnSystem(WIDE_LIMITS);
  leave = enterLocalAzure(system);
  api = createApi(system);
  control = createControl(system);
  state = openStateAccount(system);
  registry = openPurgeRegistry(system, api);
  abac = openPurgeRegistry(system, api, ABAC_REGISTRY, true);
  await registerKeeper(system, api);
  for (const policies of [policiesOf(REGISTRY), policiesOf(ABAC_REGISTRY)]) {
    await putPolicy(api, "crash", { rules: [deleteOld("crash/.*", { tags: "v.*|old" })] }, policies);
  }
});
afterEach(() => control.clear());
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let current = seed;
  return () => {
    current = (current + 0x6d2b79f5) | 0;
    let mixed = Math.imul(current ^ (current >>> 15), current | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Images that go, and some that stay whatever happens. */
async function fillOne(one: PurgeRegistry, count: number): Promise<Listing> {
  for (const repository of REPOSITORIES) {
    await one.fill(repository, count, { ageSeconds: 20 * DAY });
    const child = await one.push(repository, null);
    await one.push(repository, null, { subject: child.digest });
    await one.pushIndex(repository, "stays", [child.digest]);
    await one.pushIndex(repository, "old", [child.digest, (await one.push(repository, null)).digest]);
    await one.age(repository, 20 * DAY);
  }
  return one.list(...REPOSITORIES);
}

/** Waits until somebody has met each of these faults. */
async function expectMet(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await expect.poll(() => control.hits([id]), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
  }
}
/** Kills the host. @param next what the host finds when it is there again @returns the ids of these */
async function killInto(...next: readonly FaultRule[]): Promise<readonly string[]> {
  await system.killHost();
  await control.clear();
  const ids = await control.fault(...next);
  await system.restartHost();
  return ids;
}

async function expectWhole(id: string, one: PurgeRegistry, before: Listing) {
  const run = await endOf(api, id);
  const report = await itemsOf(api, id, "&view=report");
  expectTrueTotals(run, report, before, await one.list(...REPOSITORIES));
  expect(run).toMatchObject({ state: "done", code: null });
  expect(run.counts).toMatchObject({ failed: 0, gone: 0, changed: 0, deletedManifests: run.counts.toDelete });
  const rows = await state.rows("Audit");
  expect(auditChainFaults(rows)).toEqual([]);
  // At least once: a host that dies between the record and the report says it again.
  expect(new Set(auditedDeletions(rows, id))).toEqual(new Set(reportedDeletions(report)));
  for (const repository of REPOSITORIES) expect(await one.missingOf(repository, "stays")).toEqual([]);
  return run;
}

// Amid deletions both are killed at once: whoever goes on with them waits first, until nothing can be under way any more.
it(`at every step, and at a random moment amid deletions (seed ${SEED}): runs go on by themselves`, async () => {
  const random = randomFrom(SEED);
  // The second has several groups of lines.
  const before = { registry: await fillOne(registry, 40), abac: await fillOne(abac, 250) };
  const planning: readonly FaultRule[] = [
    // What clusters use is read; repositories are listed; one is planned; the plan is written.
    { service: "kubernetes", path: "/cronjobs", ...STUCK },
    { host: REGISTRY, path: "/_catalog", ...STUCK },
    { host: REGISTRY, path: "crash(/|%2f)b/_manifests", ...STUCK },
    { ...BLOBS, path: "/plans/[^/]*\\.jsonl", ...STUCK },
  ];
  const deleting: readonly FaultRule[] = [
    { host: REGISTRY, method: "DELETE", path: "crash(/|%2f)b", ...STUCK },
    // So slow that there is something to be killed in: images are deleted, and it is recorded.
    { host: ABAC_REGISTRY, method: "DELETE", latencyMs: 60 },
    { ...TRAIL, body: "purge\\.deleted", latencyMs: 400 },
  ];
  let met = await control.fault(...planning.slice(0, 1));
  const id = await startRun(api, "crash", "runs");
  for (const [index] of planning.entries()) {
    await expectMet(met);
    met = await killInto(...(index + 1 < planning.length ? planning.slice(index + 1, index + 2) : deleting));
  }
  const other = await startRun(api, "crash", "runs", { policies: policiesOf(ABAC_REGISTRY) });
  await expectMet(met.slice(0, 2));
  await wait(random() * 2_500);
  // The end is recorded of the one that has more to do: the other has ended by then.
  const end = `purge\\.ended[^]*${other}|${other}[^]*purge\\.ended`;
  await expectMet(await killInto({ ...TRAIL, body: end, ...STUCK }));
  await killInto();
  await expectWhole(id, registry, before.registry);
  await expectWhole(other, abac, before.abac);
  // Both registries were given back.
  for (const policies of [policiesOf(REGISTRY), policiesOf(ABAC_REGISTRY)]) {
    const again = await endOf(api, await startRun(api, "crash", "runs", { policies }));
    expect(again).toMatchObject({ state: "done", counts: { deletedManifests: 0 } });
  }
});
