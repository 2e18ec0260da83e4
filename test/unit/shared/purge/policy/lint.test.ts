import fc from "fast-check";
import { expect, test } from "vitest";
import { compilePattern } from "../../../../../shared/purge/pattern/match.ts";
import { type Pattern, parsePattern } from "../../../../../shared/purge/pattern/parse.ts";
import { literalOf, takesEveryName } from "../../../../../shared/purge/pattern/shape.ts";
import { type KnownNames, lintPolicy } from "../../../../../shared/purge/policy/lint.ts";
import { whyImpossible } from "../../../../../shared/purge/policy/lint-impossible.ts";
import { NO_BOUNDS, readPurgePolicy } from "../../../../../shared/purge/policy/policy.ts";

const NOTHING_KNOWN: KnownNames = { repositories: null, tags: null };
const REST = {
  name: "rest",
  action: "delete",
  repositories: "x/.*",
  tags: ".*",
  untagged: true,
  olderThan: "7d",
  keepNewest: 1,
};
const DELETE = {
  name: "one",
  action: "delete",
  repositories: ".*",
  tags: ".*",
  untagged: true,
  olderThan: "7d",
  keepNewest: 1,
};
const KEEP = { name: "kept", action: "keep", repositories: ".*", tags: "v.*" };

const lint = (rules: object[], known = NOTHING_KNOWN, more: object = {}) =>
  lintPolicy(readPurgePolicy({ connector: "c", rules, ...more }, NO_BOUNDS), known);
const ofRepositories = (repositories: string) => lint([{ ...DELETE, repositories }, REST]).map(({ code }) => code);
const ofTags = (tags: string) => lint([{ ...DELETE, repositories: "a.*", tags }, REST]).map(({ code }) => code);

test("a sound policy has no warnings", () => {
  expect(lint([KEEP, DELETE])).toEqual([]);
  expect(
    lint([
      { ...KEEP, tags: "(?:dev|rel)-.*" },
      { ...DELETE, repositories: "^(?!keep-repo).*" },
    ]),
  ).toEqual([]);
});

test.each([
  ["dev", "NOT_A_PART"],
  ["[0-9]{3}", "NOT_A_PART"],
  ["dev|rel", "NOT_A_PART"],
  ["^dev", "NOT_A_START"],
  ["^(?:dev|rel)-", "NOT_A_START"],
  ["\\Adev", "NOT_A_START"],
  ["dev$", "NOT_AN_END"],
  ["-rel\\z", "NOT_AN_END"],
  ["-rel$", "NEVER_MATCHES"],
  ["^foo|bar$", "UNGROUPED_ALTERNATION"],
  ["^foo|^bar|baz", "UNGROUPED_ALTERNATION"],
  ["dev-*", "LOOKS_LIKE_GLOB"],
  ["dev/*", "LOOKS_LIKE_GLOB"],
  ["dev*", "LOOKS_LIKE_GLOB"],
  ["(?i)dev.*|rel.*", "FLAGS_LEAK"],
  [".*(?:(?i)dev|rel).*", "FLAGS_LEAK"],
  ["a:b", "NEVER_MATCHES"],
])("the tag pattern %s: %s", (pattern, code) => {
  expect(ofTags(pattern)).toContain(code);
});

test.each([
  ".*",
  "^dev$",
  "^dev.*",
  ".*-rel$",
  "^(?:foo|bar)$",
  "^foo$|^bar$",
  "v[0-9]+",
  "[a-z]+-dev",
  "(?i)dev.*",
  "(?i:dev).*|rel.*",
  "dev.*|.*rel",
  "(?!keep).*",
])("the tag pattern %s is as it seems", (pattern) => {
  expect(ofTags(pattern)).toEqual([]);
});

test.each([
  ["team/*", "LOOKS_LIKE_GLOB"],
  ["^*", "LOOKS_LIKE_GLOB"],
  ["^team/", "NEVER_MATCHES"],
  ["^team", "NOT_A_START"],
  ["foo|bar", "NOT_A_PART"],
  ["App", "NEVER_MATCHES"],
  ["app:v1", "NEVER_MATCHES"],
  ["a b", "NEVER_MATCHES"],
  ["/app.*", "NEVER_MATCHES"],
  ["app//x", "NEVER_MATCHES"],
  ["app-", "NEVER_MATCHES"],
  ["ünit", "NEVER_MATCHES"],
  ["a{256}", "NEVER_MATCHES"],
  ["(?!foo)foo.*", "NEVER_MATCHES"],
  ["(?!foo$)foo", "NEVER_MATCHES"],
  ["(?=a)b.*", "NEVER_MATCHES"],
  ["(?!.*)a.*", "NEVER_MATCHES"],
  ["(?!)a", "NEVER_MATCHES"],
  ["a^b", "NEVER_MATCHES"],
  ["a$b.*", "NEVER_MATCHES"],
  ["App|B", "NEVER_MATCHES"],
])("the repository pattern %s: %s", (pattern, code) => {
  expect(ofRepositories(pattern)).toContain(code);
});

