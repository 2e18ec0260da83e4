/** Removals that have to wait, as of what a stopped cluster holds. Beside lease-machine.test.ts, whose steps do the same at random. */
import { expect, test } from "vitest";
import { createProcess, createWorld, HOUR } from "../../../support/lease-world.ts";

test("what cannot be removed now is not counted: tried often while it may work again, then seldom, and removed once it can be", async () => {
  const world = createWorld();
  await createProcess(world, () => "done").issue();
  const leaseNow = () => [...world.leases.rows.values()][0]?.lease;
  const id = leaseNow()?.id ?? "";
  let removals = 0;
  const waiting = createProcess(world, (call) => {
    if (call !== "remove") return "done";
    removals++;
    return "notNow";
  });
  await waiting.revoke(id);
  removals = 0;
  for (let round = 0; round < 11; round++) {
    await world.pass(300);
    expect(await waiting.sweep()).toMatchObject({ later: 1, irrevocable: [] });
  }
  removals = 0;
  // A night, of which the first five minutes are those of the credential.
  for (let round = 0; round < 144; round++) {
    await world.pass(300);
    await waiting.sweep();
  }
  expect(removals).toBeLessThanOrEqual(10);
  expect(removals).toBeGreaterThanOrEqual(8);
  expect(leaseNow()).toMatchObject({ state: "revoking", revokeAttempts: 0 });
  expect([world.leaseDue.listed.size, world.leaseDue.times.size, world.upstream.size]).toEqual([0, 1, 1]);
  for (let round = 0; round < 6; round++) {
    await world.pass(HOUR / 4);
    await createProcess(world, () => "done").sweep();
  }
  expect([leaseNow()?.state, world.upstream.size, world.leaseDue.times.size]).toEqual(["revoked", 0, 0]);
});
