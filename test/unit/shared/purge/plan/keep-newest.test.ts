import { expect, test } from "vitest";
import { digestOf, type FakeRegistry, fakeRegistry, OCI_INDEX, refusal } from "../../../../support/fakes-purge.ts";
import { daysAgo, type PlanChanges, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

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

test("of images for several platforms whose parts have tags too, a version takes one place", async () => {
  const registry = fakeRegistry();
  for (let version = 1; version <= 4; version++) {
    const updatedAt = daysAgo(100 - version);
    const children = ["amd64", "arm64"].map((name) =>
      registry.push(REPOSITORY, { tags: [`v${version}-${name}`], updatedAt: updatedAt + 3_600_000 }),
    );
    registry.push(REPOSITORY, { mediaType: OCI_INDEX, children, tags: [`v${version}`], updatedAt });
  }
  const rules = [rule({ keepNewest: 3 })];
  const lines = await planOf(registry, { rules });
  const tagsOf = (wanted: string) =>
    lines
      .filter(({ action }) => action === wanted)
      .flatMap(({ tags }) => tags)
      .sort();
  expect(tagsOf("delete")).toEqual(["v1", "v1-amd64", "v1-arm64"]);
  expect(tagsOf("untag")).toEqual([]);
  expect(lines.find(({ tags }) => tags.includes("v4-amd64"))).toMatchObject({ action: "keep", reason: "needed" });
});
test("a tagged part of an index that stays by itself takes no place either", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2", "v3"]);
  const part = registry.push(REPOSITORY, { tags: ["v9-amd64"], updatedAt: daysAgo(8) });
  registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [part], tags: ["v9"], updatedAt: daysAgo(6) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 2 })] })).toEqual(["v2", "v3", "v9", "v9-amd64"]);
});
test.each([
  ["that has no tag", {}],
  ["that another rule deletes", { tags: ["nightly"] }],
])("a tagged part of an index %s takes a place: else nothing would keep it", async (_, index) => {
  const registry = fakeRegistry();
  const part = registry.push(REPOSITORY, { tags: ["v1"], updatedAt: daysAgo(30) });
  const old = registry.push(REPOSITORY, { tags: ["v0"], updatedAt: daysAgo(40) });
  registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [part], updatedAt: daysAgo(30), ...index });
  const rules = [
    rule({ name: "nightly", tags: "nightly", untagged: true }),
    rule({ name: "versions", tags: "v.*", keepNewest: 1 }),
  ];
  const lines = await planOf(registry, { rules });
  expect(lines.find(({ digest }) => digest === part)).toMatchObject({ action: "keep", reason: "newest" });
  expect(lines.find(({ digest }) => digest === old)).toMatchObject({ action: "delete" });
});
test("with an index that cannot be read it is not known what is an image of its own: all stays", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2", "v3"]);
  const index = registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: ["v4"], updatedAt: daysAgo(50) });
  registry.faults.on = ({ operation, item }) => (operation === "facts" && item === index ? refusal(500) : null);
  registry.push(REPOSITORY, { tags: ["v0", "stay"], updatedAt: daysAgo(120) });
  const rules = [rule({ name: "keep", action: "keep", tags: "stay", olderThanSeconds: null }), rule({ keepNewest: 1 })];
  expect(await keptTags(registry, { rules })).toEqual(["stay", "v0", "v1", "v2", "v3", "v4"]);
});
test("a signature whose image is gone takes no place; an image that is named by a digest does", async () => {
  const registry = fakeRegistry();
  images(registry, ["v1", "v2"]);
  const hex = digestOf("gone").slice("sha256:".length);
  registry.push(REPOSITORY, { tags: [`sha256-${hex}.sig`], updatedAt: daysAgo(9) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 1 })] })).toEqual(["v2"]);
  registry.push(REPOSITORY, { tags: [`sha256-${hex}`], updatedAt: daysAgo(8) });
  expect(await keptTags(registry, { rules: [rule({ keepNewest: 1 })] })).toEqual([`sha256-${hex}`]);
});
