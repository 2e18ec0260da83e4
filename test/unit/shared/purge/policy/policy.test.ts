import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../../../../shared/errors.ts";
import { MAX_PATTERN_LENGTH } from "../../../../../shared/purge/pattern/parse.ts";
import {
  effectiveLimits,
  effectiveRules,
  MAX_RULES,
  MAX_SPEC_CHARACTERS,
  NO_BOUNDS,
  type PurgeBounds,
  readPurgePolicy,
  refuseLooser,
  scheduleOf,
} from "../../../../../shared/purge/policy/policy.ts";

const RULE = { name: "old", action: "delete", repositories: ".*", tags: ".*", olderThan: "7d" };
const KEEP = { name: "keep", action: "keep", repositories: ".*", tags: "v.*" };
const bodyOf = (fields: object = {}) => ({ connector: "production", rules: [RULE], ...fields });
const read = (input: unknown, bounds: PurgeBounds = NO_BOUNDS) => readPurgePolicy(input, bounds);

function refusalOf(input: unknown, bounds: PurgeBounds = NO_BOUNDS) {
  try {
    readPurgePolicy(input, bounds);
  } catch (error) {
    if (error instanceof InputError)
      return {
        code: error.code,
        paths: error.problems.map(({ path }) => path),
        text: JSON.stringify([error.message, error.problems]),
      };
    throw error;
  }
  throw new Error("the policy was taken");
}

