import { expect, test } from "vitest";
import { digestOf, type FakeRegistry, fakeRegistry, OCI_INDEX } from "../../../support/fakes-purge.ts";
import { daysAgo, type PlanChanges, planOf, REPOSITORY, rule } from "../../../support/purge-plan.ts";

const keptTags = async (registry: FakeRegistry, changes: PlanChanges) =>
  (await planOf(registry, changes))
    .filter(({ action }) => action === "keep")
    .flatMap(({ tags }) => tags)
    .sort();
const images = (registry: FakeRegistry, names: readonly string[]) => {
  for (const [index, name] of names.entries())
    registry.push(REPOSITORY, { tags: [name], updatedAt: daysAgo(100 - index) });
};

test("keeps the newest of what would go; younger ones and others' take no place", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2", "v3", "v4"]);
  registry.push(REPOSITORY, { tags: ["v5"], updatedAt: daysAgo(1) });
  registry.push(REPOSITORY, { tags: ["v6"], updatedAt: daysAgo(20), isLocked: true });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 2 })] })).toEqual(["v3", "v4", "v5", "v6"]);
});
test("each rule has a budget of its own", async () => {
  const registry = fakeRegistry();
  images(registry, ["dev-1", "dev-2", "dev-3", "rel-1", "rel-2", "rel-3"]);
  const rules = ["dev", "rel"].map((name) => rule({ name, tags: `${name}-.*`, keepNewest: 2 }));
  expect(await keptTags(registry, { rules })).toEqual(["dev-2", "dev-3", "rel-2", "rel-3"]);
});
test("fifty tagged images and ten to keep leave ten manifests: untagged ones are not kept on top of them", async () => {
  const registry = fakeRegistry();
  images(
    registry,
    Array.from({ length: 50 }, (_, index) => `v${index}`),
  );
  const lines = await planOf(registry, { rules: [rule({ untagged: true, keepNewest: 10 })] });
  expect(lines.filter(({ action }) => action === "keep")).toHaveLength(10);
});
test("an image with many tags takes one place", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2"]);
  registry.push(REPOSITORY, { tags: ["a", "b", "c"], updatedAt: daysAgo(20) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 2 })] })).toEqual(["a", "b", "c", "v2"]);
});
test("of the same time the name that is later in the alphabet is newer", async () => {
  const registry = fakeRegistry();
  for (const name of ["v2", "v1", "v3"]) registry.push(REPOSITORY, { tags: [name], updatedAt: daysAgo(30) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 1 })] })).toEqual(["v3"]);
});
test("a signature takes no place, and goes or stays with its image", async () => {
  const registry = fakeRegistry();
  const signature = (digest: string) => `${digest.replace(":", "-")}.sig`;
  const [old, newer] = [digestOf("old"), digestOf("newer")];
  registry.push(REPOSITORY, { digest: old, tags: ["v1"], updatedAt: daysAgo(50) });
  registry.push(REPOSITORY, { digest: newer, tags: ["v2"], updatedAt: daysAgo(40) });
  registry.push(REPOSITORY, { tags: [signature(old)], updatedAt: daysAgo(9) });
  registry.push(REPOSITORY, { tags: [signature(newer)], updatedAt: daysAgo(60) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 1 })] })).toEqual([signature(newer), "v2"]);
});
test("an untagged index is kept with its children, which take no place; nor does what refers to something", async () => {
  const registry = fakeRegistry();
  const child = registry.push(REPOSITORY, { updatedAt: daysAgo(20) });
  const index = registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [child], updatedAt: daysAgo(30) });
  const referrer = registry.push(REPOSITORY, { subject: index, updatedAt: daysAgo(10) });
  const other = registry.push(REPOSITORY, { updatedAt: daysAgo(40) });
  const lines = await planOf(registry, { rules: [rule({ tags: null, untagged: true, keepNewest: 1 })] });
  const reasons = new Map(lines.map(({ digest, reason, because }) => [digest, [reason, because]]));
  expect(reasons.get(index)).toEqual(["newest", null]);
  expect(reasons.get(child)).toEqual(["needed", index]);
  expect(reasons.get(referrer)).toEqual(["refers", index]);
  expect(reasons.get(other)).toEqual(["matched", null]);
});
test("for the newest untagged ones no more bodies are read than it takes to find them", async () => {
  const registry = fakeRegistry();
  for (let i = 0; i < 40; i++) registry.push(REPOSITORY, { updatedAt: daysAgo(10 + i) });
  await planOf(registry, { rules: [rule({ tags: null, untagged: true, keepNewest: 3 })] });
  // The three; what refers to them is asked of the registry.
  expect([registry.count("facts"), registry.count("referrers")]).toEqual([3, 3]);
});
test("the last tag that stays is the newest image's, rather no signature's, with all of its tags", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2"]);
  const last = registry.push(REPOSITORY, { tags: ["x", "y"], updatedAt: daysAgo(20) });
  registry.push(REPOSITORY, { tags: [`${last.replace(":", "-")}.sig`], updatedAt: daysAgo(10) });
  const rules = [rule({ tags: "v.*" }), rule({ name: "rest" })];
  const kept = await planOf(registry, { rules, allowLastTag: false });
  expect(kept.filter(({ action }) => action === "keep").map(({ reason, tags }) => [reason, tags.length])).toEqual(
    expect.arrayContaining([
      ["last-tag", 2],
      ["refers", 1],
    ]),
  );
  expect(kept.filter(({ action }) => action === "delete")).toHaveLength(2);
  registry.push(REPOSITORY, { tags: ["z"], updatedAt: daysAgo(1) });
  expect(await keptTags(registry, { rules, allowLastTag: false })).toEqual(["z"]);
});
