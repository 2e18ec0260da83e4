/** The timer of the purge: policies that are due run once a slot, runs that stand still go on; and what cancel stops. */
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeAll, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { createControl } from "../support/control.ts";
import {
  DAY,
  deleteOld,
  endOf,
  itemsOf,
  POLICIES,
  putPolicy,
  type RunBody,
  registerKeeper,
  startRun,
} from "../support/purge-calls.ts";
import { expectTrueTotals, openPurgeRegistry } from "../support/purge-registry.ts";
import { openPurgeTimer } from "../support/purge-timer-calls.ts";
import { REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

/** Three in the morning of the day after tomorrow at the latest. */
const DAILY = { preset: "daily" };
const DELETION = { host: REGISTRY, method: "DELETE" };

const system = sharedSystem();
const api = createApi(system);
const registry = openPurgeRegistry(system, api);
const control = createControl(system);
let timer: ReturnType<typeof openPurgeTimer>;
let state: StateAccount;
let names = 0;

beforeAll(async () => {
  timer = openPurgeTimer(system);
  state = openStateAccount(system);
  await registerKeeper(system, api);
});
afterEach(() => control.clear());

async function filled(count: number, changes: object = {}): Promise<string> {
  const name = `purge-timer-${++names}`;
  await registry.fill(name, count, { ageSeconds: 30 * DAY });
  await putPolicy(api, name, { schedule: DAILY, rules: [deleteOld(name)], ...changes });
  return name;
}
/** Runs of a policy that the timer started, in any state. */
async function runsOf(policy: string): Promise<readonly RunBody[]> {
  const { body } = await api.call<{ items: RunBody[] }>("GET", `purge-runs?registry=${REGISTRY}&limit=500`);
  return body.items.filter((run) => run.policy === policy);
}
const daysAgo = (days: number) => `${new Date(Date.now() - days * DAY * 1000).toISOString().slice(0, 10)}T03:00:00Z`;
/** The last 03:00 that has been. */
const lastSlot = () => (new Date().getUTCHours() >= 3 ? daysAgo(0) : daysAgo(1));

it("a policy that is due runs once, however often the timer fires; a missed slot runs once; the next is set", async () => {
  const [due, missed] = [await filled(3), await filled(3)];
  const next = await timer.dueOf(due);
  expect(Date.parse(next ?? "")).toBeGreaterThan(Date.now());
  await timer.setDue(due, lastSlot());
  await timer.setDue(missed, daysAgo(10));
  await timer.fire(4);
  // One registry is purged by one run at a time: the other stays due until a later look.
  const ended = async () => {
    for (const policy of [due, missed]) for (const { id } of await runsOf(policy)) await endOf(api, id);
  };
  await ended();
  await timer.fire(3);
  await ended();
  await timer.fire();
  for (const policy of [due, missed]) {
    const runs = await runsOf(policy);
    expect(runs).toMatchObject([{ state: "done", slot: lastSlot(), startedBy: "purge-timer", kind: "purge" }]);
    expect(runs[0]?.counts).toMatchObject({ deletedManifests: 3 });
    expect(await timer.dueOf(policy)).toBe(next);
  }
  const started = (await state.rows("Audit")).filter(
    ({ event, outcome, detailJson }) =>
      event === "purge.started" && outcome === "ok" && String(detailJson).includes(`"${due}"`),
  );
  const withdrawn = (await state.rows("Audit")).filter(
    ({ event, outcome, detailJson }) =>
      event === "purge.started" && outcome === "withdrawn" && String(detailJson).includes(`"${due}"`),
  );
  expect(started.length - withdrawn.length).toBe(1);
});

it("a policy that is not enabled, or has no schedule, never runs by itself", async () => {
  const [disabled, unscheduled] = [await filled(1, { enabled: false }), await filled(1, { schedule: null })];
  for (const policy of [disabled, unscheduled]) {
    expect(await timer.dueOf(policy)).toBeUndefined();
    // Even if its row came to say so.
    await timer.setDue(policy, daysAgo(1));
  }
  await timer.fire();
  expect(await runsOf(unscheduled)).toEqual([]);
  expect(await runsOf(disabled)).toEqual([]);
  // On demand it runs.
  expect(await endOf(api, await startRun(api, disabled, "runs"))).toMatchObject({ state: "done", slot: null });
});

it("a run that nobody drives any more goes on", async () => {
  const name = await filled(5);
  const before = await registry.list(name);
  await control.fault({ service: "kubernetes", path: "/cronjobs", latencyMs: 1_000, times: 1 });
  const id = await startRun(api, name, "runs");
  await timer.terminate(id);
  await control.clear();
  await wait(1_500);
  const standing = await runsOf(name);
  expect(standing).toMatchObject([{ state: expect.stringMatching(/queued|planning/) }]);
  await timer.fire();
  expect(await runsOf(name)).toMatchObject([{ state: standing[0]?.state }]);
  await timer.makeStale(id);
  await timer.fire();
  const run = await endOf(api, id);
  expectTrueTotals(run, await itemsOf(api, id), before, await registry.list(name));
  expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 5 } });
});

it("a run that is cancelled while it deletes finishes what it has begun and skips the rest", async () => {
  const name = await filled(700);
  const before = await registry.list(name);
  await control.fault({ ...DELETION, latencyMs: 250 });
  const id = await startRun(api, name, "runs");
  const isDeleting = async () => (await registry.list(name)).manifests.size < 650;
  await expect.poll(isDeleting, { timeout: 60_000, interval: 100 }).toBe(true);
  const asked = await api.call<RunBody>("POST", `purge-runs/${id}/cancel`);
  expect(asked).toMatchObject({ status: 200, body: { cancelRequested: true } });
  const again = await api.call<RunBody>("POST", `purge-runs/${id}/cancel`);
  expect(again).toMatchObject({ status: 200, body: { cancelRequested: true } });
  const run = await endOf(api, id);
  await control.clear();
  expectTrueTotals(run, await itemsOf(api, id), before, await registry.list(name));
  expect(run.state).toBe("cancelled");
  expect(run.counts.skipped).toBeGreaterThan(0);
  expect(Number(run.counts.skipped) + Number(run.counts.deletedManifests)).toBe(700);
  // The registry is free, and what was skipped goes with the next run.
  const next = await endOf(api, await startRun(api, name, "runs"));
  expect(next).toMatchObject({ state: "done", counts: { deletedManifests: run.counts.skipped } });
  // One that has ended is answered as it is.
  const ended = await api.call<RunBody>("POST", `purge-runs/${id}/cancel`);
  expect(ended).toMatchObject({ status: 200, body: { state: "cancelled" } });
});

it("a run that is cancelled before it deletes has deleted nothing", async () => {
  const name = await filled(5);
  const before = await registry.list(name);
  await control.fault({ service: "kubernetes", path: "/cronjobs", latencyMs: 1_000, times: 1 });
  const id = await startRun(api, name, "runs");
  // Meanwhile the registry is taken.
  const other = await api.call("POST", `${POLICIES}/${name}/runs`, { body: { planId: null } });
  expect([other.status, other.body.code]).toEqual([409, "RUN_ACTIVE"]);
  expect((await api.call("POST", `purge-runs/${id}/cancel`)).status).toBe(200);
  expect(await endOf(api, id)).toMatchObject({ state: "cancelled", counts: { deletedManifests: 0 } });
  expect(await registry.list(name)).toEqual(before);
});
