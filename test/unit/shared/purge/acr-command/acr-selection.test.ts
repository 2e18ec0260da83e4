import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../../../../shared/errors.ts";
import { importAcrPurge } from "../../../../../shared/purge/acr-command/acr-command.ts";
import { compilePattern } from "../../../../../shared/purge/pattern/match.ts";
import { parsePattern } from "../../../../../shared/purge/pattern/parse.ts";
import { effectiveRules, NO_BOUNDS, readPurgePolicy } from "../../../../../shared/purge/policy/policy.ts";

const codesOf = (command: string) => importAcrPurge(command).differences.map(({ code }) => code);
const policyOf = (command: string) => readPurgePolicy({ connector: "c", ...importAcrPurge(command).policy }, NO_BOUNDS);
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** What acr-cli selects: `^half$` found in the repository; the tag halves of all such filters, joined with `|`, found in the tag. */
function isSelectedByTool(filters: readonly [string, string][], repository: string, tag: string): boolean {
  const own = filters.filter(([half]) => isFound(`^${half}$`, repository)).map(([, half]) => half);
  return own.length > 0 && isFound(own.join("|"), tag);
}
const isFound = (pattern: string, name: string) => compilePattern(parsePattern(pattern)).search(name);

function commandOf(filters: readonly [string, string][], more: string): string {
  return `acr purge --ago 1d ${filters.map((halves) => `--filter ${quoted(halves.join(":"))}`).join(" ")} ${more}`;
}

/** The number of the rule that decides; -1: none. */
function decidingRule(command: string): (repository: string, tag: string) => number {
  const rules = effectiveRules(policyOf(command)).map(({ repositories, tags }) => ({
    repositories: compilePattern(parsePattern(repositories)),
    tags: compilePattern(parsePattern(tags ?? "")),
  }));
  return (repository, tag) =>
    rules.findIndex((rule) => rule.repositories.matchesWhole(repository) && rule.tags.matchesWhole(tag));
}

const REPOSITORIES = ["a", "b", "ab", "ba", "a/b", "foo", "foox", "bar", "xbar", "team/a"];
const TAGS = ["a", "b", "A", "B", "ab", "AB", "abc", "ABC", "def", "DEF", "a.b", "v1", "dev-1", "x"];

test.each<[string, [string, string][]]>([
  ["branches without a group", [["foo|bar", ".*"]]],
  ["a glob", [["*", ".*"]]],
  [
    "flags that leak",
    [
      ["ab", "(?i)^abc$"],
      ["ab", "^def$"],
    ],
  ],
  [
    "flags that leak between patterns",
    [
      ["a.*", "(?i)^abc$"],
      [".*b", "^def$"],
    ],
  ],
  [
    "free spacing that leaks",
    [
      ["a", "(?x)a b"],
      ["a|b", "a b|v 1"],
      ["b", "x # y"],
    ],
  ],
  [
    "a comment that leaks between patterns",
    [
      ["a.*", "(?x)zz"],
      [".*b", "v1|dev #|abc"],
    ],
  ],
  [
    "a comment that leaks from a name into a pattern",
    [
      ["ab", "(?x)zz"],
      ["a.*", "v1|dev #|abc"],
    ],
  ],
  ["an empty branch", [["a|", "b|"]]],
  [
    "a literal beside a pattern",
    [
      ["ab", "(?i)a"],
      [".*", "b$"],
      ["b", "^d"],
    ],
  ],
])("%s: the rules take what the tool takes", (_, filters) => {
  const rule = decidingRule(commandOf(filters, ""));
  for (const repository of REPOSITORIES) {
    for (const tag of TAGS) {
      expect([repository, tag, rule(repository, tag) >= 0]).toEqual([
        repository,
        tag,
        isSelectedByTool(filters, repository, tag),
      ]);
    }
  }
});

const atoms = fc.constantFrom(
  ..."a b ab A . .* .+ [ab] [^a] (?:a|b) (a) a? b* \\w \\d+ ^ $ | (?i) (?i:a) (?!a) (?=b) (?x) (?m) (?s) a{2} .*? / -".split(
    " ",
  ),
);
const halves = fc
  .array(atoms, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(""))
  .filter(parses);
const filters = fc.array(fc.tuple(halves, halves), { minLength: 1, maxLength: 4 });
const repositoryNames = fc.oneof(
  fc.constantFrom(...REPOSITORIES),
  fc.string({ unit: fc.constantFrom(..."ab1/-"), minLength: 1, maxLength: 6 }),
);
const tagNames = fc.oneof(
  fc.constantFrom(...TAGS),
  fc.string({ unit: fc.constantFrom(..."abAB1.-"), minLength: 1, maxLength: 6 }),
);

function parses(text: string): boolean {
  try {
    parsePattern(text);
    parsePattern(`^${text}$`);
    return !text.includes(":") || text.includes("?");
  } catch {
    return false;
  }
}

test("the rules of random filters take exactly what the tool takes", () => {
  fc.assert(
    fc.property(
      filters,
      fc.array(fc.tuple(repositoryNames, tagNames), { minLength: 5, maxLength: 20 }),
      (chosen, names) => {
        const rule = decidingRule(commandOf(chosen, ""));
        for (const [repository, tag] of names) {
          expect([repository, tag, rule(repository, tag) >= 0]).toEqual([
            repository,
            tag,
            isSelectedByTool(chosen, repository, tag),
          ]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("with --keep all that the tool counts together in a repository is taken by one rule", () => {
  fc.assert(
    fc.property(
      filters,
      repositoryNames,
      fc.array(tagNames, { minLength: 5, maxLength: 20 }),
      (chosen, repository, tags) => {
        const command = commandOf(chosen, "--keep 2");
        expect(codesOf(command)).not.toContain("KEEP_PER_FILTER");
        const rule = decidingRule(command);
        const deciding = tags.map((tag) => rule(repository, tag));
        expect(deciding.map((number) => number >= 0)).toEqual(
          tags.map((tag) => isSelectedByTool(chosen, repository, tag)),
        );
        expect(new Set(deciding.filter((number) => number >= 0)).size).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 200 },
  );
});

test("too many filters for a rule of every combination: the difference is told", () => {
  const many = Array.from({ length: 6 }, (_, i): [string, string] => [`r${i}.*`, i === 0 ? "(?i)a" : "b"]);
  expect(codesOf(commandOf(many, "--keep 2"))).toEqual(
    expect.arrayContaining(["KEEP_PER_FILTER", "FLAGS_DO_NOT_LEAK"]),
  );
  expect(codesOf(commandOf(many, ""))).not.toContain("KEEP_PER_FILTER");
});

test("whatever is sent is taken over as a policy that can be stored, or refused with a code", () => {
  const piece = fc.constantFrom(
    ..."acr|purge|az|run|--cmd|--filter|-f|--ago|1d|a:b|--keep|3|'|\"|\\|$|=|--untagged|(a+)+$:(b+)+$| |\n|\u0000|__proto__".split(
      "|",
    ),
    " ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const command = `${pieces.length % 2 === 0 ? "acr purge " : ""}${pieces.join(" ")}`;
      try {
        policyOf(command);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 500 },
  );
});

test("patterns that make other engines hang are taken over and matched", () => {
  const rule = decidingRule(commandOf([["^(a+)+$", "^(a|a)*$"]], ""));
  expect(rule(`${"a".repeat(200)}!`, "a")).toBe(-1);
  expect(rule("a".repeat(200), `${"a".repeat(127)}!`)).toBe(-1);
  expect(rule("a".repeat(200), "a".repeat(127))).toBe(0);
});
