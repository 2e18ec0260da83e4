/** A purge while the registry, clusters or our own state misbehave: it ends as documented, and its totals are what the registry lost. */
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { createApi } from "../support/api.ts";
import { createControl } from "../support/control.ts";
import { demoClusterHost } from "../support/demo-cluster.ts";
import {
  createRegistryControl,
  DAY,
  deleteOld,
  endOf,
  itemsOf,
  putPolicy,
  registerKeeper,
  startRun,
} from "../support/purge-calls.ts";
import {
  auditedDeletions,
  expectTrueTotals,
  openPurgeRegistry,
  purgeTruly,
  reportedDeletions,
} from "../support/purge-registry.ts";
import { REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

const system = sharedSystem();
const api = createApi(system);
const registry = openPurgeRegistry(system, api);
const control = createControl(system);
const limits = createRegistryControl(system);
let state: StateAccount;
let names = 0;

/** The registry alone, and not what the test itself asks it. */
const AT = { host: REGISTRY };
const DELETION = { ...AT, method: "DELETE" };
const STATE = { host: "latchkeystate.table.core.windows.net" };
const reply = (status: number, code: string) => ({
  reply: { status, contentType: "application/json", text: JSON.stringify({ errors: [{ code, message: "no" }] }) },
});

beforeAll(async () => {
  state = openStateAccount(system);
  await registerKeeper(system, api);
});
afterEach(async () => {
  await control.clear();
  await limits.configure({ limits: null, retryAfter: "dynamic" });
});

/** A repository of so many images that are to go, and its policy. */
async function filled(count: number, changes: object = {}): Promise<string> {
  const name = `purge-faults-${++names}`;
  await registry.fill(name, count, { ageSeconds: 30 * DAY });
  await putPolicy(api, name, { rules: [deleteOld(name)], ...changes });
  return name;
}
const purge = (name: string, repositories?: readonly string[]) =>
  purgeTruly(api, registry, name, repositories === undefined ? {} : { repositories });
async function failuresOf(id: string) {
  return (await itemsOf(api, id, "&view=report&outcome=failed")).map((item) => Object(item).failure);
}

describe("a registry that lets few through", () => {
  it.each(["dynamic", "none"])("(Retry-After: %s) slows the purge down and fails nothing", async (retryAfter) => {
    const name = await filled(40);
    const bucket = (perMinute: number, capacity: number) => ({ perMinute, capacity });
    await limits.configure({
      limits: { identity: { delete: bucket(900, 15), read: bucket(3_000, 4) }, registry: {} },
      retryAfter,
    });
    const before = { manifests: new Set<string>(), tags: new Map<string, string>() };
    for (let n = 0; n < 40; n++) before.tags.set(`${name}:v${n}`, "");
    const run = await endOf(api, await startRun(api, name, "runs"));
    await limits.configure({ limits: null });
    const report = await itemsOf(api, run.id, "&view=report");
    for (const { repository, digest } of report) before.manifests.add(`${repository}@${digest}`);
    expectTrueTotals(run, report, before, await registry.list(name));
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 40, failed: 0 } });
  });

  it("and refuses with 429 whatever is asked for a while", async () => {
    const name = await filled(20);
    const before = await registry.list(name);
    await control.fault(
      { ...AT, status: 429, retryAfterSeconds: 1, times: 3 },
      { ...DELETION, status: 429, times: 12 },
      { ...DELETION, status: 429, retryAfterSeconds: 1, times: 5 },
    );
    const run = await endOf(api, await startRun(api, name, "runs"));
    expect(await control.clear()).toBe(20);
    expectTrueTotals(run, await itemsOf(api, run.id, "&view=report"), before, await registry.list(name));
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 20 } });
  });
});

describe("single items", () => {
  it("that are refused fail, each with its answer, and the others go", async () => {
    const name = await filled(12);
    const answers: readonly (readonly [number, string])[] = [
      [401, "UNAUTHORIZED"],
      [403, "DENIED"],
      [405, "UNSUPPORTED"],
      [409, "CONFLICT"],
      [500, "UNKNOWN"],
    ];
    const digests = [...(await registry.list(name)).manifests].map((item) => item.slice(item.indexOf("@") + 1));
    for (const [index, answer] of answers.entries()) {
      await control.fault({ ...DELETION, path: digests[index] ?? "", ...reply(...answer) });
    }
    // It says that it is not there, and lists it all the same.
    await control.fault({ ...DELETION, path: digests[5] ?? "", ...reply(404, "MANIFEST_UNKNOWN") });
    const { run, report } = await purge(name);
    expect(run).toMatchObject({ state: "partial", counts: { deletedManifests: 6, failed: 6, gone: 0 } });
    const failures = new Map(report.map((line) => [line.digest, Object(line).failure]));
    expect(digests.slice(0, 6).map((digest) => failures.get(digest))).toEqual([
      ...answers.map((answer) => answer.join(" ")),
      "404",
    ]);
    // What is left goes with the next run.
    await control.clear();
    const { run: next } = await purge(name);
    expect(next).toMatchObject({ state: "done", counts: { deletedManifests: 6 } });
  });

  it("whose deletion is done and its reply lost count as deleted by us, once", async () => {
    const name = await filled(12);
    await control.fault({ ...DELETION, dropReply: true, times: 5 }, { ...DELETION, drop: true, times: 3 });
    const { run, report } = await purge(name);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 12, gone: 0 } });
    const audited = auditedDeletions(await state.rows("Audit"), run.id);
    expect([...audited].sort()).toEqual([...reportedDeletions(report)].sort());
  });
});

