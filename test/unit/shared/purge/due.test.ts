import { describe, expect, test } from "vitest";
import { startDue } from "../../../../shared/purge/due.ts";
import { readPurgePolicy } from "../../../../shared/purge/policy/policy.ts";
import type { PurgePolicyStore, StoredPurgePolicy } from "../../../../shared/purge/ports.ts";
import { unavailable } from "../../../support/fakes.ts";
import { purgeRouteParts, WEEKLY } from "../../../support/fakes-purge-routes.ts";
import { purgeRun, REGISTRY, runId } from "../../../support/fakes-purge-runs.ts";

// NOW is Saturday, 21 November 2026, 10:00; every day at 03:00.
const DAILY = { ...WEEKLY, schedule: { preset: "daily" } };
const LAST = "2026-11-21T03:00:00Z";
const NEXT = "2026-11-22T03:00:00Z";

/** @param policies by name: what is changed of a daily one that has been due since 03:00 */
async function parts(policies: Readonly<Record<string, Partial<StoredPurgePolicy>>> = { weekly: {} }) {
  const made: ReturnType<typeof purgeRouteParts> = purgeRouteParts();
  const { deps, runs } = made;
  const failures: unknown[] = [];
  const nobody = { name: "", loginServer: REGISTRY, nextDueAt: LAST, updatedBy: "admin", isEnabled: true };
  for (const [name, changes] of Object.entries(policies)) {
    const spec = readPurgePolicy(DAILY, made.bounds);
    await deps.policies.write({ ...nobody, spec, ...changes, name }, null);
  }
  made.journal.length = 0;
  let ids = 0;
  const due = {
    ...deps,
    newId: () => `correlation-${++ids}`,
    onFailure: (error: unknown) => void failures.push(error),
  };
  const policy = async (name = "weekly", loginServer = REGISTRY) => deps.policies.find(loginServer, name);
  const all = async () => (await deps.runs.list({ loginServer: null, after: null, limit: 999 })).toReversed();
  return { ...made, due, failures, policy, all, clock: runs.clock, look: () => startDue(due) };
}
type Parts = Awaited<ReturnType<typeof parts>>;

