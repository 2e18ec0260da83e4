/**
 * The life of a lease that leaves something in Azure, with everything that can go wrong at every step: calls that fail,
 * calls whose reply is lost, and processes that die between any two calls. Whatever happened, nothing is ever left in
 * Azure that nobody will remove, and no credential is out that is not on record.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Lease, stateOf } from "../../../../shared/credentials/lease.ts";
import { MAX_REVOKE_ATTEMPTS } from "../../../../shared/credentials/remove-upstream.ts";
import { createProcess, createWorld, FATES, HOUR, type World } from "../../../support/lease-world.ts";

const healthy = (world: World) => createProcess(world, () => "done");
const leasesOf = (world: World): Lease[] => [...world.leases.rows.values()].map(({ lease }) => lease);

/** What must hold at every moment, whatever has just died. */
function expectNothingForgotten(world: World): void {
  const due = new Set([...world.leaseDue.times.values()].map(({ leaseId }) => leaseId));
  for (const name of world.upstream.keys()) {
    const lease = leasesOf(world).find(({ upstream }) => upstream.token === name);
    expect(lease, `${name} is in Azure and on no record`).toBeDefined();
    if (lease === undefined) continue;
    expect(["revoked", "expired"], `${name} outlives its lease`).not.toContain(lease.state);
    const isListed = world.leaseDue.listed.has(lease.id);
    expect(due.has(lease.id) || isListed, `${name} (${lease.state}) is on nobody's list`).toBe(true);
  }
  for (const { leaseId } of world.answered) {
    expect(
      world.events.some(
        (event) => event.leaseId === leaseId && event.event === "credential.issued" && event.outcome === "ok",
      ),
    ).toBe(true);
    expect(world.leases.rows.has(leaseId)).toBe(true);
  }
}

/** Lets the sweep run, undisturbed, until there is nothing left to do. */
async function settle(world: World): Promise<void> {
  for (let round = 0; round < 60; round++) {
    await world.pass(HOUR / 4);
    await healthy(world).sweep();
  }
}

test("undisturbed: pending before it is made, active when it is answered, removed when it is ended", async () => {
  const world = createWorld();
  const journal: string[] = [];
  const watched = createProcess(world, (call) => {
    journal.push(call);
    return "done";
  });
  await watched.issue();
  expect(journal).toEqual(["file", "insert", "connector", "make", "audit", "replace"]);
  const [lease] = leasesOf(world);
  expect([lease?.state, lease?.revocation, world.upstream.size]).toEqual(["active", "delayed", 1]);
  journal.length = 0;
  const result = await watched.revoke(lease?.id ?? "");
  expect(result).toMatchObject({ lease: { state: "revoked" }, notDone: [] });
  expect(journal).toEqual(["find", "audit", "file", "replace", "remove", "audit", "replace", "drop"]);
  expect(world.events.map(({ event, outcome }) => [event, outcome])).toEqual([
    ["credential.issued", "ok"],
    ["lease.revoked", "ok"],
    ["lease.removed", "ok"],
  ]);
  expect(world.upstream.size).toBe(0);
  await settle(world);
  expect(world.leaseDue.times.size).toBe(0);
  expect(world.events).toHaveLength(3);
});

test("the sweep ends what has expired, says so once, and lets live what was renewed", async () => {
  const world = createWorld();
  await healthy(world).issue();
  await healthy(world).issue();
  const [renewed, left] = leasesOf(world);
  await world.pass(HOUR * 0.8);
  expect(await healthy(world).renew(renewed?.id ?? "")).toBe("answered");
  await world.pass(HOUR * 0.3);
  expect(await healthy(world).sweep()).toMatchObject({ removed: 1, later: 0, errors: [] });
  const stateNow = (id = "") => world.leases.rows.get(id)?.lease.state;
  expect([stateNow(renewed?.id), stateNow(left?.id), world.upstream.size]).toEqual(["active", "expired", 1]);
  await settle(world);
  expect([stateNow(renewed?.id), world.upstream.size, world.leaseDue.times.size]).toEqual(["expired", 0, 0]);
  expect(world.events.filter(({ event }) => event === "lease.removed")).toHaveLength(2);
});

