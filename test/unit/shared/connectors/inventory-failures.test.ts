import { describe, expect, test } from "vitest";
import { InputError } from "../../../../shared/errors.ts";
import { NOW, SUBSCRIPTION } from "../../../support/fakes.ts";
import { accounts, OTHER, refused, world } from "../../../support/inventory-world.ts";

describe("what cannot be listed hides nothing else", () => {
  test.each([
    ["403", refused(403), null],
    ["429 with Retry-After", refused(429, 120), 120],
    ["503", refused(503), 60],
  ])("an account that answers %s", async (_what, failure, retryAfterSeconds) => {
    const { ask, stored } = world([
      ...accounts(3),
      { subscription: SUBSCRIPTION, account: "broken", containers: failure },
    ]);
    const page = await ask([stored()]);
    expect(page.items).toHaveLength(3);
    const place = expect.stringMatching(/storageAccounts\/broken$/);
    expect(page.pending).toMatchObject([{ place, code: "UPSTREAM_REFUSED", retryAfterSeconds, takenAt: null }]);
  });

  test("what passes by itself keeps the earlier items with their age; what does not, takes them away", async () => {
    const { ask, stored, azure, pass } = world(accounts(2));
    const one = stored();
    await ask([one]);
    pass(1_000);
    azure.accounts = accounts(2, refused(503));
    const outage = await ask([one], { isForced: true });
    expect(outage.items).toHaveLength(2);
    expect(outage.pending.map(({ takenAt }) => takenAt)).toEqual([NOW.toISOString(), NOW.toISOString()]);
    azure.accounts = accounts(2, refused(403));
    const lost = await ask([one], { isForced: true });
    expect([lost.items, lost.pending.map(({ takenAt }) => takenAt)]).toEqual([[], [null, null]]);
  });

  test("a failed place is tried again after a minute, without the others", async () => {
    const { ask, stored, azure, pass, calls } = world([
      ...accounts(2),
      { subscription: SUBSCRIPTION, account: "broken", containers: refused(503) },
    ]);
    const one = stored();
    await ask([one]);
    const before = calls.length;
    pass(59_000);
    await ask([one]);
    expect(calls).toHaveLength(before);
    pass(1_000);
    azure.accounts = azure.accounts.map((account) => ({ ...account, containers: ["data"] }));
    const page = await ask([one]);
    expect([page.items.length, page.pending, calls.slice(before)]).toEqual([3, [], ["containers broken"]]);
  });

  test("a subscription that cannot be listed hides no other, and keeps what was known of it", async () => {
    const seen = [...accounts(2), ...accounts(2, ["far"], OTHER)];
    let isBroken = false;
    const { ask, stored } = world(seen, {
      onCall: (text) => {
        if (isBroken && text === `accounts ${OTHER}`) throw refused(503);
      },
    });
    const one = stored();
    await ask([one]);
    isBroken = true;
    const page = await ask([one], { isForced: true });
    expect(page.items).toHaveLength(4);
    expect(page.pending).toMatchObject([{ place: `/subscriptions/${OTHER}`, code: "UPSTREAM_REFUSED" }]);
  });

  test("hanging places are left at the deadline, the rest is answered, and they come first the next time", async () => {
    const never = () => new Promise<never>(() => {});
    const started: string[] = [];
    const all = [...accounts(40), { subscription: SUBSCRIPTION, account: "zz-hangs", containers: never }];
    const { ask, stored, newDeadline, azure, calls, pass } = world(
      [{ subscription: SUBSCRIPTION, account: "aa-hangs", containers: never }, ...all],
      {
        onCall: (text) => {
          started.push(text);
          // When all but those that hang have been asked, time is up.
          if (started.length === 2 + 42) setTimeout(() => ends.abort(), 5);
        },
      },
    );
    const ends = newDeadline();
    const one = stored();
    const page = await ask([one]);
    expect(page.items).toHaveLength(40);
    expect(page.pending.map(({ place, code }) => [place.split("/").at(-1), code])).toEqual([
      ["aa-hangs", "UPSTREAM_TIMEOUT"],
      ["zz-hangs", "UPSTREAM_TIMEOUT"],
    ]);
    newDeadline();
    azure.accounts = azure.accounts.map((account) => ({ ...account, containers: ["data"] }));
    pass(60_000);
    const before = calls.length;
    const whole = await ask([one]);
    expect([whole.items.length, whole.pending]).toEqual([42, []]);
    expect(calls.slice(before)).toEqual(["containers aa-hangs", "containers zz-hangs"]);
  });

  test("time is up before anything is listed: all is pending, and the next time it is there", async () => {
    const { ask, stored, newDeadline } = world(accounts(3));
    const one = stored();
    newDeadline().abort();
    const page = await ask([one]);
    expect(page).toMatchObject({ items: [], types: [{ takenAt: null }], pending: [{ place: "/subscriptions" }] });
    newDeadline();
    expect((await ask([one])).items).toHaveLength(3);
  });

  test("a sign-in that is refused reaches nothing, and is told by type", async () => {
    let isRefused = false;
    const { ask, stored } = world(accounts(1), {
      onCall: () => {
        if (isRefused) throw new InputError("SIGN_IN_FAILED", "AADSTS7000215");
      },
    });
    const [one, other] = [stored(), stored({ name: "other", id: OTHER })];
    await ask([one]);
    isRefused = true;
    const page = await ask([one, other]);
    // What is fresh needs no sign-in.
    expect(page.items).toHaveLength(1);
    expect(page.types).toMatchObject([{ error: null }, { connector: "other", error: { code: "SIGN_IN_FAILED" } }]);
    expect((await ask([one], { isForced: true })).items).toEqual([]);
  });

  test("an expired connector is told, and hides no other", async () => {
    const { ask, stored } = world(accounts(1));
    const expired = stored({ name: "expired", id: OTHER, expiresAt: "2020-01-01T00:00:00Z" });
    const page = await ask([stored(), expired]);
    expect(page.items).toHaveLength(1);
    expect(page.types).toMatchObject([{ error: null }, { error: { code: "CONNECTOR_EXPIRED" } }]);
  });
});
