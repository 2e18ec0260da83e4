/** Values as rows: any text comes back as it was, and half a value is none. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { partitionKeyOf, rowsOf, valuesOf } from "../../../../../infra/local/host/durable/rows.ts";

it("property: any JSON value comes back", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      expect(valuesOf(rowsOf("p", "k", { value })).get("k")).toEqual(JSON.parse(JSON.stringify({ value })));
    }),
  );
});

it("a value of many rows keeps each within the limits of the service, and without one of them is not there", () => {
  const value = "é\u{1f600}x".repeat(150_000);
  const rows = rowsOf("p", "k", value);
  expect(rows.length).toBeGreaterThan(2);
  for (const row of rows) {
    const columns = Object.entries(row).filter(([name]) => name.startsWith("v"));
    expect(columns.every(([, text]) => String(text).length <= 32_768)).toBe(true);
    expect(columns.reduce((sum, [, text]) => sum + 2 * String(text).length, 0)).toBeLessThan(1_048_576);
  }
  expect(valuesOf(rows.toReversed()).get("k")).toBe(value);
  for (const lost of rows) expect(valuesOf(rows.filter((row) => row !== lost)).has("k")).toBe(false);
});

it("property: ids give different keys of a safe alphabet", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const wellFormed = [a, b].map((text) => text.toWellFormed());
      const keys = wellFormed.map(partitionKeyOf);
      expect(keys[0] === keys[1]).toBe(wellFormed[0] === wellFormed[1]);
      expect(keys.join("")).toMatch(/^[A-Za-z0-9_.-]*$/);
    }),
  );
});