describe("a policy whose time has come", () => {
  test("is on record, stored with its slot, moved on and driven, in this order", async () => {
    const { look, journal, audited, driven, all, policy, failures } = await parts();
    expect(await look()).toBe(1);
    const [run] = await all();
    expect(run).toMatchObject({
      ...{ policy: "weekly", kind: "purge", state: "queued", slot: LAST, planId: null, correlationId: "correlation-1" },
      startedBy: { principalId: "purge-timer", issuer: "latchkey", tenantId: "" },
      policyJson: JSON.stringify((await policy())?.spec),
    });
    expect(journal).toEqual(["audit purge.started ok", "policy.write"]);
    expect(audited).toMatchObject([
      {
        rule: "purge-policy:schedule",
        principalId: "purge-timer",
        detail: { slot: LAST, kind: "purge", runId: run?.id },
      },
    ]);
    expect(driven).toEqual([{ id: run?.id, loginServer: REGISTRY }]);
    expect(await policy()).toMatchObject({ nextDueAt: NEXT, updatedBy: "admin" });
    expect(failures).toEqual([]);
  });

  test("is started once, however often it is looked", async () => {
    const { look, all } = await parts();
    expect([await look(), await look()]).toEqual([1, 0]);
    expect(await all()).toHaveLength(1);
  });

  test("several looks at once start it once, and the trail takes back what was not done", async () => {
    const { look, all, audited } = await parts();
    const started = await Promise.all([look(), look(), look()]);
    expect(started.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(await all()).toHaveLength(1);
    const count = (what: string) => audited.filter(({ outcome }) => outcome === what).length;
    expect(count("ok") - count("withdrawn")).toBe(1);
  });

  test.each([
    ["of several slots that were missed the last alone is run", "2026-11-01T03:00:00Z", 1, [LAST]],
    ["on the very second", LAST, 1, [LAST]],
    ["a time from which on nothing was due: it is moved on", "2026-11-21T04:00:00Z", 0, []],
    ["a time that is none: it is moved on", "!", 0, []],
  ])("%s", async (_, nextDueAt, started, slots) => {
    const { look, all, policy } = await parts({ weekly: { nextDueAt } });
    expect(await look()).toBe(started);
    expect((await all()).map((run) => "slot" in run && run.slot)).toEqual(slots);
    expect((await policy())?.nextDueAt).toBe(NEXT);
  });

  test("not before its time", async () => {
    const { look, all, journal } = await parts({ weekly: { nextDueAt: "2026-11-21T10:00:01Z" } });
    expect(await look()).toBe(0);
    expect([await all(), journal]).toEqual([[], []]);
  });

  test("a policy without a schedule is left alone", async () => {
    const { look, journal, policy } = await parts({
      weekly: {
        spec: { ...DAILY, schedule: null, rules: [{ name: "a", action: "keep", repositories: ".*", tags: ".*" }] },
      },
    });
    expect(await look()).toBe(0);
    expect([journal, (await policy())?.nextDueAt]).toEqual([[], LAST]);
  });

  test("all of many are looked at", async () => {
    const registries = Array.from({ length: 230 }, (_, n) => `r${String(n).padStart(3, "0")}.azurecr.io`);
    const { deps, look, all } = await parts({});
    const spec = readPurgePolicy(DAILY, { maxItems: 1000, maxSharePercent: 100 });
    for (const loginServer of registries) {
      await deps.policies.write(
        { name: "weekly", loginServer, spec, nextDueAt: LAST, updatedBy: "admin", isEnabled: true },
        null,
      );
    }
    expect(await look()).toBe(230);
    expect((await all()).map(({ loginServer }) => loginServer).sort()).toEqual(registries);
  });
});

describe("a registry that is being purged", () => {
  test.each(["queued", "planning", "applying"] as const)("%s: its turn comes when that has ended", async (state) => {
    const { deps, look, audited, policy, all } = await parts();
    await deps.runs.insert(purgeRun(0, { state }));
    expect(await look()).toBe(0);
    expect([audited, (await policy())?.nextDueAt]).toEqual([[], LAST]);
    const first = await deps.runs.get(REGISTRY, runId(0));
    if (first !== null) await deps.runs.replace({ ...first.run, state: "done" }, first.etag);
    expect(await look()).toBe(1);
    expect(await all()).toHaveLength(2);
  });

  test("by a run that was not seen: nothing is stored, the trail is told, and the slot stays due", async () => {
    const { deps, due, audited, driven, policy } = await parts();
    await deps.runs.insert(purgeRun(0));
    expect(await startDue({ ...due, runs: { ...deps.runs, holder: async () => null } })).toBe(0);
    expect(audited.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
    expect([driven, (await policy())?.nextDueAt]).toEqual([[], LAST]);
  });

  test("a plan keeps nobody", async () => {
    const { deps, look, all } = await parts();
    await deps.runs.insert(purgeRun(0, { kind: "plan", state: "planning" }));
    expect(await look()).toBe(1);
    expect(await all()).toHaveLength(2);
  });

  test("is seen behind any number of newer plans, and for as long as it may have to find out what it deleted", async () => {
    const { deps, look, audited, all, clock } = await parts();
    await deps.runs.insert(purgeRun(0, { state: "applying" }));
    for (let index = 1; index <= 30; index++)
      await deps.runs.insert(purgeRun(index, { kind: "plan", state: "planned" }));
    expect(await look()).toBe(0);
    clock.pass(20 * 60);
    expect(await look()).toBe(0);
    expect([audited, (await all()).length]).toEqual([[], 31]);
  });

  test("of two policies of one registry one goes first; the other has its turn", async () => {
    const { look, all, policy, deps } = await parts({ a: {}, b: {} });
    expect(await look()).toBe(1);
    expect([(await policy("a"))?.nextDueAt, (await policy("b"))?.nextDueAt]).toEqual([NEXT, LAST]);
    const [first] = await all();
    const stored = await deps.runs.get(REGISTRY, first?.id ?? "");
    if (stored !== null) await deps.runs.replace({ ...stored.run, state: "done" }, stored.etag);
    expect(await look()).toBe(1);
    expect((await all()).map((run) => "policy" in run && run.policy).sort()).toEqual(["a", "b"]);
  });

  test("a slot that was run already: the trail takes it back, and the policy is moved on", async () => {
    const { deps, look, audited, driven, policy } = await parts();
    await deps.runs.insert(purgeRun(0, { state: "done", slot: LAST, kind: "plan" }));
    expect(await look()).toBe(0);
    expect(audited.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
    expect([driven, (await policy())?.nextDueAt]).toEqual([[], NEXT]);
  });
});

describe("what fails", () => {
  const write = (write: PurgePolicyStore["write"]) => (made: Parts) => ({ policies: { ...made.deps.policies, write } });
  test("a damaged policy keeps no other from its turn, and is told each time", async () => {
    const { look, failures, all, policy } = await parts({ a: { spec: { connector: 1 } }, b: {} });
    expect([await look(), await look()]).toEqual([1, 0]);
    expect(failures).toMatchObject([{ code: "INVALID_REQUEST" }, { code: "INVALID_REQUEST" }]);
    expect((await all()).map((run) => "policy" in run && run.policy)).toEqual(["b"]);
    expect((await policy("a"))?.nextDueAt).toBe(LAST);
  });

  test("nothing starts that is not on record", async () => {
    const made = await parts();
    made.faults.audit = unavailable("AUDIT_UNAVAILABLE");
    expect(await made.look()).toBe(0);
    expect(made.failures).toMatchObject([{ code: "AUDIT_UNAVAILABLE" }]);
    expect([await made.all(), made.driven, (await made.policy())?.nextDueAt]).toEqual([[], [], LAST]);
    delete made.faults.audit;
    expect(await made.look()).toBe(1);
  });

  test("a run that cannot be driven now is queued, and is started all the same", async () => {
    const made = await parts();
    made.faults.drive = new Error("no host");
    expect(await made.look()).toBe(1);
    expect(made.failures).toEqual([made.faults.drive]);
    expect([await made.all(), (await made.policy())?.nextDueAt]).toMatchObject([[{ state: "queued" }], NEXT]);
  });

  test("a policy that cannot be moved on: its run is stored, and the slot is not run again", async () => {
    const made = await parts();
    const fails = write(() => Promise.reject(unavailable("STATE_UNAVAILABLE")))(made);
    expect(await startDue({ ...made.due, ...fails })).toBe(0);
    expect(made.failures).toMatchObject([{ code: "STATE_UNAVAILABLE" }]);
    const [run] = await made.all();
    const stored = await made.deps.runs.get(REGISTRY, run?.id ?? "");
    if (stored !== null) await made.deps.runs.replace({ ...stored.run, state: "done" }, stored.etag);
    expect(await made.look()).toBe(0);
    expect([(await made.all()).length, (await made.policy())?.nextDueAt]).toEqual([1, NEXT]);
  });

  test("a policy that was saved meanwhile keeps what that said", async () => {
    const made = await parts();
    const { insert } = made.deps.runs;
    const runs = {
      ...made.deps.runs,
      async insert(...given: Parameters<typeof insert>) {
        const stored = await made.policy();
        if (stored === null) throw new Error("There is no policy.");
        const { etag, ...policy } = stored;
        await made.deps.policies.write({ ...policy, nextDueAt: "2026-12-24T03:00:00Z", isEnabled: true }, etag);
        return insert(...given);
      },
    };
    expect(await startDue({ ...made.due, runs })).toBe(1);
    expect((await made.policy())?.nextDueAt).toBe("2026-12-24T03:00:00Z");
  });

  test("state that cannot be listed ends the look", async () => {
    const made = await parts();
    const policies = { ...made.deps.policies, listDue: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) };
    await expect(startDue({ ...made.due, policies })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
});
