import { describe, expect, test } from "vitest";
import { type PurgeBase, purgeParts } from "../../../functions/purge-parts.ts";
import { durableBinding } from "../../../functions/purge-steps.ts";
import { createLog } from "../../../shared/log.ts";
import type { PurgeRun } from "../../../shared/purge/run.ts";
import { purgeRegistriesSchema } from "../../../shared/purge-registries.ts";
import { fakeTable } from "../../support/fake-table.ts";
import { countingBytes, countingIds, now } from "../../support/fakes.ts";
import { refusal } from "../../support/fakes-purge.ts";
import { openedOwn } from "../../support/fakes-purge-routes.ts";
import { purgeRun, REGISTRY, runId } from "../../support/fakes-purge-runs.ts";
import { policyText } from "../../support/purge-step-world.ts";

const CLUSTER =
  "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";
const AT = { registry: REGISTRY, run: runId(1) };
const LOG = createLog({ info() {}, warn() {}, error() {} });

const unused = () => Promise.reject(new Error("Nobody calls this here."));

/** Every port that goes out tells of it; clusters cannot be read. @param registries as the server's setting says them */
function parts(registries: object = {}) {
  const used: string[] = [];
  const tables = { PurgePolicies: fakeTable(), PurgeRuns: fakeTable() };
  const base: PurgeBase = {
    table: (name) => ({ ...tables[name].table, put: unused, insertAll: unused }),
    blobsUrl: "https://latchkeystate.blob.core.windows.net",
    identity: { getToken: unused },
    identities: () => ({ getToken: unused }),
    readUser: unused,
    async openRegistry(connector, resourceId) {
      used.push(`registry ${connector} ${resourceId}`);
      return openedOwn();
    },
    async openCluster(connector, resourceId) {
      used.push(`cluster ${connector} ${resourceId}`);
      throw refusal(403);
    },
    appendAudit: async ({ event }) => void used.push(`audit ${event}`),
    settings: {
      ...{ maxItems: 5000, maxSharePercent: 90 },
      registries: purgeRegistriesSchema.parse(JSON.stringify(registries)),
    },
    now,
    newId: countingIds(),
    randomBytes: countingBytes,
    random: () => 0.5,
    proxies: {},
    wait: async () => {},
  };
  const made = purgeParts(base);
  const insert = (changes: Partial<PurgeRun>) =>
    made.routes.runs.insert(purgeRun(1, { policyJson: policyText(), ...changes }));
  return { ...made, used, tables, insert };
}

test("nothing goes out before it is used", () => {
  const { used, tables } = parts();
  expect([used, tables.PurgeRuns.calls, tables.PurgePolicies.calls]).toEqual([[], [], []]);
});

describe("the clusters of a registry", () => {
  test.each([
    ["through their own connector", { connector: "other", resourceId: CLUSTER }, "other"],
    ["or through the policy's", { resourceId: CLUSTER }, "azure"],
  ])("are read %s", async (_, cluster, connector) => {
    const { steps, used, insert } = parts({ [REGISTRY]: { clusters: [cluster] } });
    await insert({});
    expect(await steps.prepare(AT)).toEqual({ ok: false, code: "CLUSTER_UNREADABLE" });
    expect(used).toEqual([`registry azure ${REGISTRY}`, `cluster ${connector} ${CLUSTER}`]);
  });
});

test("a registry that the setting does not name, or without clusters, has none", () => {
  const { routes } = parts({ [REGISTRY]: { clusters: [{ resourceId: CLUSTER }] }, "other.azurecr.io": {} });
  const hosts = [REGISTRY, "other.azurecr.io", "third.azurecr.io"];
  expect(hosts.map(routes.hasClusters)).toEqual([true, false, false]);
});

test("limits are the server's for that registry", () => {
  const { routes } = parts({
    [REGISTRY]: { maxItems: 7 },
    "loose.azurecr.io": { maxItems: 9000, maxSharePercent: 100 },
  });
  expect(["other.azurecr.io", REGISTRY, "loose.azurecr.io"].map(routes.boundsOf)).toEqual([
    { maxItems: 5000, maxSharePercent: 90 },
    { maxItems: 7, maxSharePercent: 90 },
    { maxItems: 5000, maxSharePercent: 90 },
  ]);
});

describe("the steps", () => {
  test("work on the run that they are told: one that is over is left as it is", async () => {
    const { steps, routes, used, insert } = parts();
    await insert({ state: "done" });
    const before = await routes.runs.get(REGISTRY, AT.run);
    expect(await steps.prepare(AT)).toMatchObject({ phase: "over" });
    expect(await steps.plan({ ...AT, batch: 0, slice: 0, from: 0 }, LOG)).toMatchObject({ ok: false });
    expect(await steps.settle({ ...AT, slices: [] })).toEqual({ ok: true, applies: false });
    expect(await steps.apply(AT)).toEqual({ ok: true, more: false });
    expect([await routes.runs.get(REGISTRY, AT.run), used]).toEqual([before, []]);
  });
  test.each(["prepare", "settle"] as const)("%s of no run is an error", async (step) => {
    await expect(parts().steps[step]({ ...AT, slices: [] })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

test("the timer looks at the runs that routes make, and starts them through the durable client", async () => {
  const { timer, insert } = parts();
  await insert({});
  expect((await timer.runs.listStale(new Date("2026-11-22T10:00:00Z"), null, 10)).map(({ id }) => id)).toEqual([
    AT.run,
  ]);
  expect(timer.durable).toBe(durableBinding);
});