test.each([
  "app",
  "team/app",
  "App|app",
  "(?i)App",
  "a{255}",
  "(?!foo)fo.*",
  "(?!foo$)foo.*",
  "(?=foo)f.*",
  "a__b",
  "a--b",
  "[A-Za-z]+",
  "(?!foo|bar).*",
])("the repository pattern %s can match", (pattern) => {
  expect(ofRepositories(pattern)).not.toContain("NEVER_MATCHES");
});

test("a keep rule for one name is told, with its place and rule", () => {
  expect(lint([{ ...KEEP, repositories: "app", tags: "^latest$" }, DELETE])).toMatchObject([
    { code: "KEEPS_ONE_NAME", rule: "kept", path: "/rules/0/repositories" },
    { code: "KEEPS_ONE_NAME", rule: "kept", path: "/rules/0/tags" },
  ]);
  expect(lint([{ ...KEEP, tags: "Latest:1" }, DELETE]).map(({ code }) => code)).toContain("NEVER_MATCHES");
});

test.each<[string, object[], string[]]>([
  ["everything first", [DELETE, { ...REST, tags: "v.*" }], ["RULE_SHADOWED"]],
  [
    "the same patterns",
    [
      { ...DELETE, repositories: "a.*" },
      { ...REST, repositories: "a.*" },
    ],
    ["RULE_SHADOWED"],
  ],
  [
    "one name within a pattern",
    [
      { ...DELETE, repositories: "a.*" },
      { ...REST, repositories: "app" },
    ],
    ["RULE_SHADOWED"],
  ],
  ["a keep rule that is too late", [DELETE, KEEP], ["RULE_SHADOWED"]],
  ["untagged ones are left", [{ ...DELETE, untagged: false }, DELETE], []],
  ["tags are left", [{ ...DELETE, tags: null }, DELETE], []],
  ["other repositories are left", [{ ...DELETE, repositories: "a.*" }, DELETE], []],
])("shadowed or not: %s", (_, rules, codes) => {
  const named = rules.map((rule, i) => ({ ...rule, name: `r${i}` }));
  expect(lint(named).map(({ code }) => code)).toEqual(codes);
});

test("patterns that fit nothing in the registry are told; what is not known is not guessed", () => {
  const known = { repositories: ["app", "team/a"], tags: new Map([["app", ["v1"]]]) };
  const codes = (rule: object) =>
    lint([{ ...DELETE, ...rule }, REST], known).map(({ code, rule: name }) => `${name} ${code}`);
  const rest = "rest NO_SUCH_REPOSITORY";
  expect(codes({ repositories: "prod/.*" })).toEqual(["one NO_SUCH_REPOSITORY", rest]);
  expect(codes({ repositories: "app", tags: "dev-.*" })).toEqual(["one NO_SUCH_TAG", rest]);
  expect(codes({ repositories: "team/.*", tags: "dev-.*" })).toEqual([rest]);
  expect(codes({ repositories: "app", tags: "v.*" })).toEqual([rest]);
  expect(lint([{ ...DELETE, tags: "dev-.*" }], { ...known, tags: null })).toEqual([]);
  expect(lint([DELETE], { repositories: [], tags: new Map() }).map(({ code }) => code)).toEqual(["NO_SUCH_REPOSITORY"]);
});

test("untagged children are told where no rule takes them", () => {
  const tagsOnly = { ...DELETE, repositories: "a.*", untagged: false };
  expect(lint([tagsOnly])).toMatchObject([{ code: "CHILDREN_STAY", path: "/rules/0/untagged" }]);
  expect(lint([tagsOnly, { ...REST, repositories: ".*", tags: null }])).toEqual([]);
});

