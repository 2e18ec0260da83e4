/** Purge policies and runs in Table Storage: what only the service itself decides; the rest is in the unit tests. */
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { newRunId } from "../../shared/ids.ts";
import { type PurgeItem, readItems } from "../../shared/purge/read-items.ts";
import type { PurgeRun } from "../../shared/purge/run.ts";
import { openLineBlobs } from "../../shared/store/line-blobs.ts";
import { createPurgePolicyStore } from "../../shared/store/purge-policy-records.ts";
import { createPurgeRunStore } from "../../shared/store/purge-run-records.ts";
import { LOCK_SECONDS } from "../../shared/store/purge-run-rows.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { NOW, now } from "../support/fakes.ts";
import { ANY, planLine } from "../support/fakes-purge-items.ts";
import { purgeRun, REGISTRY } from "../support/fakes-purge-runs.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_BLOBS, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

/** As a process that has just started. */
const runStore = (clock = now) =>
  createPurgeRunStore({
    table: stateTable(azure, "PurgeRuns", "STATE_UNAVAILABLE"),
    ...{ now: clock, wait, random: Math.random },
  });
const policyStore = () =>
  createPurgePolicyStore({ table: stateTable(azure, "PurgePolicies", "STATE_UNAVAILABLE"), now, newId: randomUUID });
const made = (changes: Partial<PurgeRun> = {}) =>
  purgeRun(0, { id: newRunId(NOW, randomBytes), correlationId: randomUUID(), ...changes });

// First in the file: the tables are not there yet.
test("tables that nobody has made hold nothing", async () => {
  expect(await runStore().find(made().id)).toBeNull();
  expect(await runStore().list({ loginServer: null, after: null, limit: 9 })).toEqual([]);
  expect(await runStore().listStale(NOW, null, 9)).toEqual([]);
  expect(await policyStore().list(REGISTRY, "", 9)).toEqual([]);
  expect(await policyStore().listDue(NOW, null, 9)).toEqual([]);
});

describe("runs", () => {
  test("a run comes back as it was written, also with what is larger than a number of a column", async () => {
    const loginServer = "whole.azurecr.io";
    const run = made({
      ...{ loginServer, slot: "2026-11-21T10:00:00Z", planId: made().id, bytesFreed: 2 ** 52, cursor: 2 ** 33 },
      ...{ warnings: ['"quoted" and ä'], listedAt: "2026-11-21T10:00:00.123Z", slice: "s", policyJson: '{"a":"\\""}' },
    });
    expect(await runStore().insert(run)).toEqual({ kind: "inserted" });
    const found = await runStore().find(run.id);
    expect(found?.run).toEqual(run);
    expect(await runStore().get(loginServer, run.id)).toEqual(found);
    expect(await runStore().insert(made({ loginServer, slot: run.slot }))).toEqual({ kind: "taken" });
    expect(await runStore().insert(made({ loginServer }))).toEqual({ kind: "active", runId: run.id });
  });

  test("of eight processes at once exactly one gets the registry, and the others are told which", async () => {
    const loginServer = "eight.azurecr.io";
    const runs = Array.from({ length: 8 }, () => made({ loginServer }));
    const results = await Promise.all(runs.map((run) => runStore().insert(run)));
    const winners = runs.filter((_, index) => results[index]?.kind === "inserted");
    expect(winners).toHaveLength(1);
    const others = results.filter(({ kind }) => kind !== "inserted");
    expect(others).toEqual(Array.from({ length: 7 }, () => ({ kind: "active", runId: winners[0]?.id })));
    const listed = await runStore().list({ loginServer, after: null, limit: 9 });
    expect(listed.map(({ id }) => id)).toEqual([winners[0]?.id]);
  });

  test("of two that replace the same run one wins; the end gives the registry to the next", async () => {
    const run = made({ loginServer: "ends.azurecr.io" });
    await runStore().insert(run);
    const etag = (await runStore().find(run.id))?.etag ?? "";
    const slices = ["a", "b"].map((slice) => ({ ...run, state: "applying" as const, slice }));
    const etags = await Promise.all(slices.map((slice) => runStore().replace(slice, etag)));
    const [won] = etags.filter((one) => one !== null);
    expect(etags.filter((one) => one === null)).toHaveLength(1);
    expect(await runStore().insert(made({ loginServer: run.loginServer }))).toMatchObject({ kind: "active" });
    expect(await runStore().replace({ ...run, state: "done" }, won ?? "")).toEqual(expect.any(String));
    expect(await runStore().insert(made({ loginServer: run.loginServer }))).toEqual({ kind: "inserted" });
  });

  test("of five that overtake a run that nobody works on one does; the overtaken one cannot go on", async () => {
    const loginServer = "stale.azurecr.io";
    const run = made({ loginServer });
    await runStore().insert(run);
    const etag = (await runStore().find(run.id))?.etag ?? "";
    const later = () => new Date(NOW.getTime() + (LOCK_SECONDS + 1) * 1000);
    const runs = Array.from({ length: 5 }, () => made({ loginServer, updatedAt: "2026-11-21T10:15:01Z" }));
    const results = await Promise.all(runs.map((one) => runStore(later).insert(one)));
    expect(results.filter(({ kind }) => kind === "inserted")).toHaveLength(1);
    expect((await runStore().find(run.id))?.run).toMatchObject({ state: "failed", code: "RUN_OVERTAKEN" });
    expect(await runStore(later).replace({ ...run, groups: 1 }, etag)).toBeNull();
  });

  test("lost replies: each write is one's own, and done once", async () => {
    const run = made({ loginServer: "lost.azurecr.io", slot: "2026-11-21T10:00:00Z" });
    const lost = { service: "storage", method: "POST", path: "^/\\$batch", dropReply: true, times: 1 } as const;
    await control.fault(lost);
    expect(await runStore().insert(run)).toEqual({ kind: "inserted" });
    expect(await control.clear()).toBe(1);
    const etag = (await runStore().find(run.id))?.etag ?? "";
    await control.fault(lost);
    const next = await runStore().replace({ ...run, state: "planning" }, etag);
    expect(await control.clear()).toBe(1);
    expect(await runStore().find(run.id)).toEqual({ run: { ...run, state: "planning" }, etag: next });
  });

  test("lists across registries and what is stale go on behind a place", async () => {
    const store = runStore();
    const all = await store.list({ loginServer: null, after: null, limit: 100 });
    const pages = [];
    let after: Parameters<typeof store.list>[0]["after"] = null;
    for (;;) {
      const [one] = await store.list({ loginServer: null, after, limit: 1 });
      if (one === undefined) break;
      pages.push(one);
      after = { loginServer: one.loginServer, runId: one.id };
    }
    expect(pages).toEqual(all);
    expect(all.length).toBeGreaterThan(5);
    const open = all.filter((run) => "state" in run && ["queued", "planning", "applying"].includes(run.state));
    const before = new Date(NOW.getTime() + 1000);
    expect((await store.listStale(before, null, 100)).map(({ id }) => id)).toEqual(
      open.filter((run) => "updatedAt" in run && run.updatedAt < "2026-11-21T10:00:01Z").map(({ id }) => id),
    );
    expect(await store.listStale(NOW, null, 100)).toEqual([]);
  });

  test("a failure is STATE_UNAVAILABLE and never an empty list or a free registry", async () => {
    await control.fault({ service: "storage", status: 503, retryAfterSeconds: 1 });
    const failure = { code: "STATE_UNAVAILABLE" };
    await expect(runStore().insert(made())).rejects.toMatchObject(failure);
    await expect(runStore().find(made().id)).rejects.toMatchObject(failure);
    await expect(runStore().list({ loginServer: null, after: null, limit: 1 })).rejects.toMatchObject(failure);
  });
});

