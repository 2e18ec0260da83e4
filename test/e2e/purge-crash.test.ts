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
/** Kills at random times. `CRASH_SEED` repeats a run. */
const KILLS = 2;
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
async function fillBoth(count: number) {
  for (const one of [registry, abac]) {
    for (const repository of REPOSITORIES) {
      await one.fill(repository, count, { ageSeconds: 20 * DAY });
      const child = await one.push(repository, null);
      await one.push(repository, null, { subject: child.digest });
      await one.pushIndex(repository, "stays", [child.digest]);
      await one.pushIndex(repository, "old", [child.digest, (await one.push(repository, null)).digest]);
      await one.age(repository, 20 * DAY);
    }
  }
  return { registry: await registry.list(...REPOSITORIES), abac: await abac.list(...REPOSITORIES) };
}

/** Waits until somebody is stuck. */
async function someoneStuck(): Promise<void> {
  const hits = async () => {
    const answer = await fetch(`${system.controlUrl}/faults`);
    const { items }: { items: { hits: number }[] } = JSON.parse(await answer.text());
    return items.reduce((sum, item) => sum + item.hits, 0);
  };
  await expect.poll(hits, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
}

async function expectWhole(id: string, one: PurgeRegistry, before: Listing) {
  const run = await endOf(api, id);
  const report = await itemsOf(api, id, "&view=report");
  expectTrueTotals(run, report, before, await one.list(...REPOSITORIES));
  expect(run).toMatchObject({ state: "done", code: null, warnings: [] });
  expect(run.counts).toMatchObject({ failed: 0, gone: 0, changed: 0, deletedManifests: run.counts.toDelete });
  const rows = await state.rows("Audit");
  expect(auditChainFaults(rows)).toEqual([]);
  // At least once: a host that dies between the record and the report says it again.
  expect(new Set(auditedDeletions(rows, id))).toEqual(new Set(reportedDeletions(report)));
  for (const repository of REPOSITORIES) expect(await one.missingOf(repository, "stays")).toEqual([]);
  return run;
}

/** The registry was given back. */
async function expectFree() {
  const again = await endOf(api, await startRun(api, "crash", "runs"));
  expect(again).toMatchObject({ state: "done", counts: { deletedManifests: 0 } });
}

it("at every step: the run goes on by itself", async () => {
  const before = await fillBoth(40);
  const points: readonly FaultRule[] = [
    // What clusters use is read; repositories are listed; one is planned; the plan is written.
    { service: "kubernetes", path: "/cronjobs", ...STUCK },
    { host: REGISTRY, path: "/_catalog", ...STUCK },
    { host: REGISTRY, path: "crash(/|%2f)b/_manifests", ...STUCK },
    { ...BLOBS, path: "/plans/[^/]*\\.jsonl", ...STUCK },
    // Images are deleted; it is recorded; the end is.
    { host: REGISTRY, method: "DELETE", path: "crash(/|%2f)b", ...STUCK },
    { ...TRAIL, body: "purge\\.deleted", ...STUCK },
    { ...TRAIL, body: "purge\\.ended", ...STUCK },
  ];
  await control.fault(...points.slice(0, 1));
  const id = await startRun(api, "crash", "runs");
  const other = await startRun(api, "crash", "runs", { policies: policiesOf(ABAC_REGISTRY) });
  for (const [index] of points.entries()) {
    await someoneStuck();
    await system.killHost();
    await control.clear();
    await control.fault(...points.slice(index + 1, index + 2));
    await system.restartHost();
  }
  await expectWhole(id, registry, before.registry);
  await expectWhole(other, abac, before.abac);
  await expectFree();
});

it(`at random moments (seed ${SEED})`, async () => {
  const random = randomFrom(SEED);
  const before = await fillBoth(400);
  // So slow that there is something to be killed in.
  await control.fault({ service: "registry", method: "DELETE", latencyMs: 60 });
  const id = await startRun(api, "crash", "runs");
  const other = await startRun(api, "crash", "runs", { policies: policiesOf(ABAC_REGISTRY) });
  for (let kills = 0; kills < KILLS; kills++) {
    await wait(200 + random() * 2_500);
    await system.killHost();
    await system.restartHost();
  }
  await expectWhole(id, registry, before.registry);
  await expectWhole(other, abac, before.abac);
  await expectFree();
});
