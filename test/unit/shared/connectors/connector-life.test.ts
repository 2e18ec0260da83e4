import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationText, refuseUnusable, secondsLeft, stateNow } from "../../../../shared/connectors/connector-life.ts";
import { connector, NOW } from "../../../support/fakes.ts";

const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString();

describe("what is shown and what is enforced", () => {
  test.each([
    [null, null, "healthy"],
    [60, 60, "healthy"],
    [0.9, 0, "expired"],
    [0, 0, "expired"],
    [-3600, 0, "expired"],
  ] as const)("ends in %s s", (seconds, left, state) => {
    const stored = connector({ expiresAt: seconds === null ? null : at(seconds) });
    expect([secondsLeft(stored, NOW), stateNow(stored, NOW)]).toEqual([left, state]);
    if (state === "expired")
      expect(() => refuseUnusable(stored, NOW)).toThrow(expect.objectContaining({ code: "CONNECTOR_EXPIRED" }));
    else expect(() => refuseUnusable(stored, NOW)).not.toThrow();
  });

  test("one formula: it may be used exactly while something is left", () => {
    fc.assert(
      fc.property(fc.integer({ min: -5000, max: 5000 }), (milliseconds) => {
        const stored = connector({ expiresAt: new Date(NOW.getTime() + milliseconds).toISOString() });
        const isLeft = (secondsLeft(stored, NOW) ?? 1) > 0;
        expect(stateNow(stored, NOW) === "expired").toBe(!isLeft);
        let isRefused = false;
        try {
          refuseUnusable(stored, NOW);
        } catch {
          isRefused = true;
        }
        expect(isRefused).toBe(!isLeft);
      }),
    );
  });

  test("the end of a certificate or token counts as well as the one that was asked for, and the earlier holds", () => {
    const ending = (own: string | null, asked: string | null) =>
      connector({ expiresAt: asked, secret: { kind: "certificate", name: "s", version: "v1", endsAt: own } });
    expect(secondsLeft(ending(at(100), null), NOW)).toBe(100);
    expect(secondsLeft(ending(at(100), at(50)), NOW)).toBe(50);
    expect(secondsLeft(ending(at(100), at(500)), NOW)).toBe(100);
    expect(secondsLeft(ending(null, at(50)), NOW)).toBe(50);
    expect(stateNow(ending(at(-1), at(500)), NOW)).toBe("expired");
  });

  test("disabled comes before expired", () => {
    const stored = connector({ state: "disabled", expiresAt: at(-1) });
    expect(() => refuseUnusable(stored, NOW)).toThrow(expect.objectContaining({ code: "CONNECTOR_DISABLED" }));
  });
});

test.each([
  [0, "0s"],
  [59, "59s"],
  [2545, "42m25s"],
  [3600, "1h"],
  [3661, "1h1m"],
  [3601, "1h"],
  [90_000, "1d1h"],
  [86_400 * 30, "30d"],
])("durationText: %s s reads %s", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
