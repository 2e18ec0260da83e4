import fc from "fast-check";
import { expect, test } from "vitest";
import { utc } from "../../../shared/time.ts";

test.each([
  ["2026-11-21T10:00:00.000Z", "2026-11-21T10:00:00Z"],
  ["2026-11-21T10:00:00.999Z", "2026-11-21T10:00:00Z"],
  ["2026-11-21T23:59:59.999+02:00", "2026-11-21T21:59:59Z"],
])("utc: %s is %s", (time, expected) => {
  expect(utc(new Date(time))).toBe(expected);
});

test("utc: whatever the moment, less than a second is cut off, and later ones sort later as text", () => {
  const moments = fc.date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
  fc.assert(
    fc.property(moments, moments, (one, other) => {
      const cut = one.getTime() - Date.parse(utc(one));
      expect(cut).toBeGreaterThanOrEqual(0);
      expect(cut).toBeLessThan(1000);
      if (one <= other) expect(utc(one) <= utc(other)).toBe(true);
    }),
  );
});
