import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLOCK_SECONDS, OVERSHOOT_SECONDS, refuseTooLong } from "../../../../shared/credentials/fixed-life.ts";
import { utc } from "../../../../shared/time.ts";
import { NOW } from "../../../support/fakes.ts";

const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const check = (
  lifeSeconds: number,
  {
    ttl = null,
    max = 3600,
    grant = null,
    connector = null,
  }: Partial<Record<"ttl" | "max" | "grant" | "connector", number | null>> = {},
) =>
  refuseTooLong({
    expiresAt: inSeconds(lifeSeconds),
    request: {
      ttlSeconds: ttl,
      maxTtlSeconds: max ?? 0,
      grantExpiresAt: grant === null ? null : utc(inSeconds(grant)),
    },
    connector: { expiresAt: connector === null ? null : utc(inSeconds(connector)) },
    now: NOW,
  });
const refusal = expect.objectContaining({ code: "SCOPE_TOO_WIDE" });

describe("a token whose life nobody chooses", () => {
  test("is lent without a word when it ends in time", () => {
    expect(check(3600)).toEqual([]);
    expect(check(3600 + CLOCK_SECONDS)).toEqual([]);
  });

  test("is lent with a warning up to half an hour longer", () => {
    expect(check(3601 + CLOCK_SECONDS)).toHaveLength(1);
    expect(check(3600 + OVERSHOOT_SECONDS)).toHaveLength(1);
    expect(() => check(3601 + OVERSHOOT_SECONDS)).toThrow(refusal);
  });

  test("is held to the life that was asked for, when that is less than is granted", () => {
    expect(check(4500, { ttl: 3600, max: 43_200 })).toHaveLength(1);
    expect(() => check(4500, { ttl: 600, max: 43_200 })).toThrow(refusal);
    expect(() => check(4500, { ttl: 43_200, max: 600 })).toThrow(refusal);
  });

  test.each(["grant", "connector"] as const)("is not lent when it outlives the %s by a second", (whose) => {
    expect(check(4500, { max: 43_200, [whose]: 4500 })).toEqual([]);
    expect(() => check(4500, { max: 43_200, [whose]: 4499 })).toThrow(refusal);
  });

  test("says so when it ends before what was asked for", () => {
    expect(check(4500, { ttl: 43_200, max: 43_200 })).toHaveLength(1);
    expect(check(4500, { ttl: 4500 + CLOCK_SECONDS, max: 43_200 })).toEqual([]);
  });

  test("may outlive a sign-in that ends by itself, and not what was set for the connector", () => {
    const request = { ttlSeconds: null, maxTtlSeconds: 3600, grantExpiresAt: null };
    const given = (setToEndAt: string | null) => () =>
      refuseTooLong({
        expiresAt: inSeconds(4500),
        request,
        connector: { expiresAt: utc(inSeconds(600)), setToEndAt },
        now: NOW,
      });
    expect(given(null)()).toHaveLength(1);
    expect(given(utc(inSeconds(4500)))()).toHaveLength(1);
    expect(given(utc(inSeconds(4499)))).toThrow(refusal);
  });

  test("never outlives any end", () => {
    const life = fc.integer({ min: 1, max: 90_000 });
    const maybe = fc.option(life);
    const property = fc.property(life, maybe, life, maybe, maybe, (lives, ttl, max, grant, connector) => {
      const allowed = Math.min(ttl ?? max, max);
      const fits = lives <= Math.min(allowed + OVERSHOOT_SECONDS, grant ?? lives, connector ?? lives);
      const run = () => check(lives, { ttl, max, grant, connector });
      const isShorter = ttl !== null && lives < ttl - CLOCK_SECONDS;
      if (fits) expect(run()).toHaveLength(lives > allowed + CLOCK_SECONDS || isShorter ? 1 : 0);
      else expect(run).toThrow(refusal);
    });
    fc.assert(property);
  });
});
