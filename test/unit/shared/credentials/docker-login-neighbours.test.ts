/** Logins of registries that share a token: what is under way for one must not keep another from ending. */
import { describe, expect, test } from "vitest";
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