test("six failed removals: irrevocable, on record and listed, tried no more, until somebody does it by hand", async () => {
  const world = createWorld();
  await healthy(world).issue();
  const id = leasesOf(world)[0]?.id ?? "";
  let removals = 0;
  const broken = () =>
    createProcess(world, (call) => {
      if (call !== "remove") return "done";
      removals++;
      return "refused";
    });
  // What somebody tries by hand does not count: the service keeps all of its own tries.
  for (let tries = 1; tries <= 10; tries++) {
    expect(await broken().revoke(id)).toMatchObject({ lease: { state: "revoking" }, notDone: [expect.any(String)] });
  }
  expect(world.events.filter(({ event }) => event === "lease.revoked")).toHaveLength(10);
  expect(removals).toBe(10);
  removals = 0;
  for (let round = 0; round < 100; round++) {
    await world.pass(300);
    await broken().sweep();
  }
  const lease = leasesOf(world)[0];
  expect([lease?.state, lease?.revokeAttempts, removals]).toEqual(["irrevocable", MAX_REVOKE_ATTEMPTS, 6]);
  expect([[...world.leaseDue.listed], world.leaseDue.times.size]).toEqual([[id], 0]);
  expect(world.events.filter(({ event }) => event === "lease.irrevocable")).toHaveLength(1);
  expect(await healthy(world).renew(id)).toBe("LEASE_CLOSED");
  expect(await healthy(world).revoke(id)).toMatchObject({ lease: { state: "revoked" } });
  expect([world.leaseDue.listed.size, world.upstream.size]).toEqual([0, 0]);
});

