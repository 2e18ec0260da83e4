import { expect, test } from "vitest";
import { createArmLimits } from "../../../../../infra/local/azure/arm/arm-limits.ts";

const MINUTE = 60_000;

function at(start = Date.parse("2026-11-22T00:00:00Z")) {
  const clock = { time: start };
  return { clock, limits: createArmLimits({ now: () => new Date(clock.time) }) };
}

test("takeStorageList: takes 100 in any five minutes, and one more for each that is older", () => {
  const { clock, limits } = at();
  const list = () => limits.takeStorageList("S", ["westeurope"]);
  for (let call = 0; call < 100; call += 1) {
    list();
    clock.time += 1000;
  }
  expect(list).toThrow(expect.objectContaining({ status: 429, code: "TooManyRequests" }));
  clock.time += 5 * MINUTE - 100_000 - 1;
  expect(list).toThrow();
  clock.time += 1;
  expect(list).not.toThrow();
  expect(list).toThrow();
});

test("takeStorageList: a call over two regions counts in both, or in none when one is full", () => {
  const { limits } = at();
  limits.change({ storageListsPerFiveMinutes: 2 });
  limits.takeStorageList("S", ["westeurope", "westeurope", "northeurope"]);
  limits.takeStorageList("s", ["WestEurope"]);
  expect(() => limits.takeStorageList("S", ["northeurope", "westeurope"])).toThrow();
  expect(() => limits.takeStorageList("S", ["northeurope"])).not.toThrow();
  expect(() => limits.takeStorageList("S", ["northeurope"])).toThrow();
});

test("takeRequest: counts nothing until it is turned on, then a bucket of 250 that fills by 25 a second", () => {
  const { clock, limits } = at();
  expect(limits.takeRequest("read", "S", "one")).toBeNull();
  limits.change({ generalLimits: true });
  for (let left = 249; left >= 0; left -= 1) expect(limits.takeRequest("read", "S", "one")).toBe(left);
  const refusal = expect.objectContaining({ status: 429, code: "SubscriptionRequestsThrottled" });
  expect(() => limits.takeRequest("read", "S", "one")).toThrow(refusal);
  expect(limits.takeRequest("read", "S", "another")).toBe(249);
  expect(limits.takeRequest("write", "S", "one")).toBe(199);
  clock.time += 1000;
  expect(limits.takeRequest("read", "S", "one")).toBe(24);
});

test("reset: forgets settings and counts", () => {
  const { limits } = at();
  limits.change({ storageListsPerFiveMinutes: 1, pageSize: 1 });
  limits.takeStorageList("S", ["westeurope"]);
  limits.reset();
  expect(limits.settings()).toMatchObject({ storageListsPerFiveMinutes: 100, pageSize: 1000 });
  expect(() => limits.takeStorageList("S", ["westeurope"])).not.toThrow();
});
