import fc from "fast-check";
import { expect, test } from "vitest";
import { leaseTimes, longestLifeSeconds, renewableUntil, stateOf } from "../../../../shared/credentials/lease.ts";

test("times are whole seconds from now on, refresh after four fifths", () => {
  expect(leaseTimes(new Date("2026-11-21T10:00:00.999Z"), 3600)).toEqual({
    issuedAt: "2026-11-21T10:00:00Z",
    refreshAfter: "2026-11-21T10:48:00Z",
    expiresAt: "2026-11-21T11:00:00Z",
  });
});

test("whatever the life: never longer than asked, and refreshed while it lives", () => {
  const moments = fc.date({ min: new Date("2020-01-01"), max: new Date("2090-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(moments, fc.integer({ min: 60, max: 86_400 }), (now, ttlSeconds) => {
      const times = { ...leaseTimes(now, ttlSeconds), maxUntil: renewableUntil(now, []) };
      for (const time of Object.values(times)) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const [issued, refresh, expires, max] = [times.issuedAt, times.refreshAfter, times.expiresAt, times.maxUntil].map(
        (time) => Date.parse(time),
      );
      expect(issued).toBeLessThanOrEqual(now.getTime());
      expect(expires).toBe((issued ?? 0) + ttlSeconds * 1000);
      expect(refresh).toBeGreaterThan(issued ?? 0);
      expect(refresh).toBeLessThan(expires ?? 0);
      expect(max).toBeGreaterThanOrEqual(expires ?? 0);
    }),
  );
});

test.each<[string | null, number]>([
  [null, 86_400],
  ["2026-11-21T10:10:00Z", 600],
  ["2026-11-21T10:00:59Z", 59],
  ["2026-11-22T10:00:00Z", 86_400],
  ["2026-11-22T10:00:01Z", 86_400],
  ["2090-01-01T00:00:00Z", 86_400],
])("through a connector that expires at %s a lease lives at most %d s", (expiresAt, longest) => {
  expect(longestLifeSeconds([expiresAt], new Date("2026-11-21T10:00:00Z"))).toBe(longest);
});

test("whenever the connector expires: no lease of the longest life outlives it", () => {
  const moments = fc.date({ min: new Date("2026-01-01"), max: new Date("2027-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(moments, fc.integer({ min: 1, max: 200_000_000 }), (now, lifeMs) => {
      const connectorExpiresAt = new Date(now.getTime() + lifeMs);
      const ends = [connectorExpiresAt.toISOString()];
      const longest = longestLifeSeconds(ends, now);
      const { expiresAt } = leaseTimes(now, longest);
      const maxUntil = renewableUntil(now, ends);
      for (const time of [expiresAt, maxUntil]) {
        expect(Date.parse(time)).toBeLessThanOrEqual(connectorExpiresAt.getTime());
      }
      expect(longest).toBeLessThanOrEqual(86_400);
    }),
  );
});

test("of connector and grant, the one that ends first decides", () => {
  const at = new Date("2026-11-21T10:00:00Z");
  const ends = ["2026-11-21T12:00:00Z", null, "2026-11-21T11:00:00Z"];
  expect(longestLifeSeconds(ends, at)).toBe(3600);
  expect(renewableUntil(at, ends)).toBe("2026-11-21T11:00:00Z");
  expect(renewableUntil(at, [null, "2090-01-01T00:00:00Z"])).toBe("2026-11-28T10:00:00Z");
});

test.each<[string, "active" | "revoked", string | null, string, string]>([
  ["a second before its end", "active", "2026-11-21T10:00:01Z", "2026-11-22T10:00:00Z", "active"],
  ["at its end", "active", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z", "expired"],
  ["without an end, renewable", "active", null, "2026-11-21T10:00:01Z", "active"],
  ["without an end, past its renewals", "active", null, "2026-11-21T10:00:00Z", "expired"],
  ["revoked, and past its end", "revoked", "2026-11-21T09:00:00Z", "2026-11-22T10:00:00Z", "revoked"],
])("a lease %s is as the clock says", (_what, state, expiresAt, maxUntil, expected) => {
  expect(stateOf({ state, expiresAt, maxUntil }, new Date("2026-11-21T10:00:00Z"))).toBe(expected);
});