test("what is left out has its defaults, and reading what was stored changes nothing", () => {
  const policy = read(bodyOf());
  expect(policy).toEqual({
    connector: "production",
    enabled: true,
    schedule: null,
    rules: [{ ...RULE, untagged: false, keepNewest: 0, includeLocked: false }],
    limits: { maxItems: 5_000, maxSharePercent: 100, allowLastTag: true },
    inUse: { onUnreadableCluster: "stop" },
  });
  expect(read(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
  const full = read(
    bodyOf({ schedule: { preset: "weekly" }, rules: [KEEP, RULE], inUse: { onUnreadableCluster: "keep" } }),
  );
  expect(read(JSON.parse(JSON.stringify(full)))).toEqual(full);
});

test.each([
  ["daily", 1, "0 3 * * *"],
  ["weekly", 7, "0 3 * * 0"],
  ["monthly", 30, "0 3 1 * *"],
] as const)("the preset %s deletes everything that is older than %d days", (preset, days, cron) => {
  const policy = read({ connector: "production", schedule: { preset } });
  expect(effectiveRules(policy)).toEqual([
    {
      name: "old",
      action: "delete",
      repositories: ".*",
      tags: ".*",
      untagged: true,
      olderThanSeconds: days * 86_400,
      keepNewest: 0,
      includeLocked: false,
    },
  ]);
  expect(scheduleOf(policy)).toEqual(scheduleOf({ schedule: { cron } }));
  const { olderThan: _age, ...ageless } = RULE;
  const mixed = read({
    connector: "production",
    schedule: { preset },
    rules: [KEEP, ageless, { ...RULE, name: "own", olderThan: "2d" }],
  });
  expect(effectiveRules(mixed).map(({ olderThanSeconds }) => olderThanSeconds)).toEqual([null, days * 86_400, 172_800]);
});

test("without a schedule the timer never starts it", () => {
  expect(scheduleOf(read(bodyOf()))).toBeNull();
});

test.each<[string, object, string]>([
  ["a connector that is no name", { connector: "../x" }, "/connector"],
  ["no connector", { connector: undefined }, "/connector"],
  ["an unknown field", { clusters: [] }, "/clusters"],
  ["an unknown preset", { schedule: { preset: "hourly" } }, "/schedule"],
  ["two schedules", { schedule: { preset: "daily", cron: "0 3 * * *" } }, "/schedule"],
  ["a schedule out of step", { schedule: { cron: "1 3 * * *" } }, "/schedule/cron"],
  ["no rules and no preset", { rules: undefined }, "/rules"],
  ["no rules with a cron schedule", { rules: null, schedule: { cron: "0 3 * * *" } }, "/rules"],
  ["an empty list of rules", { rules: [], schedule: { preset: "daily" } }, "/rules"],
  [
    "too many rules",
    { rules: Array.from({ length: MAX_RULES + 1 }, (_, i) => ({ ...RULE, name: `r${i}` })) },
    "/rules",
  ],
  ["two rules of one name", { rules: [RULE, RULE] }, "/rules/1/name"],
  ["a name with a line break", { rules: [{ ...RULE, name: "a\nb" }] }, "/rules/0/name"],
  ["a rule about nothing", { rules: [{ ...RULE, tags: null }] }, "/rules/0/tags"],
  ["an empty pattern", { rules: [{ ...RULE, tags: "" }] }, "/rules/0/tags"],
  ["a long pattern", { rules: [{ ...RULE, tags: "a".repeat(MAX_PATTERN_LENGTH + 1) }] }, "/rules/0/tags"],
  ["an age by accident", { rules: [{ ...RULE, olderThan: "7days" }] }, "/rules/0/olderThan"],
  ["a delete rule without age", { rules: [{ ...RULE, olderThan: null }] }, "/rules/0/olderThan"],
  [
    "a delete rule without age on a cron schedule",
    { rules: [{ ...RULE, olderThan: null }], schedule: { cron: "0 3 * * *" } },
    "/rules/0/olderThan",
  ],
  ["a negative number to keep", { rules: [{ ...RULE, keepNewest: -1 }] }, "/rules/0/keepNewest"],
  ["half an image to keep", { rules: [{ ...RULE, keepNewest: 1.5 }] }, "/rules/0/keepNewest"],
  ["a keep rule with an age", { rules: [{ ...KEEP, olderThan: "7d" }, RULE] }, "/rules/0/olderThan"],
  ["a keep rule with a number", { rules: [{ ...KEEP, keepNewest: 3 }, RULE] }, "/rules/0/keepNewest"],
  ["a keep rule that takes locked ones", { rules: [{ ...KEEP, includeLocked: true }, RULE] }, "/rules/0/includeLocked"],
  ["no items", { limits: { maxItems: 0 } }, "/limits/maxItems"],
  ["a share of nothing", { limits: { maxSharePercent: 0 } }, "/limits/maxSharePercent"],
  ["more than everything", { limits: { maxSharePercent: 101 } }, "/limits/maxSharePercent"],
  ["a text as a number", { limits: { maxItems: "10" } }, "/limits/maxItems"],
  ["another way with unreadable clusters", { inUse: { onUnreadableCluster: "ignore" } }, "/inUse/onUnreadableCluster"],
])("%s is refused with its place", (_, fields, path) => {
  expect(refusalOf(bodyOf(fields))).toMatchObject({ code: "INVALID_REQUEST", paths: [path] });
});

test.each([
  '{"__proto__":{"enabled":false},"connector":"a"}',
  '{"connector":"a","rules":[{"__proto__":{}}]}',
  "[]",
  "null",
  '"x"',
  "7",
])("%s is refused", (text) => {
  expect(refusalOf(JSON.parse(text)).code).toBe("INVALID_REQUEST");
});

test("keepNewest alone bounds a delete rule without age", () => {
  expect(
    effectiveRules(read(bodyOf({ rules: [{ ...RULE, olderThan: null, keepNewest: 1 }] })))[0]?.olderThanSeconds,
  ).toBeNull();
});

test("refused patterns are named by place and position, never shown", () => {
  const secret = "hunter2";
  const refusal = refusalOf(
    bodyOf({
      rules: [
        { ...RULE, repositories: `(${secret}` },
        { ...KEEP, tags: `${secret}[` },
      ],
    }),
  );
  expect(refusal).toMatchObject({ code: "PATTERN_UNSUPPORTED", paths: ["/rules/0/repositories", "/rules/1/tags"] });
  expect(refusal.text).toMatch(/position \d/);
  expect(refusal.text).not.toContain(secret);
});

test("a policy that is too long to store is refused", () => {
  const rules = Array.from({ length: 40 }, (_, i) => ({ ...RULE, name: `r${i}`, tags: "a".repeat(900) }));
  expect(JSON.stringify(rules).length).toBeGreaterThan(MAX_SPEC_CHARACTERS);
  expect(refusalOf(bodyOf({ rules }))).toMatchObject({ code: "INVALID_REQUEST", paths: ["/rules"] });
});

test("a policy can only be stricter than the server; what it leaves out follows the server", () => {
  const bounds = { maxItems: 100, maxSharePercent: 20 };
  expect(refusalOf(bodyOf({ limits: { maxItems: 101, maxSharePercent: 21 } }), bounds)).toMatchObject({
    code: "INVALID_REQUEST",
    paths: ["/limits/maxItems", "/limits/maxSharePercent"],
  });
  expect(refusalOf(bodyOf({ limits: { maxItems: 101 } }), bounds).text).toContain("at most 100");
  expect(read(bodyOf(), bounds).limits).toEqual({ ...bounds, allowLastTag: true });
  const stored = read(bodyOf({ limits: { maxItems: 100, maxSharePercent: 5 } }), bounds);
  expect(stored.limits).toMatchObject({ maxItems: 100, maxSharePercent: 5 });
  expect(() => refuseLooser(stored, { ...bounds, maxItems: 99 })).toThrow(InputError);
  expect(effectiveLimits(stored, { maxItems: 10, maxSharePercent: 50 })).toEqual({
    maxItems: 10,
    maxSharePercent: 5,
    allowLastTag: true,
  });
});

test("whatever is sent is read or refused with a code, and never echoed", () => {
  const text = fc.constantFrom(
    ".*",
    "(a+)+$",
    "(?i)x|y",
    "[",
    "a{1,99999}",
    "7d",
    "0 3 * * *",
    "old",
    "keep",
    "delete",
    "\u0000",
    "__proto__",
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc.dictionary(
      fc.constantFrom(
        ..."connector schedule rules limits inUse preset cron name action tags repositories olderThan __proto__".split(
          " ",
        ),
      ),
      tie("any"),
      { maxKeys: 6 },
    ),
  })).any;
  fc.assert(
    fc.property(value, (input) => {
      try {
        read(input);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 300 },
  );
});