describe("policies", () => {
  test("written as seen, due by time, and a lost reply is no conflict", async () => {
    const store = policyStore();
    const policy = {
      ...{ name: "weekly", loginServer: REGISTRY, spec: { connector: "azure" } },
      ...{ nextDueAt: "2026-11-22T03:00:00Z", updatedBy: "admin", isEnabled: true },
    };
    await control.fault({ service: "storage", method: "POST", path: "^/PurgePolicies", dropReply: true, times: 1 });
    const first = await store.write(policy, null);
    expect([await control.clear(), typeof first]).toEqual([1, "string"]);
    expect(await store.write(policy, null)).toBeNull();
    expect(await store.find(REGISTRY, "weekly")).toMatchObject({ spec: policy.spec, etag: first });
    await store.write({ ...policy, name: "off", isEnabled: false }, null);
    await store.write({ ...policy, name: "never", nextDueAt: null }, null);
    const due = async (at: string) => (await store.listDue(new Date(at), null, 9)).map(({ name }) => name);
    expect(await due("2026-11-22T02:59:59Z")).toEqual([]);
    expect(await due("2026-11-22T03:00:00Z")).toEqual(["weekly"]);
    expect((await store.list(REGISTRY, "", 9)).map(({ name }) => name)).toEqual(["never", "off", "weekly"]);
    const second = await store.write({ ...policy, updatedBy: "other" }, first);
    expect(await store.write(policy, first)).toBeNull();
    expect(await store.remove(REGISTRY, "weekly", first ?? "")).toBe(false);
    expect(await store.remove(REGISTRY, "weekly", second ?? "")).toBe(true);
  });
});

describe("items of a plan", () => {
  const source = { blob: "plans/pages.jsonl", view: "plan" } as const;
  const open = () =>
    openLineBlobs({ url: STATE_BLOBS, identity: credentialOf(azure, "latchkey-service"), newId: randomUUID });

  test("pages by place in bytes give each once, in order; a place that is none is no failure", async () => {
    const lines = Array.from({ length: 1_000 }, (_, n) => planLine({ repository: `team/${n}ü`, tags: [`v${n}`] }));
    await open().write(source.blob, lines);
    const items: PurgeItem[] = [];
    let from: number | null = 0;
    while (from !== null) {
      const page: Awaited<ReturnType<typeof readItems>> = await readItems(open(), source, ANY, from, 300);
      items.push(...page.items);
      from = page.next;
    }
    expect(items).toEqual(lines.map(({ seen: _, ...item }) => item));
    const [torn, ...rest] = (await readItems(open(), source, ANY, 7, 1_000)).items;
    expect([torn, rest]).toEqual([{ damaged: true }, items.slice(1)]);
    expect(await readItems(open(), source, ANY, 10 ** 12, 10)).toEqual({ items: [], next: null });
  });
});
