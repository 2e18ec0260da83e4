import { describe, expect, test } from "vitest";
import { inUseMaker } from "../../../../../shared/purge/in-use/in-use.ts";
import { compileRules } from "../../../../../shared/purge/plan/compiled-rules.ts";
import type { PlanLine } from "../../../../../shared/purge/plan-line.ts";
import { digestOf, fakeRegistry, type PushedManifest } from "../../../../support/fakes-purge.ts";
import { daysAgo, type PlanChanges, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

const OLD = daysAgo(30);
const IMAGE = digestOf("the image");
const CLUSTER = "/subscriptions/s/clusters/c";

function used(image: { tag?: string; digest?: string }) {
  const maker = inUseMaker();
  const { tag = null, digest = null } = image;
  maker.addImage({ kind: "image", repository: REPOSITORY, tag, digest }, CLUSTER);
  return maker.inUse;
}
function patternUsed(pattern: string) {
  const maker = inUseMaker();
  maker.addPattern(pattern, CLUSTER);
  return maker.inUse;
}
const throwing = () => {
  throw new Error("too long");
};

const KEEP = rule({ name: "keep", action: "keep", tags: "v1", untagged: true, olderThanSeconds: null });
const ALL = rule({ untagged: true });
type Case = readonly [name: string, image: PushedManifest, changes: PlanChanges, expected: Partial<PlanLine>];
const CASES: readonly Case[] = [
  ["a tag that no rule takes", {}, { rules: [rule({ tags: "w.*" })] }, { reason: "no-rule", rules: [] }],
  ["rules of other repositories", {}, { rules: [rule({ repositories: "other" })] }, { reason: "no-rule", rules: [] }],
  ["a keep rule before", {}, { rules: [KEEP, ALL] }, { reason: "keep-rule", rules: ["keep"] }],
  ["a keep rule behind", {}, { rules: [ALL, KEEP] }, { action: "delete", reason: "matched", rules: ["old"] }],
  ["exactly as old as the rule says", { updatedAt: daysAgo(7) }, {}, { reason: "young", rules: ["old"] }],
  ["older by a millisecond", { updatedAt: daysAgo(7) - 1 }, {}, { action: "delete", reason: "matched" }],
  [
    "too young for the first rule that matches, though not for the second",
    { updatedAt: daysAgo(10) },
    { rules: [rule({ name: "first", untagged: true, olderThanSeconds: 20 * 86_400 }), ALL] },
    { reason: "young", rules: ["first"] },
  ],
  ["of unknown time", { updatedAt: null }, {}, { reason: "unknown-time", updatedAt: null }],
  ["of a time in the future", { updatedAt: daysAgo(-5) }, {}, { reason: "young" }],
  ["a locked manifest", { isLocked: true }, {}, { reason: "locked" }],
  [
    "a locked manifest, with includeLocked",
    { isLocked: true },
    { rules: [rule({ includeLocked: true })] },
    { action: "delete" },
  ],
  ["a tag in use", {}, { inUse: used({ tag: "v1" }) }, { reason: "in-use", because: CLUSTER }],
  ["a digest in use", {}, { inUse: used({ digest: IMAGE }) }, { reason: "in-use", because: CLUSTER }],
  ["another tag in use", {}, { inUse: used({ tag: "v2" }) }, { action: "delete" }],
  ["a repository that an unread cluster may use", {}, { inUse: patternUsed("team/*") }, { reason: "in-use" }],
  ["the newest of its repository", {}, { rules: [rule({ keepNewest: 1 })] }, { reason: "newest", rules: ["old"] }],
  ["the last tag", {}, { allowLastTag: false }, { reason: "last-tag" }],
  [
    "a pattern that does not answer",
    {},
    { rules: [{ ...rule({ name: "stuck" }), matchesTag: throwing }, ALL] },
    { reason: "unreadable", rules: ["stuck"] },
  ],
];

describe.each(["tagged", "untagged"])("%s", (kind) => {
  const isTagged = kind === "tagged";
  const applies = ([name, , changes]: Case) =>
    isTagged || !(/tag|pattern|newest/.test(name) || changes.rules?.every(({ untagged }) => !untagged));
  test.each(CASES.filter(applies))("%s", async (_, image, changes, expected) => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { digest: IMAGE, updatedAt: OLD, tags: isTagged ? ["v1"] : [], ...image });
    const lines = await planOf(registry, { rules: [ALL], ...changes });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ action: "keep", digest: IMAGE, tags: isTagged ? ["v1"] : [], ...expected });
  });
});

