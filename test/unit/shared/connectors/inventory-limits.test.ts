import { describe, expect, test } from "vitest";
import { INVENTORY_LISTS, LIST_WINDOW_MS } from "../../../../shared/connectors/list-budget.ts";
import { NOW } from "../../../support/fakes.ts";
import { accounts, OTHER, world } from "../../../support/inventory-world.ts";

describe("within the provider's limit", () => {
  test("a region of more accounts than the share is completed by asking again, oldest first", async () => {
    const { ask, stored, calls, pass } = world(accounts(200));
    const one = stored();
    const first = await ask([one]);
    // One call went to the list of accounts.
    expect(first.items).toHaveLength(INVENTORY_LISTS - 1);
    expect(first.pendingCount).toBe(200 - (INVENTORY_LISTS - 1));
    expect(first.pending[0]).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: LIST_WINDOW_MS / 1_000 + 1 });
    expect((await ask([one], { isForced: true })).items).toHaveLength(INVENTORY_LISTS - 1);
    const counts: number[] = [];
    for (let round = 0; round < 3; round++) {
      pass(LIST_WINDOW_MS + 1_001);
      const before = calls.length;
      const page = await ask([one]);
      counts.push(page.items.length);
      expect(calls.length - before).toBeLessThanOrEqual(INVENTORY_LISTS + 1);
    }
    // The first round reads the list of accounts again, which the refresh before was not given.
    expect(counts).toEqual([2 * (INVENTORY_LISTS - 1), 200, 200]);
  });

  test("refreshes one after another: earlier results stay with their age, the oldest are read first", async () => {
    const { ask, stored, calls, pass } = world(accounts(60));
    const one = stored();
    await ask([one]);
    pass(1_000);
    const before = calls.length;
    const second = await ask([one], { isForced: true });
    expect(second.items).toHaveLength(60);
    const listed = calls.slice(before).filter((call) => call.startsWith("containers"));
    expect(listed).toHaveLength(INVENTORY_LISTS - 61 - 1);
    expect(second.types[0]?.takenAt).toBe(NOW.toISOString());
    pass(LIST_WINDOW_MS + 2_000);
    const from = calls.length;
    const third = await ask([one], { isForced: true });
    const order = calls.slice(from).filter((call) => call.startsWith("containers"));
    // Those that were left out the last time.
    expect(order.slice(0, 60 - listed.length).some((call) => listed.includes(call))).toBe(false);
    expect(third.pending).toEqual([]);
  });

  test("two connectors of one process share the limit", async () => {
    const { ask, stored, calls } = world(accounts(60));
    await ask([stored(), stored({ name: "second", id: OTHER })]);
    const lists = calls.filter((call) => /^(containers|accounts)/.test(call));
    expect(lists).toHaveLength(INVENTORY_LISTS);
  });
});

test("at most so many calls at once", async () => {
  let [now, most] = [0, 0];
  const { ask, stored } = world(accounts(70), {
    onCall: async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 1));
      now -= 1;
    },
  });
  await ask([stored()]);
  expect(most).toBe(16);
});
