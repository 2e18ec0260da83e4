import { describe, expect, test } from "vitest";
import { z } from "zod";
import { InputError } from "../../../shared/errors.ts";
import { parse } from "../../../shared/parse.ts";

const schema = z.strictObject({
  name: z.string().regex(/^[a-z]+$/, "expected letters"),
  count: z.int().min(1).max(3),
  kind: z.enum(["left", "right"]),
  either: z.union([z.string(), z.number()]).optional(),
  labels: z.record(z.string().regex(/^[a-z]+$/, "expected letters"), z.string()).default({}),
});
const good = { name: "a", count: 1, kind: "left" };

function problemsOf(input: unknown) {
  try {
    parse(schema, input, "body");
  } catch (error) {
    if (error instanceof InputError) return { code: error.code, problems: error.problems, text: error.message };
  }
  throw new Error("nothing was refused");
}

describe("parse", () => {
  test("gives the value as the schema has it, defaults included", () => {
    expect(parse(schema, good, "body")).toEqual({ ...good, labels: {} });
  });

  test.each([
    ["a missing field", { ...good, name: undefined }, "/name", "expected string"],
    ["a wrong type", { ...good, count: "1" }, "/count", "expected number"],
    ["too little", { ...good, count: 0 }, "/count", "at least 1"],
    ["too much", { ...good, count: 4 }, "/count", "at most 3"],
    ["another word", { ...good, kind: "up" }, "/kind", "expected one of left, right"],
    ["a wrong form", { ...good, name: "A1" }, "/name", "expected letters"],
    ["no form of several", { ...good, either: true }, "/either", "expected one of the forms in the API description"],
    ["an unknown field", { ...good, plan: true }, "/plan", "no such field: remove it"],
    ["no object at all", 7, "/", "expected object"],
  ])("names %s by path and expectation", (_what, input, path, expected) => {
    expect(problemsOf(input)).toMatchObject({ code: "INVALID_REQUEST", problems: [{ path, expected }] });
  });

  test("names every wrong place, but not without end", () => {
    expect(problemsOf({ name: 1, count: 1, kind: 1 }).problems.map(({ path }) => path)).toEqual(["/name", "/kind"]);
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, 1]));
    expect(problemsOf({ ...good, ...many }).problems).toHaveLength(20);
  });

  const marker = "hunter2~Zk9.secret";
  test.each([
    ["a value", { ...good, name: marker }],
    ["an unknown field's name", { ...good, [marker]: 1 }],
    ["an unknown field's value", { ...good, extra: marker }],
    ["a map's key", { ...good, labels: { [marker]: "x" } }],
    ["what stands below a map's key", { ...good, labels: { [marker]: { deep: 1 } } }],
    ["a word that is not in the list", { ...good, kind: marker }],
    ["text where an object should be", marker],
  ])("repeats nothing of the input: %s", (_what, input) => {
    const { problems, text } = problemsOf(input);
    expect(JSON.stringify(problems) + text).not.toContain(marker);
  });
});
