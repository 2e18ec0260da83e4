/** Numbers of digests. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestNumbers } from "../../../../../shared/purge/plan/digest-numbers.ts";
import { digestOf } from "../../../../support/fakes-purge.ts";

/** Digests, some of them alike in all but the last digits, and texts that are nearly one. */
const digest = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((word) => digestOf(String(word))),
  fc.integer({ min: 0, max: 40 }).map((last) => `sha256:${String(last).padStart(64, "0")}`),
  fc.constantFrom(
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(64)}`,
    `sha256:${"a".repeat(63)}g`,
    `sha256:${"a".repeat(64)}\n`,
    `sha256:${"a".repeat(65)}`,
    `sha512:${"a".repeat(128)}`,
    `sha384:${"a".repeat(64)}`,
    "",
  ),
);

test("each digest has one number, in the order in which they came, and comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(digest, { maxLength: 200 }), (digests) => {
      const numbers = digestNumbers();
      const expected = new Map<string, number>();
      for (const one of digests) {
        if (!expected.has(one)) expected.set(one, expected.size);
        expect(numbers.of(one)).toBe(expected.get(one));
      }
      expect(numbers.size).toBe(expected.size);
      for (const [one, number] of expected) expect(numbers.digest(number)).toBe(one);
    }),
  );
});

test("many are all told apart", () => {
  const numbers = digestNumbers();
  const digests = Array.from({ length: 20_000 }, (_, nth) => (nth % 100 === 0 ? `sha512:${nth}` : digestOf(`${nth}`)));
  expect(digests.map(numbers.of)).toEqual([...digests.keys()]);
  expect(digests.map(numbers.of)).toEqual([...digests.keys()]);
  expect([...digests.keys()].map(numbers.digest)).toEqual(digests);
});
