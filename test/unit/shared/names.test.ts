import fc from "fast-check";
import { expect, test } from "vitest";
import { nameSchema, purgePolicyNameSchema } from "../../../shared/names.ts";

const isName = (text: unknown) => nameSchema.safeParse(text).success;

test.each(["a", "0", "a-", "a--b", "vision-2", "a".repeat(63), "verify-2", "reader"])("%s is a name", (name) => {
  expect(nameSchema.parse(name)).toBe(name);
});

test.each([
  ...["", "-a", "A", "a_b", "a.b", "a/b", "a b", "a~b", "a'b", "a%2fb", "..", "ä", "ａ", "a\n", "\na", "a\u0000"],
  "a".repeat(64),
])("%j is none", (name) => {
  expect(isName(name)).toBe(false);
});

test.each(["verify", "explain", "policy", "read"])("%s is reserved for routes", (name) => {
  expect(isName(name)).toBe(false);
});

test("of purge policies the import's name is reserved as well", () => {
  expect(isName("import")).toBe(true);
  const isPolicy = (text: string) => purgePolicyNameSchema.safeParse(text).success;
  expect(["import", "explain", "Import", "imports", "weekly"].map(isPolicy)).toEqual([false, false, false, true, true]);
});

test.each([null, undefined, 7, ["a"], {}])("%j is no text", (value) => {
  expect(isName(value)).toBe(false);
});

test("whatever is a name stands in a URL's path and in a row key as it is", () => {
  const unit = fc.constantFrom(..."az09-_./%~'# AZä\n");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 8 }), (text) => {
      if (!isName(text)) return;
      expect(new URL(text, "https://latchkey.example/api/connectors/").pathname).toBe(`/api/connectors/${text}`);
      expect(text).toMatch(/^[a-z0-9-]+$/);
    }),
  );
});
