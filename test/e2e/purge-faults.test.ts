/** A purge while the registry, clusters or our own state misbehave: it ends as documented, and its totals are what the registry lost. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  POLICIES,
  policiesOf,
  putPolicy,
  registerKeeper,
  startRun,
} from "../support/purge-calls.ts";
import {
  auditedDeletions,
  expectTrueTotals,
  openPurgeRegistry,
  type PurgeRegistry,
  purgeTruly,
  reportedDeletions,
} from "../support/purge-registry.ts";
import { ABAC_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);
const limits = createRegistryControl(system);
let state: StateAccount;
let names = 0;

/** A registry, and the path of its policies. */
type Place = { readonly host: string; readonly registry: PurgeRegistry; readonly policies: string };
const demo: Place = { host: REGISTRY, registry: openPurgeRegistry(system, api), policies: POLICIES };
const abac: Place = {
  ...{ host: ABAC_REGISTRY, policies: policiesOf(ABAC_REGISTRY) },
  registry: openPurgeRegistry(system, api, ABAC_REGISTRY, true),
};

const STATE = { host: "latchkeystate.table.core.windows.net" };
/** Deletions of one registry alone. */
const deletionOf = ({ host }: Place) => ({ host, method: "DELETE" });
const reply = (status: number, code: string) => ({
  reply: { status, contentType: "application/json", text: JSON.stringify({ errors: [{ code, message: "no" }] }) },
});

beforeAll(async () => {
  state = openStateAccount(system);
  await registerKeeper(system, api);
});
afterAll(async () => {
  await control.clear();
  await limits.configure({ limits: null, retryAfter: "dynamic" });
});

/** A repository of so many images that are to go, and its policy. */
async function filled(place: Place, count: number, changes: object = {}): Promise<string> {
  const name = `purge-faults-${++names}`;
  await place.registry.fill(name, count, { ageSeconds: 30 * DAY });
  await putPolicy(api, name, { rules: [deleteOld(name)], ...changes }, place.policies);
  return name;
}
const purge = ({ registry, policies }: Place, name: string, planId: string | null = null) =>
  purgeTruly(api, registry, name, { policies, planId });
const start = ({ policies }: Place, name: string, planId: string | null = null) =>
  startRun(api, name, "runs", { policies, planId });

/** Does the work under these faults. Tests at the other registry go on at the same time: theirs stay. */
async function under<T>(
  rules: readonly FaultRule[],
  work: (ids: readonly string[]) => Promise<T>,
): Promise<{ result: T; hits: number }> {
  const ids = await control.fault(...rules);
  try {
    return { result: await work(ids), hits: await control.hits(ids) };
  } finally {
    await control.lift(ids);
  }
}

// Most of this is waiting. A registry has one run at a time, so that each of two has its tests in a row.
describe.concurrent("at one registry", () => {
  const inTurn = { concurrent: false };

  it("single items that are refused, or hang, fail, each with its answer, and the others go", inTurn, async () => {
    const name = await filled(demo, 14);
    const answers: readonly (readonly [number, string])[] = [
      [401, "UNAUTHORIZED"],
      [403, "DENIED"],
      [405, "UNSUPPORTED"],
      [409, "CONFLICT"],
      [500, "UNKNOWN"],
    ];
    const listed = [...(await demo.registry.list(name)).manifests];
    const digests = listed.map((item) => item.slice(item.indexOf("@") + 1));
    const faultOf = (index: number, fault: object) => ({ ...deletionOf(demo), path: digests[index] ?? "", ...fault });
    const faults = [
      ...answers.map((answer, index) => faultOf(index, reply(...answer))),
      // It says that it is not there, and lists it all the same.
      faultOf(5, reply(404, "MANIFEST_UNKNOWN")),
      faultOf(6, { latencyMs: 600_000 }),
    ];
    const { result } = await under(faults, () => purge(demo, name));
    const { run, report } = result;
    expect(run).toMatchObject({ state: "partial", counts: { deletedManifests: 7, failed: 7, gone: 0 } });
    const failures = new Map(report.map((line) => [line.digest, Object(line).failure]));
    expect(digests.slice(0, 7).map((digest) => failures.get(digest))).toEqual([
      ...answers.map((answer) => answer.join(" ")),
      "404",
      "UPSTREAM_TIMEOUT",
    ]);
    // What is left goes with the next run.
    const { run: next } = await purge(demo, name);
    expect(next).toMatchObject({ state: "done", counts: { deletedManifests: 7 } });
  });

  it("deletions that are done and whose reply is lost count as deleted by us, once", inTurn, async () => {
    const name = await filled(demo, 12);
    const faults = [
      { ...deletionOf(demo), dropReply: true, times: 5 },
      { ...deletionOf(demo), drop: true, times: 3 },
    ];
    const { result } = await under(faults, () => purge(demo, name));
    expect(result.run).toMatchObject({ state: "done", counts: { deletedManifests: 12, gone: 0 } });
    const audited = auditedDeletions(await state.rows("Audit"), result.run.id);
    expect([...audited].sort()).toEqual([...reportedDeletions(result.report)].sort());
  });

  it("a token that is not taken any more in the middle of a run is replaced", inTurn, async () => {
    const name = await filled(demo, 60);
    const faults = [{ ...deletionOf(demo), ...reply(401, "UNAUTHORIZED"), times: 10 }];
    const { result } = await under(faults, () => purge(demo, name));
    expect(result.run).toMatchObject({ state: "done", counts: { deletedManifests: 60 } });
  });

  const isUnreadable = () => ({ host: demoClusterHost(system), path: "/cronjobs", ...reply(403, "Forbidden") });

  it(
    "a cluster that cannot be read stops the run before anything is deleted, also after the plan",
    inTurn,
    async () => {
      const name = await filled(demo, 5);
      const planId = (await endOf(api, await startRun(api, name, "plan"))).id;
      const before = await demo.registry.list(name);
      await under([isUnreadable()], async () => {
        for (const plan of [null, planId]) {
          const { run } = await purge(demo, name, plan);
          expect(run).toMatchObject({ state: "refused", code: "CLUSTER_UNREADABLE", counts: { deletedManifests: 0 } });
        }
      });
      expect(await demo.registry.list(name)).toEqual(before);
    },
  );

  it("a cluster that cannot be read keeps all that it might use, where the policy says so", inTurn, async () => {
    const name = await filled(demo, 5, { inUse: { onUnreadableCluster: "keep" } });
    const { result } = await under([isUnreadable()], () => purge(demo, name));
    expect(result.run).toMatchObject({ state: "done", counts: { deletedManifests: 0, toKeep: 5 } });
    expect(result.run.warnings).toHaveLength(1);
    const items = await itemsOf(api, result.run.id, "&view=plan");
    expect(new Set(items.map(({ reason }) => reason))).toEqual(new Set(["in-use"]));
  });

  it("a registry that refuses with 429 whatever is asked for a while slows the run down", inTurn, async () => {
    const name = await filled(demo, 20);
    const before = await demo.registry.list(name);
    const faults = [
      { host: demo.host, status: 429, retryAfterSeconds: 1, times: 3 } as const,
      { ...deletionOf(demo), status: 429, times: 12 } as const,
      { ...deletionOf(demo), status: 429, retryAfterSeconds: 1, times: 5 } as const,
    ];
    const { result: run, hits } = await under(faults, async () => endOf(api, await start(demo, name)));
    expect(hits).toBe(20);
    expectTrueTotals(run, await itemsOf(api, run.id, "&view=report"), before, await demo.registry.list(name));
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 20 } });
  });
});