describe("images with several tags", () => {
  const plan = async (setUp: (registry: ReturnType<typeof fakeRegistry>) => void, changes: PlanChanges = {}) => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { digest: IMAGE, updatedAt: OLD, tags: ["a", "b"] });
    setUp(registry);
    const lines = await planOf(registry, { rules: [rule()], ...changes });
    return lines.map(({ action, tags, reason, rules }) => [action, tags.join(), reason, rules.join()]);
  };

  test("go with one deletion when all tags go, each by its rule", async () => {
    const rules = [rule({ name: "one", tags: "b" }), rule({ name: "two", tags: "a" })];
    expect(await plan(() => undefined, { rules })).toEqual([["delete", "a,b", "matched", "one,two"]]);
  });
  test("lose the tags that go when others stay, and the line says what was seen of all", async () => {
    expect(await plan((it) => it.tag(REPOSITORY, "b", IMAGE, daysAgo(1)))).toEqual([
      ["untag", "a", "matched", "old"],
      ["keep", "b", "young", "old"],
    ]);
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { digest: IMAGE, updatedAt: OLD, tags: ["a"] });
    registry.tag(REPOSITORY, "b", IMAGE, daysAgo(1), true);
    const seen = {
      manifestUpdatedAt: OLD,
      isLocked: false,
      tags: [
        ["a", OLD, false],
        ["b", daysAgo(1), true],
      ],
    };
    expect((await planOf(registry, { rules: [rule()] }))[0]).toMatchObject({ seen });
  });
  test("tags that stay for different reasons have a line each", async () => {
    const rules = [rule({ name: "keep-a", action: "keep", tags: "a", olderThanSeconds: null }), rule({ tags: "c" })];
    expect(await plan(() => undefined, { rules })).toEqual([
      ["keep", "a", "keep-rule", "keep-a"],
      ["keep", "b", "no-rule", ""],
    ]);
  });
  test("a locked tag keeps the manifest, and the other tag goes alone", async () => {
    expect(await plan((it) => it.tag(REPOSITORY, "b", IMAGE, OLD, true))).toEqual([
      ["untag", "a", "matched", "old"],
      ["keep", "b", "locked", "old"],
    ]);
  });
  test("a locked manifest keeps all tags unless all go by rules that include locked ones", async () => {
    const lock = (it: ReturnType<typeof fakeRegistry>) =>
      it.push(REPOSITORY, { digest: IMAGE, updatedAt: OLD, isLocked: true });
    const including = rule({ name: "one", tags: "a", includeLocked: true });
    expect(await plan(lock, { rules: [including, rule()] })).toEqual([["keep", "a,b", "locked", "one,old"]]);
    expect(await plan(lock, { rules: [including] })).toEqual([
      ["keep", "a", "locked", "one"],
      ["keep", "b", "no-rule", ""],
    ]);
  });
  test("a manifest that changed lately keeps all tags, by the age of the youngest tag's rule", async () => {
    const young = (it: ReturnType<typeof fakeRegistry>) =>
      it.push(REPOSITORY, { digest: IMAGE, updatedAt: daysAgo(8) });
    const strict = rule({ name: "strict", tags: "b", olderThanSeconds: 20 * 86_400 });
    expect(await plan(young, { rules: [rule()] })).toEqual([["delete", "a,b", "matched", "old"]]);
    const setUp = (it: ReturnType<typeof fakeRegistry>) => {
      young(it);
      it.tag(REPOSITORY, "b", IMAGE, OLD + 1);
    };
    expect(await plan(setUp, { rules: [strict, rule()] })).toEqual([["keep", "a,b", "young", "strict,old"]]);
  });
  test("one unknown time keeps them all", async () => {
    expect(await plan((it) => it.tag(REPOSITORY, "b", IMAGE, null))).toEqual([["keep", "a,b", "unknown-time", "old"]]);
  });
  test("a digest in use keeps every tag, a tag in use itself alone", async () => {
    expect(await plan(() => undefined, { inUse: used({ digest: IMAGE }) })).toEqual([["keep", "a,b", "in-use", "old"]]);
    expect(await plan(() => undefined, { inUse: used({ tag: "b" }) })).toEqual([
      ["untag", "a", "matched", "old"],
      ["keep", "b", "in-use", "old"],
    ]);
  });
  test("a tag of something that was not listed is kept", async () => {
    const registry = fakeRegistry();
    registry.tag(REPOSITORY, "just-pushed", digestOf("not listed"), OLD);
    const [line, ...others] = await planOf(registry);
    expect([line?.action, line?.reason, others]).toEqual(["keep", "unknown-time", []]);
  });
});

test("a rule asks its pattern once for each name", () => {
  let asked = 0;
  const compile = () => (name: string) => {
    asked += 1;
    return name === "v1";
  };
  const input = { name: "r", action: "delete", repositories: "x", tags: "y", untagged: false } as const;
  const [compiled] = compileRules([{ ...input, olderThanSeconds: 1, keepNewest: 0, includeLocked: false }], compile);
  expect([1, 2, 3].map(() => compiled?.matchesTag?.("v1"))).toEqual([true, true, true]);
  expect([compiled?.matchesTag?.("v2"), compiled?.matchesTag?.("v2"), asked]).toEqual([false, false, 2]);
});