it("a token that is not taken any more in the middle of a run is replaced", async () => {
  const name = await filled(60);
  await control.fault({ ...DELETION, ...reply(401, "UNAUTHORIZED"), times: 10 });
  const { run } = await purge(name);
  expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 60 } });
});

it("repositories that cannot be read are kept whole and said so; the others go", async () => {
  const cut = { status: 200, contentType: "application/json", text: '{"manifests":[', cut: true };
  const faults: readonly FaultRule[] = [reply(403, "DENIED"), { reply: cut }];
  const bad = [];
  for (const _ of faults) bad.push(await filled(4));
  const good = await filled(4);
  const name = `${good}-all`;
  await putPolicy(api, name, { rules: [deleteOld([good, ...bad].join("|"))] });
  const before = await registry.list(good, ...bad);
  for (const [index, fault] of faults.entries()) await control.fault({ ...AT, ...fault, path: `/${bad[index]}/` });
  const run = await endOf(api, await startRun(api, name, "runs"));
  await control.clear();
  const after = await registry.list(good, ...bad);
  expectTrueTotals(run, await itemsOf(api, run.id, "&view=report"), before, after);
  expect(run).toMatchObject({ state: "partial", counts: { deletedManifests: 4, unreadRepositories: 2 } });
  const unread = (await itemsOf(api, run.id, "&view=plan")).filter((item) => "unread" in item);
  const said = bad.map((repository) => ({ repository, unread: "UPSTREAM_REFUSED" }));
  expect(unread).toEqual(expect.arrayContaining(said));
  expect(unread).toHaveLength(bad.length);
});

describe("a cluster that cannot be read", () => {
  const faultOf = () => ({ host: demoClusterHost(system), path: "/cronjobs", ...reply(403, "Forbidden") });

  it("stops the run before anything is deleted", async () => {
    const name = await filled(5);
    const before = await registry.list(name);
    await control.fault(faultOf());
    const { run } = await purge(name);
    expect(run).toMatchObject({ state: "refused", code: "CLUSTER_UNREADABLE", counts: { deletedManifests: 0 } });
    expect(await registry.list(name)).toEqual(before);
  });

  it("keeps all that it might use, where the policy says so, and that is said", async () => {
    const name = await filled(5, { inUse: { onUnreadableCluster: "keep" } });
    await control.fault(faultOf());
    const { run } = await purge(name);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 0, toKeep: 5 } });
    expect(run.warnings).toHaveLength(1);
    const items = await itemsOf(api, run.id, "&view=plan");
    expect(new Set(items.map(({ reason }) => reason))).toEqual(new Set(["in-use"]));
  });

  it("after the plan stops the run as well", async () => {
    const name = await filled(5);
    const planId = (await endOf(api, await startRun(api, name, "plan"))).id;
    await control.fault(faultOf());
    const { run } = await purgeTruly(api, registry, name, { planId });
    expect(run).toMatchObject({ state: "refused", code: "CLUSTER_UNREADABLE", counts: { deletedManifests: 0 } });
  });
});

describe("our own state", () => {
  it("that is not there for a while delays the run, whose totals are true", async () => {
    const name = await filled(30);
    const before = await registry.list(name);
    // Table by table, so that each step meets it once or more.
    await control.fault({ ...DELETION, latencyMs: 300, times: 30 });
    const id = await startRun(api, name, "runs");
    for (const times of [2, 4, 3]) {
      await wait(300);
      await control.fault({ ...STATE, path: "PurgeRuns", status: 503, times });
    }
    const run = await endOf(api, id);
    expectTrueTotals(run, await itemsOf(api, id, "&view=report"), before, await registry.list(name));
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 30 } });
  });

  it("without an audit trail nothing is deleted; with it again the run goes on", async () => {
    const name = await filled(10);
    const before = await registry.list(name);
    const planId = (await endOf(api, await startRun(api, name, "plan"))).id;
    const id = await startRun(api, name, "runs", { planId });
    await control.fault({ ...STATE, method: "POST", body: "purge\\.deleting", status: 503 });
    await wait(3_000);
    const during = await registry.list(name);
    const hits = await control.clear();
    const run = await endOf(api, id);
    const after = await registry.list(name);
    if (hits > 0) expect(during).toEqual(before);
    expectTrueTotals(run, await itemsOf(api, id, "&view=report"), before, after);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 10 } });
    const audited = auditedDeletions(await state.rows("Audit"), id);
    expect(new Set(audited).size).toBe(10);
    expect(hits).toBeGreaterThan(0);
  });
});

it("a registry that hangs on one image: it fails, the others go", async () => {
  const name = await filled(10);
  const before = await registry.list(name);
  const [item = ""] = before.manifests;
  await control.fault({ ...DELETION, path: item.slice(item.indexOf("@") + 1), latencyMs: 600_000 });
  const { run } = await purge(name);
  expect(run).toMatchObject({ state: "partial", counts: { deletedManifests: 9, failed: 1 } });
  expect(await failuresOf(run.id)).toEqual(["UPSTREAM_TIMEOUT"]);
});