describe.concurrent("meanwhile at another", () => {
  const inTurn = { concurrent: false };

  it("repositories that cannot be read are kept whole and said so; the others go", inTurn, async () => {
    const cut = { status: 200, contentType: "application/json", text: '{"manifests":[', cut: true };
    const answers = [reply(403, "DENIED"), { reply: cut }];
    const bad: string[] = [];
    for (const _ of answers) bad.push(await filled(abac, 4));
    const good = await filled(abac, 4);
    const name = `${good}-all`;
    await putPolicy(api, name, { rules: [deleteOld([good, ...bad].join("|"))] }, abac.policies);
    const before = await abac.registry.list(good, ...bad);
    const faults = answers.map((answer, index) => ({ host: abac.host, path: `/${bad[index]}/`, ...answer }));
    const { result: run } = await under(faults, async () => endOf(api, await start(abac, name)));
    const after = await abac.registry.list(good, ...bad);
    expectTrueTotals(run, await itemsOf(api, run.id, "&view=report"), before, after);
    expect(run).toMatchObject({ state: "partial", counts: { deletedManifests: 4, unreadRepositories: 2 } });
    const unread = (await itemsOf(api, run.id, "&view=plan")).filter((item) => "unread" in item);
    const said = bad.map((repository) => ({ repository, unread: "UPSTREAM_REFUSED" }));
    expect(unread).toEqual(expect.arrayContaining(said));
    expect(unread).toHaveLength(bad.length);
  });

  it(
    "our own state is not there for a while, then no audit trail: nothing is deleted; with both again the run goes on",
    inTurn,
    async () => {
      const name = await filled(abac, 30);
      const before = await abac.registry.list(name);
      const planId = (await endOf(api, await startRun(api, name, "plan", { policies: abac.policies }))).id;
      const stateAway = (times: number) => ({ ...STATE, path: `PurgeRuns.*${abac.host}`, status: 503, times });
      // Of this run alone: its record names the policy.
      const body = `purge\\.deleting[^]*${name}\\b|\\b${name}\\b[^]*purge\\.deleting`;
      const id = await start(abac, name, planId);
      await control.fault(stateAway(6));
      await under([{ ...STATE, method: "POST", body, status: 503 }], async (ids) => {
        await expect.poll(() => control.hits(ids), { timeout: 60_000, interval: 100 }).toBeGreaterThan(0);
        // Longer than the call itself is repeated.
        await wait(3_000);
        expect(await abac.registry.list(name)).toEqual(before);
      });
      const slow = await control.fault({ ...deletionOf(abac), latencyMs: 300 });
      await expect.poll(() => control.hits(slow), { timeout: 60_000, interval: 100 }).toBeGreaterThan(0);
      await control.fault(stateAway(2));
      const run = await endOf(api, id);
      await control.lift(slow);
      const report = await itemsOf(api, id, "&view=report");
      expectTrueTotals(run, report, before, await abac.registry.list(name));
      expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 30 } });
      expect(new Set(auditedDeletions(await state.rows("Audit"), id)).size).toBe(30);
    },
  );
});

// Its limits hold at both.
it("a registry that lets few through slows the purge down and fails nothing", async () => {
  const name = await filled(demo, 40);
  const before = await demo.registry.list(name);
  const bucket = (perMinute: number, capacity: number) => ({ perMinute, capacity });
  await limits.configure({
    limits: { identity: { delete: bucket(900, 15), read: bucket(3_000, 4) }, registry: {} },
    retryAfter: "dynamic",
  });
  const run = await endOf(api, await start(demo, name));
  await limits.configure({ limits: null });
  const report = await itemsOf(api, run.id, "&view=report");
  expectTrueTotals(run, report, before, await demo.registry.list(name));
  expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 40, failed: 0 } });
});
