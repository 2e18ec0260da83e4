import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  INVENTORY_MAX_AGE_MS,
  type InventoryIndex,
  isDue,
  mergeIndexes,
  newSection,
  oldestFirst,
  type Section,
} from "../../../../shared/connectors/inventory-index.ts";
import { NOW } from "../../../support/fakes.ts";

const timeOf = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000).toISOString();
const listed = (place: string, parent: string | null, seconds: number | null): Section => ({
  ...newSection(place, parent, null),
  triedAt: seconds === null ? null : timeOf(seconds),
  takenAt: seconds === null ? null : timeOf(seconds),
});
const index = (...sections: Section[]): InventoryIndex => ({ basis: "b", sections });
const placesOf = ({ sections }: InventoryIndex) =>
  sections.map(({ place, triedAt }) => `${place} ${triedAt}`).toSorted();

/** What one process may have found: a root, subscriptions in it, accounts in them. */
const indexArbitrary = fc
  .record({
    root: fc.integer({ min: 0, max: 9 }),
    subscriptions: fc.dictionary(
      fc.constantFrom("/s/1", "/s/2", "/S/1x"),
      fc.record({
        at: fc.option(fc.integer({ min: 0, max: 9 })),
        accounts: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.option(fc.integer({ min: 0, max: 9 }))),
      }),
    ),
  })
  .map(({ root, subscriptions }) =>
    index(
      listed("/s", null, root),
      ...Object.entries(subscriptions).flatMap(([place, { at, accounts }]) => [
        listed(place, "/s", at),
        ...Object.entries(accounts).map(([name, seconds]) => listed(`${place}/${name}`, place, seconds)),
      ]),
    ),
  );

describe("mergeIndexes", () => {
  test("of each place the newest; each once; its parent is there too", () => {
    fc.assert(
      fc.property(indexArbitrary, indexArbitrary, (theirs, mine) => {
        const merged = mergeIndexes(theirs, mine);
        const places = merged.sections.map(({ place }) => place);
        expect(new Set(places).size).toBe(places.length);
        for (const section of merged.sections) {
          expect(section.parent === null || places.includes(section.parent)).toBe(true);
          const known = [...theirs.sections, ...mine.sections].filter(({ place }) => place === section.place);
          const newest = known
            .map(({ triedAt }) => triedAt ?? "")
            .toSorted()
            .at(-1);
          expect(section.triedAt ?? "").toBe(newest);
        }
      }),
    );
  });

  test("joined with itself, or again, nothing changes", () => {
    fc.assert(
      fc.property(indexArbitrary, indexArbitrary, (theirs, mine) => {
        expect(placesOf(mergeIndexes(mine, mine))).toEqual(placesOf(mine));
        const merged = mergeIndexes(theirs, mine);
        expect(placesOf(mergeIndexes(merged, mine))).toEqual(placesOf(merged));
        expect(placesOf(mergeIndexes(theirs, merged))).toEqual(placesOf(merged));
      }),
    );
  });

  test("what a newer list of its parent does not name is gone, however new it is", () => {
    const older = index(listed("/s", null, 1), listed("/s/gone", "/s", 9));
    const newer = index(listed("/s", null, 2), listed("/s/new", "/s", 3));
    for (const merged of [mergeIndexes(older, newer), mergeIndexes(newer, older)]) {
      expect(merged.sections.map(({ place }) => place)).toEqual(["/s", "/s/new"]);
    }
  });

  test("another basis takes nothing over, and places are compared without case", () => {
    const mine = index(listed("/S", null, 1));
    expect(mergeIndexes({ ...index(listed("/s", null, 9)), basis: "other" }, mine)).toBe(mine);
    expect(mergeIndexes(index(listed("/s", null, 9)), mine).sections).toHaveLength(1);
  });
});

describe("isDue", () => {
  const at = (milliseconds: number) => new Date(NOW.getTime() + milliseconds);
  const failure = { code: "UPSTREAM_REFUSED", message: "m", isRetryable: true, until: timeOf(60) };
  test.each([
    ["never reached", newSection("/s", null, null), at(0), true],
    ["just read", listed("/s", null, 0), at(INVENTORY_MAX_AGE_MS - 1), false],
    ["a quarter of an hour old", listed("/s", null, 0), at(INVENTORY_MAX_AGE_MS), true],
    ["from the future", listed("/s", null, 1), at(0), true],
    ["failed a moment ago", { ...listed("/s", null, 0), failure }, at(59_999), false],
    ["failed a minute ago", { ...listed("/s", null, 0), failure }, at(60_000), true],
  ])("%s", (_what, section, now, expected) => {
    expect(isDue(section, now)).toBe(expected);
  });
});

test("oldest first: lists of places, then what was never reached, then by time, then by name", () => {
  const account = (place: string, seconds: number | null) => ({ ...listed(place, "/s", seconds), location: "l" });
  const sorted = [
    account("/s/b", 2),
    account("/s/a", 2),
    account("/s/old", 1),
    account("/s/never", null),
    listed("/s", null, 5),
  ];
  expect(sorted.toSorted(oldestFirst).map(({ place }) => place)).toEqual(["/s", "/s/never", "/s/old", "/s/a", "/s/b"]);
});
