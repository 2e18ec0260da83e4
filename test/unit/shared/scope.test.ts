import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MAX_REPOSITORIES,
  matchesRepository,
  namespaceSchema,
  repositoriesSchema,
  repositoryPatternsSchema,
} from "../../../shared/scope.ts";

const isName = (text: string) => repositoriesSchema.safeParse([text]).success;
const isPattern = (text: string) => repositoryPatternsSchema.safeParse([text]).success;

const NAMES = ["zenml", "a/b", "team/app-1/x", "a.b_c__d--e", "0", "a".repeat(255)];
/** What would climb, mean more than one thing, or be read in two ways. */
const NO_NAMES = [
  "",
  "/",
  "a/",
  "/a",
  "a//b",
  ".",
  "..",
  "a/../b",
  "./a",
  "a/./b",
  "A",
  "teaM/app",
  "a%2fb",
  "a%2Fb",
  "a\\b",
  "a b",
  " a",
  "a\n",
  "a:latest",
  "a@sha256:0",
  "other.azurecr.io:443/a",
  "https://x/a",
  "-a",
  "a-",
  "_a",
  "a___b",
  "a..b",
  "a,b",
  "a:pull,push",
  "\u0430", // Cyrillic
  "a".repeat(256),
];

describe("names of repositories", () => {
  test.each(NAMES)("%s is one", (name) => expect([isName(name), isPattern(name)]).toEqual([true, true]));
  test.each(NO_NAMES)("%j is none", (text) => expect([isName(text), isPattern(text)]).toEqual([false, false]));
  test.each(["*", "a/*", "team/app/*"])("%s is a pattern of a grant and no name", (text) =>
    expect([isName(text), isPattern(text)]).toEqual([false, true]),
  );
  test.each(["**", "*/a", "a*", "a/**", "a/*/b", "*a", "a/*b", "../*", "A/*", "/*", "?"])("%s is neither", (text) =>
    expect([isName(text), isPattern(text)]).toEqual([false, false]),
  );

  test("a scope has at least one, each once, and no more than a token may name", () => {
    const many = Array.from({ length: MAX_REPOSITORIES + 1 }, (_, n) => `r${n}`);
    expect(repositoriesSchema.safeParse([]).success).toBe(false);
    expect(repositoriesSchema.safeParse(["a", "a"]).success).toBe(false);
    expect(repositoriesSchema.safeParse(many).success).toBe(false);
    expect(repositoriesSchema.safeParse(many.slice(1)).success).toBe(true);
  });
});

describe("a pattern", () => {
  test.each<[string, string, boolean]>([
    ["*", "a/b", true],
    ["a/*", "a/b", true],
    ["a/*", "a/b/c", true],
    ["a/*", "a", false],
    ["a/*", "ab", false],
    ["a/*", "ab/c", false],
    ["a", "a/b", false],
    ["a/b", "a/b", true],
  ])("%s means %s: %s", (pattern, name, is) => expect(matchesRepository(pattern, name)).toBe(is));

  test("a prefix never reaches beside itself, whatever the names", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,4}$/);
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(name, name, (prefix, other) => {
        const [above, below] = [prefix.split("/"), other.split("/")];
        const isBelow = below.length > above.length && above.every((each, index) => below[index] === each);
        expect(matchesRepository(`${prefix}/*`, other)).toBe(isBelow);
      }),
    );
  });
});

describe("namespaces", () => {
  test.each(["vision", "a", "0", "team-a", "a".repeat(63)])("%s is one", (text) =>
    expect(namespaceSchema.safeParse(text).success).toBe(true),
  );
  test.each(["", "-a", "a-", "A", "a_b", "a.b", "a/b", "../kube-system", "a%2f", "a\n", " a", "a".repeat(64), "*"])(
    "%j is none",
    (text) => expect(namespaceSchema.safeParse(text).success).toBe(false),
  );
});
