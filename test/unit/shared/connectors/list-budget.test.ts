import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countLists,
  createListBudget,
  INVENTORY_LISTS,
  LIST_WINDOW_MS,
  type ListPlace,
  PROVIDER_LISTS,
  withinBudget,
} from "../../../../shared/connectors/list-budget.ts";
import type { AzureView, StorageAccount } from "../../../../shared/connectors/ports.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { azureView, NOW, signIn } from "../../../support/fakes.ts";

const WEST: ListPlace = { subscriptionId: "s1", location: "westeurope" };
const ALL: ListPlace = { subscriptionId: "s1", location: null };
const SECOND = 1_000;

function clocked(limit?: number) {
  let at = NOW.getTime();
  const now = () => new Date(at);
  const budget = createListBudget(limit === undefined ? { now } : { now, limit });
  return {
    budget,
    now,
    pass(milliseconds: number) {
      at += milliseconds;
    },
  };
}

test("it leaves a share to others", () => {
  expect(INVENTORY_LISTS).toBeLessThan(PROVIDER_LISTS);
  const { budget } = clocked();
  for (let call = 0; call < INVENTORY_LISTS; call++) expect(budget.take(WEST)).toBe(0);
  expect(budget.take(WEST)).toBe(LIST_WINDOW_MS / SECOND + 1);
  // Another region, and another subscription, are other places.
  expect(budget.take({ ...WEST, location: "northeurope" })).toBe(0);
  expect(budget.take({ ...WEST, subscriptionId: "s2" })).toBe(0);
  // A list over all regions needs room in each.
  expect(budget.take(ALL)).toBeGreaterThan(0);
});

test("places are compared without case", () => {
  const { budget } = clocked(1);
  expect(budget.take({ subscriptionId: "S1", location: "WestEurope" })).toBe(0);
  expect(budget.take(WEST)).toBeGreaterThan(0);
});

const stepsArbitrary = fc.array(
  fc.record({
    kind: fc.constantFrom("take", "take", "take", "note", "close"),
    place: fc.record({
      subscriptionId: fc.constantFrom("s1", "s2"),
      location: fc.constantFrom("a", "b", null),
    }),
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 * SECOND })),
    seconds: fc.option(fc.integer({ min: 1, max: 400 })),
  }),
  { maxLength: 120 },
);

test("whatever the order: in no window more than the limit for a place, and nothing while it is closed", () => {
  fc.assert(
    fc.property(stepsArbitrary, fc.integer({ min: 1, max: 6 }), (steps, limit) => {
      const { budget, now, pass } = clocked(limit);
      const calls: { at: number; place: ListPlace; kind: string }[] = [];
      const closed: { until: number; place: ListPlace }[] = [];
      const meets = (left: ListPlace, right: ListPlace) =>
        left.subscriptionId === right.subscriptionId &&
        (left.location === null || right.location === null || left.location === right.location);
      for (const { kind, place, wait, seconds } of steps) {
        pass(wait);
        const at = now().getTime();
        if (kind === "close") {
          budget.close(place, seconds);
          closed.push({ until: at + (seconds ?? 0) * SECOND, place });
        } else if (kind === "note") {
          budget.note(place);
          calls.push({ at, place, kind });
        } else if (budget.take(place) === 0) {
          expect(closed.some((one) => meets(one.place, place) && at < one.until)).toBe(false);
          calls.push({ at, place, kind });
        }
      }
      for (const last of calls.filter(({ kind }) => kind === "take")) {
        for (const location of ["a", "b"]) {
          const region = { subscriptionId: last.place.subscriptionId, location };
          if (!meets(last.place, region)) continue;
          const window = calls.filter(
            ({ at, place }) => meets(place, region) && at <= last.at && at > last.at - LIST_WINDOW_MS,
          );
          // Those of others are never refused, so they alone may be more.
          const before = window.slice(0, window.indexOf(last) + 1);
          expect(before.length).toBeLessThanOrEqual(limit);
        }
      }
    }),
  );
});

test("the wait that is told is enough, and no second too long", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100 * SECOND }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      (gaps, limit) => {
        const { budget, pass } = clocked(limit);
        for (const gap of gaps) {
          pass(gap);
          const wait = budget.take(WEST);
          if (wait === 0) continue;
          pass((wait - 1) * SECOND - 1);
          if (wait > 1) expect(budget.take(WEST)).toBeGreaterThan(0);
          pass(SECOND + 1);
          expect(budget.take(WEST)).toBe(0);
        }
      },
    ),
  );
});

const ACCOUNT: StorageAccount & { location: string } = {
  subscriptionId: "s1",
  resourceGroup: "g",
  account: "one",
  location: "westeurope",
};
const throttled = (code: string, retryAfterSeconds: number | null) =>
  new UpstreamError("UPSTREAM_REFUSED", "throttled", {
    retryable: true,
    retryAfterSeconds,
    failure: { name: "RestError", status: 429, code },
  });

describe("views whose lists are counted", () => {
  const viewOf = (pages: number, failure: Error | null = null): AzureView => ({
    ...azureView({}),
    async containers(_account, beforePage) {
      for (let page = 0; page < pages; page++) beforePage?.();
      if (failure !== null) throw failure;
      return ["data"];
    },
    async storageAccounts(_subscriptionId, _group, beforePage) {
      for (let page = 0; page < pages; page++) beforePage?.();
      if (failure !== null) throw failure;
      return [];
    },
  });

  test("what people wait for is never refused, but each page of it counts", async () => {
    const { budget } = clocked(3);
    const view = countLists(() => viewOf(2), budget)(signIn());
    await view.containers(ACCOUNT);
    await view.containers(ACCOUNT);
    await view.storageAccounts("s1", null);
    expect(budget.take(WEST)).toBeGreaterThan(0);
    expect(budget.take({ ...WEST, location: "elsewhere" })).toBe(0);
  });

  test("the inventory's lists end where its share ends, in the midst of an account as well", async () => {
    const { budget } = clocked(3);
    const view = withinBudget(countLists(() => viewOf(2), budget)(signIn()), budget);
    expect(await view.containers(ACCOUNT)).toEqual(["data"]);
    await expect(view.containers(ACCOUNT)).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: 301 });
    await expect(view.storageAccounts("s1", null)).rejects.toMatchObject({ code: "RATE_LIMITED" });
  });

  test.each([
    ["the provider's own limit closes the region", "TooManyRequests", 45, "westeurope", 45],
    ["a short Retry-After is not believed", "TooManyRequests", 1, "westeurope", 30],
    ["no Retry-After is half a minute", "TooManyRequests", null, "westeurope", 30],
    ["ARM's limit closes the subscription", "SubscriptionRequestsThrottled", 60, "northeurope", 60],
  ])("429: %s", async (_what, code, asked, location, seconds) => {
    const { budget, pass } = clocked();
    const view = countLists(() => viewOf(1, throttled(code, asked)), budget)(signIn());
    await expect(view.containers(ACCOUNT)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(budget.take({ subscriptionId: "s1", location })).toBe(seconds);
    pass(seconds * SECOND);
    expect(budget.take({ subscriptionId: "s1", location })).toBe(0);
  });

  test("another region stays open after the provider's 429", async () => {
    const { budget } = clocked();
    const view = countLists(() => viewOf(1, throttled("TooManyRequests", 45)), budget)(signIn());
    await expect(view.containers(ACCOUNT)).rejects.toThrow();
    expect(budget.take({ ...WEST, location: "northeurope" })).toBe(0);
  });
});
