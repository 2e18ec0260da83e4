/** Logins of registries share tokens between leases and processes: nothing is lost or left, whatever fails or dies. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LOCK_SECONDS } from "../../../../shared/credentials/docker-login-ports.ts";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import type { Minted } from "../../../../shared/credentials/minted.ts";
import {
  active,
  createLoginProcess,
  createLoginWorld,
  FATES,
  type Fate,
  type LoginWorld,
  loginLease,
  loginOf,
  loginRequest,
} from "../../../support/registry-login-world.ts";

/** A lease that is pending for longer is given up. */
const PENDING_SECONDS = 600;

/** A lease as its record says, and the login that was answered last. */
type Known = {
  lease: Lease;
  state: "new" | "pending" | "active" | "ending" | "ended";
  /** Changes with the record: who has read an older one may not write. */
  version: number;
  renewals: number;
  removals: number;
  current: Login | null;
  /** Something of its own failed: that alone may keep it from ending. */
  isHeldUp: boolean;
};
type Login = { token: string; value: string };

/** What must hold at every moment. */
function expectNothingLost(world: LoginWorld, known: readonly Known[]): void {
  const rows = [...world.table.rows.values()];
  for (const [name, token] of world.tokens) {
    const row = rows.find((candidate) => candidate.token === name);
    expect(row, `${name} is in Azure and on no record`).toBeDefined();
    for (const password of token.passwords.keys()) expect(row?.[password], `${name} ${password}`).toBeDefined();
  }
  for (const { lease, state, current } of known) {
    if (state !== "active" || current === null) continue;
    expect(world.works(current.token, current.value), `the login of ${lease.id} is dead`).toBe(true);
  }
}

const faults = fc.array(fc.tuple(fc.nat(24), fc.constantFrom(...FATES)), { maxLength: 2 });
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("issue", "issue", "issue", "renew", "renew", "remove", "remove", "pass"),
    lease: fc.nat(5),
    faults: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: faults }),
    ticks: fc.array(fc.oneof(fc.nat(2), fc.nat(20)), { minLength: 1, maxLength: 7 }),
    /** Whether the next step waits for this one and all before it. */
    isAwaited: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
  }),
  { minLength: 6, maxLength: 24 },
);

test("no other's password is removed, none is without a claim, and in the end nothing is left", async () => {
  const seen = { issued: 0, shared: 0, renewed: 0, removed: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const world = createLoginWorld();
      const known = ["a", "b", "c", "d", "e", "f"].map(
        (id): Known => ({
          lease: loginLease(id),
          state: "new",
          current: null,
          isHeldUp: false,
          version: 0,
          renewals: 0,
          removals: 0,
        }),
      );
      let running: Promise<unknown>[] = [];
      for (const { kind, lease: index, faults: chosen, ticks, isAwaited } of plan) {
        const one = known[index];
        if (one === undefined) continue;
        // The last one is for something else.
        const request = index === 5 ? loginRequest({ scope: { repositories: ["team/base"] } }) : loginRequest();
        const fates = new Map<number, Fate>(chosen);
        let call = 0;
        let turn = 0;
        const nextFate = () => {
          expectNothingLost(world, known);
          return fates.get(call++) ?? "done";
        };
        const process = createLoginProcess(world, nextFate, () => ticks[turn++ % ticks.length] ?? 0);
        const answered = async (
          result: Minted | string,
          from: Known["state"],
          count: "issued" | "renewed",
          version: number,
        ) => {
          if (typeof result === "string") return void seen.failed++;
          // The trail comes first.
          for (let left = 3; left > 0; left--) await new Promise(setImmediate);
          // Ended or renewed meanwhile: the record refuses it, and nobody gets it.
          if (one.state !== from || one.version !== version) return void seen.failed++;
          one.version++;
          seen[count]++;
          const login = loginOf(result);
          if (known.some(({ current }) => current?.token === login.token)) seen.shared++;
          Object.assign(one, { state: "active", current: login, lease: active(one.lease, result) });
          expectNothingLost(world, known);
        };
        const work = async () => {
          if (kind === "issue" && one.state === "new") {
            one.state = "pending";
            const result = await process.issue(one.lease, request);
            await answered(result, "pending", "issued", one.version);
            // Whoever issues removes ahead of what may still arrive; the lease stays on record as pending.
            if (typeof result === "string" && result !== "died") await process.remove(one.lease);
          } else if (kind === "renew" && one.state === "active") {
            // Others may renew it at the same time.
            const { version } = one;
            one.isHeldUp = true;
            one.renewals++;
            const result = await process.renew(one.lease, request);
            one.renewals--;
            one.isHeldUp = typeof result === "string" || one.renewals > 0;
            await answered(result, "active", "renewed", version);
          } else if (kind === "remove" && ["active", "ending"].includes(one.state)) {
            one.state = "ending";
            const isFree = !one.isHeldUp && chosen.length === 0 && one.removals === 0;
            one.removals++;
            const result = await process.remove({ ...one.lease, state: "revoking" });
            // Whatever is under way for others: a login that has leaked ends now.
            if (isFree && one.removals === 1)
              expect(result, `${one.lease.id} waits for another`).toEqual({ exposedUntil: expect.any(Date) });
            if (typeof result === "string") return void seen.failed++;
            seen.removed++;
            one.state = "ended";
          }
        };
        if (kind !== "pass") running.push(work());
        if (kind !== "pass" && !isAwaited) continue;
        await Promise.all(running);
        running = [];
        if (kind === "pass") await world.pass(LOCK_SECONDS / 2);
      }
      await Promise.all(running);
      expectNothingLost(world, known);
      // The clock ends them all, and sweeps come: the first may meet each other.
      for (let round = 0; round < 3; round++) {
        await world.pass(PENDING_SECONDS);
        const work = known.map(async (one) => {
          if (one.state === "new" || one.state === "ended") return;
          one.state = "ending";
          const result = await createLoginProcess(world).remove({ ...one.lease, state: "revoking" });
          if (typeof result !== "string") one.state = "ended";
        });
        await Promise.all(work);
      }
      expect(known.filter(({ state }) => state !== "new" && state !== "ended")).toEqual([]);
      const left = [world.tokens, world.scopeMaps, world.table.rows].flatMap((map) => [...map.keys()]);
      expect(left).toEqual([]);
    }),
    { numRuns: 600 },
  );
  // What never happens proves nothing.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
}, 120_000);