test("what stays pending for ten minutes is removed with its lease, and the trail says that it came to nothing", async () => {
  const world = createWorld();
  expect(await createProcess(world, (call) => (call === "audit" ? "diesAfter" : "done")).issue()).toBe("died");
  expect([leasesOf(world)[0]?.state, world.upstream.size]).toEqual(["pending", 1]);
  await world.pass(599);
  expect(await healthy(world).sweep()).toMatchObject({ removed: 0 });
  await world.pass(1);
  expect(await healthy(world).sweep()).toMatchObject({ removed: 1 });
  expect([leasesOf(world), world.upstream.size]).toEqual([[], 0]);
  expect(world.events.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
});

test("a process that is held up for longer than the sweep waits does not answer with what is gone", async () => {
  const world = createWorld();
  const slow = createProcess(
    world,
    () => "done",
    async (call) => {
      if (call !== "make") return;
      await world.pass(700);
      await healthy(world).sweep();
    },
  );
  expect(await slow.issue()).toBe("UPSTREAM_TIMEOUT");
  expect([world.upstream.size, leasesOf(world), world.answered]).toEqual([0, [], []]);
});

test("what Azure finishes after it was given up is removed by the sweep, when the time of a pending lease is up", async () => {
  const world = createWorld();
  const slow = createProcess(world, (call) => (call === "make" ? "late" : "done"));
  expect(await slow.issue()).toBe("UPSTREAM_TIMEOUT");
  expect(leasesOf(world)[0]?.state).toBe("pending");
  await world.pass(30);
  expect(world.upstream.size).toBe(1);
  await world.pass(570);
  await healthy(world).sweep();
  expect([world.upstream.size, leasesOf(world), world.leaseDue.times.size]).toEqual([0, [], 0]);
});

test("what is made after the sweep has removed its pending lease is removed by the process that made it", async () => {
  const world = createWorld();
  const frozen = createProcess(
    world,
    () => "done",
    async () => {},
    async (call) => {
      if (call !== "make") return;
      await world.pass(700);
      await healthy(world).sweep();
    },
  );
  expect(await frozen.issue()).toBe("UPSTREAM_TIMEOUT");
  expect([world.upstream.size, leasesOf(world), world.leaseDue.times.size]).toEqual([0, [], 0]);
});

test("a lease that is shorter than the time of a pending one is looked at when it ends", async () => {
  const world = createWorld();
  await healthy(world).issue(300);
  await world.pass(301);
  expect(await healthy(world).sweep()).toMatchObject({ removed: 1 });
  expect(world.upstream.size).toBe(0);
});

test("a form that no build knows any more, and a record that nobody can read: listed in the end, not met for ever", async () => {
  const world = createWorld();
  await healthy(world).issue();
  await healthy(world).issue();
  const [unknown, damaged] = leasesOf(world);
  if (unknown === undefined || damaged === undefined) throw new Error("nothing was issued");
  world.leases.set({ ...unknown, form: "gone" });
  const find = world.leases.find;
  world.leases.find = async (id) => (id === damaged.id ? Promise.reject(new TypeError("damaged")) : find(id));
  await settle(world);
  expect([[...world.leaseDue.listed].sort(), world.leaseDue.times.size]).toEqual([[unknown.id, damaged.id].sort(), 0]);
});

test("what is held up before it is made is not made", async () => {
  const world = createWorld();
  const slow = createProcess(
    world,
    () => "done",
    async (call) => void (call === "insert" && (await world.pass(121))),
  );
  expect(await slow.issue()).toBe("UPSTREAM_TIMEOUT");
  expect([world.upstream.size, leasesOf(world)]).toEqual([0, []]);
});

test("a lease that is revoked while it is renewed: nobody gets the new secret", async () => {
  const world = createWorld();
  await healthy(world).issue();
  const id = leasesOf(world)[0]?.id ?? "";
  const renewing = createProcess(
    world,
    () => "done",
    async (call) => void (call === "renew" && (await healthy(world).revoke(id))),
  );
  expect(await renewing.renew(id)).toBe("LEASE_CLOSED");
  expect([world.upstream.size, leasesOf(world)[0]?.state, world.answered.length]).toEqual([0, "revoked", 1]);
});

test("a process that dies while it revokes: the sweep ends the lease within minutes, not when it would have expired", async () => {
  const world = createWorld();
  await healthy(world).issue();
  await world.pass(600);
  await healthy(world).sweep();
  const id = leasesOf(world)[0]?.id ?? "";
  let replaced = 0;
  const dying = createProcess(world, (call) => (call === "replace" && ++replaced === 1 ? "diesAfter" : "done"));
  expect(await dying.revoke(id)).toBe("died");
  expect(leasesOf(world)[0]?.state).toBe("revoking");
  await world.pass(300);
  await healthy(world).sweep();
  expect([leasesOf(world)[0]?.state, world.upstream.size]).toEqual(["revoked", 0]);
});

const STEPS = ["issue", "renew", "revoke", "sweep", "pass"] as const;
const stepArbitrary = fc.record({
  what: fc.constantFrom(...STEPS),
  which: fc.nat(5),
  /** The how-manieth call of the step goes wrong, and how; more calls go wrong after a failure that was told. */
  wrong: fc.array(fc.record({ call: fc.nat(9), fate: fc.constantFrom(...FATES) }), { maxLength: 2 }),
  seconds: fc.constantFrom(30, 400, 700, 3000, 4000),
});

test("any steps, any call failing, any process dying anywhere: nothing is forgotten, and in the end nothing is left", async () => {
  const property = fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 14 }), async (steps) => {
    const world = createWorld();
    for (const { what, which, wrong, seconds } of steps) {
      let calls = 0;
      const disturbed = createProcess(world, () => {
        const call = calls++;
        return wrong.find((one) => one.call === call)?.fate ?? "done";
      });
      const known = leasesOf(world);
      const id = known[which % Math.max(1, known.length)]?.id ?? "none";
      if (what === "pass") await world.pass(seconds);
      else if (what === "issue" || what === "sweep") await disturbed[what]();
      else await disturbed[what](id);
      expectNothingForgotten(world);
    }
    await settle(world);
    expectNothingForgotten(world);
    expect([...world.upstream.keys()]).toEqual([]);
    expect([...world.leaseDue.times.values()]).toEqual([]);
    for (const lease of leasesOf(world)) {
      expect(["revoked", "expired", "irrevocable"]).toContain(stateOf(lease, world.now()));
      expect(lease.state).not.toBe("active");
    }
  });
  await fc.assert(property, { numRuns: 400 });
});

test("steps at the same time, with processes dying: the same holds", async () => {
  const property = fc.asyncProperty(fc.array(stepArbitrary, { minLength: 2, maxLength: 8 }), async (steps) => {
    const world = createWorld();
    await healthy(world).issue();
    await healthy(world).issue();
    const [first, second] = leasesOf(world);
    await world.pass(HOUR * 0.9);
    await Promise.all(
      steps.map(({ what, which, wrong }) => {
        let calls = 0;
        const disturbed = createProcess(world, () => {
          const call = calls++;
          return wrong.find((one) => one.call === call)?.fate ?? "done";
        });
        const id = (which % 2 === 0 ? first?.id : second?.id) ?? "";
        if (what === "pass") return world.pass(200);
        return what === "issue" || what === "sweep" ? disturbed[what]() : disturbed[what](id);
      }),
    );
    expectNothingForgotten(world);
    await settle(world);
    expect([...world.upstream.keys()]).toEqual([]);
    expect([...world.leaseDue.times.values()]).toEqual([]);
  });
  await fc.assert(property, { numRuns: 300 });
});
