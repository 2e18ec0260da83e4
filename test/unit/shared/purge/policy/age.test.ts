import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAge, MAX_AGE_SECONDS, readAge } from "../../../../../shared/purge/policy/age.ts";

const secondsOf = (text: string) => {
  const reading = readAge(text);
  return "seconds" in reading ? reading.seconds : null;
};
const expectedOf = (text: string) => {
  const reading = readAge(text);
  return "expected" in reading ? reading.expected : null;
};

test.each([
  ["7d", 604_800],
  ["2d3h6m", 2 * 86_400 + 3 * 3_600 + 360],
  ["36h", 129_600],
  ["90m", 5_400],
  ["1s", 1],
  ["1d5s", 86_405],
  ["07d", 604_800],
  ["P7D", 604_800],
  ["P1W", 604_800],
  ["PT36H", 129_600],
  ["P1DT2H30M", 86_400 + 9_000],
  ["PT1M", 60],
  ["P0DT1S", 1],
  ["54750d", MAX_AGE_SECONDS],
])("%s is %d seconds", (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds);
});

test.each([
  ...["d", "xd", "abcd", "0", "1.5d", "1h2d", "7days", "1dd", "2dh", "-1d", "-5m", "1d2h 3m", "30", "1w", "7D", "1d1d"],
  ...[
    "",
    " ",
    "7 d",
    " 7d",
    "7d ",
    "7d\n",
    "+7d",
    "0d",
    "0h0m",
    "1,5d",
    "1e3d",
    "0x7d",
    "5ms",
    "5us",
    "1d2",
    "1m1h",
    "7y",
  ],
  ...[
    "P",
    "PT",
    "P1DT",
    "P1Y",
    "P1M",
    "P1M2D",
    "P1W1D",
    "P1.5D",
    "PT1H1D",
    "p7d",
    "P7d",
    "P-7D",
    "P7DT",
    "PT1M1H",
    "P1D1D",
    "P1H",
  ],
  ...["54751d", "999999d", "9999999999999999999d", "P0D", "PT0S", "P7826W"],
  ...["٧d", "７d", "7ｄ", "__proto__", "constructor", "\u00007d", "7d\u0000"],
])("%j is an error", (text) => {
  expect(expectedOf(text)).not.toBeNull();
});

test.each([
  [["d", "xd", "abcd", "7days", "1dd", "2dh"], "a whole number before each unit"],
  [["1.5d", "1,5d", "P1.5D"], "whole numbers"],
  [["1h2d", "1m1h"], "falling order"],
  [["1d1d"], "each unit once"],
  [["-1d", "-5m", "+7d", "P-7D"], "no sign"],
  [["1d2h 3m", "7 d"], "without spaces"],
  [["0", "30"], "a unit"],
  [["0d", "P0D"], "more than nothing"],
  [["1w"], "P1W"],
  [["7D"], "lower case"],
  [["p7d"], "upper case"],
  [["P1M", "P1Y"], "no fixed length"],
  [["P1H"], "a T before"],
  [["54751d", "P7826W"], "150 years"],
])("each slip has words of its own: %j", (texts, words) => {
  for (const text of texts) expect(expectedOf(text)).toContain(words);
});

test("what is written is read again as the same, in the shortest form", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MAX_AGE_SECONDS }), (seconds) => {
      const text = formatAge(seconds);
      expect(secondsOf(text)).toBe(seconds);
      expect(text).not.toMatch(/\D0[DHMS]/);
    }),
  );
});

test("whole units in falling order are read, in any other order they are not", () => {
  const units = fc.shuffledSubarray(["d", "h", "m", "s"], { minLength: 1 });
  fc.assert(
    fc.property(units, fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 4, maxLength: 4 }), (chosen, counts) => {
      const text = chosen.map((unit, i) => `${counts[i]}${unit}`).join("");
      const isFalling = chosen.join("") === [..."dhms"].filter((unit) => chosen.includes(unit)).join("");
      expect(secondsOf(text) !== null).toBe(isFalling);
    }),
  );
});

test("no text is shown again, and long ones are not looked at", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."PTWDHMSdhmsw0129.-+ "), maxLength: 60 }), (text) => {
      const reading = readAge(text);
      if ("seconds" in reading) expect(reading.seconds).toBeGreaterThan(0);
      else expect(reading.expected).not.toBe(text);
    }),
  );
  expect(expectedOf(`${"1".repeat(1_000_000)}d`)).toContain("characters");
});
