import fc from "fast-check";
import { expect, test } from "vitest";
import {
  grouped,
  splitFilter,
  wholeOfRepository,
  wholeOfSearch,
} from "../../../../../shared/purge/acr-command/acr-filter.ts";
import { compilePattern } from "../../../../../shared/purge/pattern/match.ts";
import { parsePattern } from "../../../../../shared/purge/pattern/parse.ts";

/** The colons that acr-cli splits at, in its own words; these few constructs mean the same to JavaScript. */
const SPLITTING_COLON = /(?<!\(\?[imsU-]{0,5}|\[*\^*\[\^*):(?!\]\]*)/g;

test("a filter is split where acr-cli splits it, or refused where it fails", () => {
  const text = fc.string({ unit: fc.constantFrom(..."::[]^(?imsU-)ab"), maxLength: 12 });
  fc.assert(
    fc.property(text, (filter) => {
      const parts = filter.replace(SPLITTING_COLON, "\n").split("\n");
      const [repository, tag] = parts;
      const reading = splitFilter(filter);
      if (parts.length !== 2 || !repository || !tag) expect(reading).toHaveProperty("expected");
      else expect(reading).toEqual({ repository, tag, tagStart: repository.length + 1 });
    }),
    { numRuns: 2_000 },
  );
});

test("a filter of colons and brackets is split in little work", () => {
  expect(splitFilter(`${"[^".repeat(5_000)}:${":".repeat(5_000)}`)).toHaveProperty("expected");
  expect(splitFilter(`${"^".repeat(10_000)}:a`)).toHaveProperty("tag", "a");
});

test.each([
  ["dev", "(?s:.*)dev(?s:.*)"],
  ["^dev", "^dev(?s:.*)"],
  ["dev$", "(?s:.*)dev$"],
  ["^dev$", "^dev$"],
  [".*dev.*", ".*dev.*"],
  [".*", ".*"],
  ["(?:dev)?", ".*"],
  ["a|b", "(?s:.*)(?:a|b)(?s:.*)"],
  ["(?i)dev", "(?s:.*)(?:(?i)dev)(?s:.*)"],
])("%s, searched, is %s as a whole", (searched, whole) => {
  expect(wholeOfSearch(searched, "tag")).toBe(whole);
});

test.each([
  ["app", "app"],
  ["team/.*", "team/.*"],
  ["(?:a|b)", "(?:a|b)"],
  ["a|b", "(?s:.*)(?:^a|b$)(?s:.*)"],
  ["*", "(?s:.*)^*$"],
])("the repository half %s is %s as a whole", (half, whole) => {
  expect(wholeOfRepository(half)).toBe(whole);
});

test("a comment does not swallow the group that is put round it", () => {
  const { matchesWhole } = compilePattern(parsePattern(`${grouped("(?x)a #b")}c`));
  expect(["ac", "a", "abc"].map(matchesWhole)).toEqual([true, false, false]);
});