test("a policy that deletes nothing, and one that keeps nothing", () => {
  expect(lint([KEEP])).toMatchObject([{ code: "NOTHING_DELETED", rule: null, path: "/rules" }]);
  expect(lint([{ ...DELETE, repositories: "App" }]).map(({ code }) => code)).toEqual([
    "NEVER_MATCHES",
    "NOTHING_DELETED",
  ]);
  expect(lint([{ ...KEEP, tags: ".*", untagged: true }, DELETE]).map(({ code }) => code)).toEqual([
    "RULE_SHADOWED",
    "NOTHING_DELETED",
  ]);
  const all = { ...DELETE, keepNewest: 0 };
  expect(lint([all])).toMatchObject([{ code: "NOTHING_KEPT", path: "/limits/allowLastTag" }]);
  expect(lint([all], NOTHING_KNOWN, { limits: { allowLastTag: false } })).toEqual([]);
  const preset = readPurgePolicy({ connector: "c", schedule: { preset: "weekly" } }, NO_BOUNDS);
  expect(lintPolicy(preset, NOTHING_KNOWN).map(({ code }) => code)).toEqual(["NOTHING_KEPT"]);
  const empty = lintPolicy(preset, { repositories: [], tags: null });
  expect(empty).toMatchObject([
    { code: "NO_SUCH_REPOSITORY", rule: "old", path: "/schedule" },
    { code: "NOTHING_KEPT" },
  ]);
});

const atoms = fc.constantFrom(
  ..."a b ab A _ / . - .* .+ [ab] [A-Z] [^a] (?:a|b) (a) a? b* \\w \\d+ ^ $ | (?i) (?i:A) (?!a) (?!ab) (?!a$) (?!a.) (?!.*) (?=b) (?=a|b) (?<=a) a{2} \\b".split(
    " ",
  ),
);
const patterns = fc
  .array(atoms, { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(""))
  .map(parsed)
  .filter((pattern) => pattern !== null);
const names = fc
  .string({ unit: fc.constantFrom(..."abAB1-_./"), minLength: 1, maxLength: 6 })
  .filter((name) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name) || /^[a-z0-9]+(?:[./-][a-z0-9]+)*$/.test(name));

function parsed(text: string): Pattern | null {
  try {
    return parsePattern(text);
  } catch {
    return null;
  }
}
test("nothing is called impossible that a name matches, nothing one name or every name that is not", () => {
  fc.assert(
    fc.property(patterns, fc.array(names, { minLength: 10, maxLength: 30 }), ({ text, root }, subjects) => {
      const { matchesWhole } = compilePattern(parsePattern(text));
      for (const name of subjects) {
        const kinds = [
          ...(/^[a-z0-9]+(?:[./-][a-z0-9]+)*$/.test(name) ? (["repository"] as const) : []),
          ...(name.includes("/") ? [] : (["tag"] as const)),
        ];
        for (const kind of kinds) {
          const isMatch = matchesWhole(name);
          if (isMatch) {
            expect([text, name, whyImpossible(root, kind)]).toEqual([text, name, null]);
            expect([text, literalOf(root, kind) ?? name]).toEqual([text, name]);
          }
          if (takesEveryName(root, kind)) expect([text, name, isMatch]).toEqual([text, name, true]);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a rule that is called shadowed takes nothing that an earlier one leaves", () => {
  const few = fc.constantFrom(".*", "^.*$", "a.*", "ab", "a|ab", "[ab]+", ".+", "(?:a)", "a?.*");
  const tags = fc.option(few);
  const rule = fc
    .record({ repositories: few, tags, untagged: fc.boolean(), action: fc.constantFrom("keep", "delete") })
    .filter((fields) => fields.tags !== null || fields.untagged);
  fc.assert(
    fc.property(fc.array(rule, { minLength: 2, maxLength: 4 }), (drafts) => {
      const rules = drafts.map((draft, i) => ({
        ...draft,
        name: `r${i}`,
        ...(draft.action === "delete" ? { olderThan: "1d" } : {}),
      }));
      const shadowed = lint(rules)
        .filter(({ code }) => code === "RULE_SHADOWED")
        .map((warning) => warning.rule);
      const takes = (pattern: string, name: string) => compilePattern(parsePattern(pattern)).matchesWhole(name);
      for (const repository of ["a", "ab", "b", "c"]) {
        for (const tag of ["a", "ab", "b", "c", null]) {
          const first = rules.find(
            (one) =>
              takes(one.repositories, repository) &&
              (tag === null ? one.untagged : one.tags !== null && takes(one.tags, tag)),
          );
          if (first !== undefined) expect(shadowed).not.toContain(first.name);
        }
      }
    }),
    { numRuns: 300 },
  );
});
