import { expect, test } from "vitest";
import { backoffMs, MAX_ATTEMPTS } from "../../../../shared/store/contention.ts";

test("waits double with each try up to a third of a second, and chance parts those that met", () => {
  const longest = Array.from({ length: MAX_ATTEMPTS }, (_, index) => backoffMs(index + 1, () => 1));
  expect(longest.slice(0, 6)).toEqual([20, 40, 80, 160, 320, 320]);
  expect(Math.max(...longest)).toBe(320);
  expect([backoffMs(3, () => 0.5), backoffMs(3, () => 0)]).toEqual([40, 0]);
});
