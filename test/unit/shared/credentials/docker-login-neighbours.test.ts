/** Logins of registries that share a token: what is under way for one must not keep another from ending, nor renewals undo each other. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ANSWER_SECONDS, LOCK_SECONDS } from "../../../../shared/credentials/docker-login-ports.ts";
import {
  active,
  createLoginProcess,
  createLoginWorld,
  loginLease,
  loginOf,
} from "../../../support/registry-login-world.ts";

describe("ending a login whose neighbour's is not known to be made or removed", () => {
  test.each(["throttled", "late", "lost", "diesBefore", "diesAfter"] as const)("%s: it ends now", async (fate) => {
    const world = createLoginWorld();
    const [a, b] = [loginLease("a"), loginLease("b")];
    const { issue, remove } = createLoginProcess(world);
    const first = await issue(a);
    const failed = await createLoginProcess(world, (call) => (call === "generate" ? fate : "done")).issue(b);
    expect(typeof failed).toBe("string");
    expect(await remove(active(a, first))).toMatchObject({ exposedUntil: expect.any(Date) });
    expect(world.works(loginOf(first).token, loginOf(first).value)).toBe(false);
    await world.pass(1);
    expect(world.tokens.size).toBe(0);
    await remove(b);
    expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
  });

  test("a neighbour that is being removed goes along, and its own end finds nothing", async () => {
    const world = createLoginWorld();
    const [a, b] = [loginLease("a"), loginLease("b")];
    const { issue, remove } = createLoginProcess(world);
    const [first, second] = [await issue(a), await issue(b)];
    const hung = createLoginProcess(world, (call) => (call === "remove password" ? "refused" : "done"));
    expect(await hung.remove(active(b, second))).toBe("UPSTREAM_TIMEOUT");
    expect(world.works(loginOf(second).token, loginOf(second).value)).toBe(true);
    await remove(active(a, first));
    expect(world.tokens.size).toBe(0);
    await remove(active(b, second));
    expect([world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0]);
  });

  test("a neighbour that only is slow gets a login of another token", async () => {
    const world = createLoginWorld();
    const [a, b] = [loginLease("a"), loginLease("b")];
    const { issue, remove } = createLoginProcess(world);
    const first = await issue(a);
    let removal: Promise<unknown> = Promise.resolve();
    const slow = createLoginProcess(
      world,
      (call) => {
        if (call === "generate" && world.calls.filter((one) => one === "generate").length === 1) {
          removal = remove(active(a, first));
        }
        return "done";
      },
      () => 60,
    );
    const second = loginOf(await slow.issue(b));
    expect(await removal).toMatchObject({ exposedUntil: expect.any(Date) });
    expect(second.token).not.toBe(loginOf(first).token);
    expect(world.works(second.token, second.value)).toBe(true);
    expect(world.tokens.size).toBe(1);
  });
});

describe("two renewals of one lease", () => {
  const start = async () => {
    const world = createLoginWorld();
    const lease = loginLease("a");
    const first = await createLoginProcess(world).issue(lease);
    return { world, held: active(lease, first), first: loginOf(first) };
  };

  test.each([0, 5, 20, 60, 200])(
    "%i turns apart: what one of them gave works, and so does what was out",
    async (turns) => {
      const { world, held, first } = await start();
      const one = createLoginProcess(world).renew(held);
      for (let left = turns; left > 0; left--) await turn();
      const results = await Promise.all([one, createLoginProcess(world).renew(held)]);
      expect(results.filter((result) => result === "LEASE_CLOSED")).toHaveLength(1);
      const given = results.flatMap((result) => (typeof result === "string" ? [] : [loginOf(result)]));
      expect(given.map(({ token, value }) => world.works(token, value))).toEqual([true]);
      expect(world.works(first.token, first.value)).toBe(true);
    },
  );

  test("the next one starts at once from what was answered", async () => {
    const { world, held } = await start();
    const { renew } = createLoginProcess(world);
    const second = await renew(held);
    expect(typeof (await renew(active(held, second)))).not.toBe("string");
  });

  test("what was never answered is in nobody's way for long", async () => {
    const { world, held, first } = await start();
    const { renew } = createLoginProcess(world);
    await renew(held);
    expect(await renew(held)).toBe("LEASE_CLOSED");
    await world.pass(ANSWER_SECONDS);
    const third = loginOf(await renew(held));
    expect([world.works(first.token, first.value), world.works(third.token, third.value)]).toEqual([true, true]);
  });

  test("one that failed is over at once, one that died after a while", async () => {
    const { world, held } = await start();
    const failing = createLoginProcess(world, (call) => (call === "generate" ? "forbidden" : "done"));
    expect(await failing.renew(held)).toBe("UPSTREAM_REFUSED");
    const dying = createLoginProcess(world, (call) => (call === "generate" ? "diesAfter" : "done"));
    expect(await dying.renew(held)).toBe("died");
    const { renew } = createLoginProcess(world);
    expect(await renew(held)).toBe("LEASE_CLOSED");
    await world.pass(LOCK_SECONDS);
    expect(typeof (await renew(held))).not.toBe("string");
  });

  test("one that took too long gives nothing out", async () => {
    const { world, held } = await start();
    const slow = createLoginProcess(
      world,
      () => "done",
      () => 40,
    ).renew(held);
    for (let left = 200; left > 0; left--) await turn();
    await world.pass(LOCK_SECONDS);
    const next = createLoginProcess(world).renew(held);
    expect(await slow).toMatch(/^(LEASE_CLOSED|STATE_UNAVAILABLE)$/);
    const given = loginOf(await next);
    expect(world.works(given.token, given.value)).toBe(true);
  });
});
