import { describe, expect, test } from "vitest";
import {
  listRepository,
  MAX_MANIFESTS_PER_REPOSITORY,
  MAX_TAGS_PER_REPOSITORY,
} from "../../../../../shared/purge/plan/list-repository.ts";
import { MAX_UNREADABLE } from "../../../../../shared/purge/plan/repository-reader.ts";
import {
  DOCKER_IMAGE,
  digestOf,
  type FakeRegistry,
  fakeFacts,
  fakeRegistry,
  OCI_INDEX,
  refusal,
} from "../../../../support/fakes-purge.ts";
import { daysAgo, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

const OLD = daysAgo(30);
const YOUNG = daysAgo(1);

describe("reading what hangs together", () => {
  test("images that all go are deleted by digest, and nothing of them is read", async () => {
    const registry = fakeRegistry();
    for (let i = 0; i < 50; i++) registry.push(REPOSITORY, { tags: [`v${i}`, `w${i}`], updatedAt: OLD });
    const lines = await planOf(registry);
    expect(lines.map(({ action }) => action)).toEqual(Array(50).fill("delete"));
    expect(lines.every(({ tags }) => tags.length === 2)).toBe(true);
    expect(registry.calls.map(({ operation }) => operation).sort()).toEqual(["manifests", "repository", "tags"]);
  });

  test("of bodies of what goes and referrers of what stays, the fewer are read", async () => {
    const registry = fakeRegistry();
    for (let i = 0; i < 50; i++) registry.push(REPOSITORY, { tags: [`v${i}`], updatedAt: OLD });
    const kept = registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, tags: ["new"], updatedAt: YOUNG });
    const signature = registry.push(REPOSITORY, { subject: kept, updatedAt: OLD });
    const lines = await planOf(registry);
    // Of the image, and then of its signature, which stays as well.
    expect(registry.count("referrers")).toBe(2);
    expect(registry.count("facts")).toBe(0);
    expect(lines.find(({ digest }) => digest === signature)).toMatchObject({ reason: "refers", because: kept });
  });
});

describe("reads are the cheaper ones", () => {
  const fill = (registry: FakeRegistry, going: number, staying: number) => {
    for (let i = 0; i < going; i++) registry.push(REPOSITORY, { updatedAt: OLD });
    for (let i = 0; i < staying; i++) registry.push(REPOSITORY, { tags: [`v${i}`], updatedAt: YOUNG });
  };
  test.each([
    [100, 5],
    [5, 100],
    [30, 30],
    [0, 50],
    [50, 0],
  ])("%i that go and %i that stay", async (going, staying) => {
    const registry = fakeRegistry();
    fill(registry, going, staying);
    await planOf(registry);
    // Once for what refers to what stays, once for what that refers to.
    expect(registry.count("facts") + registry.count("referrers")).toBeLessThanOrEqual(2 * Math.min(going, staying));
  });
  test("more lists of referrers than the registry gives in a minute are dearer than twice as many bodies", async () => {
    const registry = fakeRegistry();
    fill(registry, 520, 260);
    await planOf(registry);
    // The other way round, by bodies of what stays, both ways of knowing are within their limits.
    expect(registry.count("referrers")).toBe(0);
    expect(registry.count("facts")).toBe(780);
  });

  test("Docker manifests refer to nothing: of those that go nothing is read", async () => {
    const registry = fakeRegistry();
    for (let i = 0; i < 20; i++)
      registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, updatedAt: i < 10 ? OLD : YOUNG });
    await planOf(registry);
    expect(registry.count("facts") + registry.count("referrers")).toBe(0);
  });
  test("where nothing goes nothing is read", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: ["v1"], updatedAt: YOUNG });
    await planOf(registry);
    expect(registry.count("facts")).toBe(0);
  });
});

describe("a repository of which nothing is planned", () => {
  test("has too many manifests or tags", async () => {
    const signal = new AbortController().signal;
    const digest = digestOf("x");
    async function* manifests() {
      const page = Array(1_000).fill({
        digest,
        mediaType: null,
        updatedAt: 0,
        sizeBytes: 0,
        isLocked: false,
        tagNames: [],
      });
      for (let at = 0; at <= MAX_MANIFESTS_PER_REPOSITORY; at += page.length) yield page;
    }
    async function* tags() {
      const page = Array(1_000).fill({ name: "v", digest, updatedAt: 0, isLocked: false });
      for (let at = 0; at <= MAX_TAGS_PER_REPOSITORY; at += page.length) yield page;
    }
    async function* none() {}
    const repository = async () => null;
    expect(await listRepository({ repository, manifests, tags: none }, REPOSITORY, signal)).toBe("TOO_LARGE");
    expect(await listRepository({ repository, manifests: none, tags }, REPOSITORY, signal)).toBe("TOO_LARGE");
    expect(await listRepository({ repository, manifests: none, tags: none }, REPOSITORY, signal)).toMatchObject({
      listed: 0,
    });
  });
  test("has too many bodies that cannot be read; what was read is kept", async () => {
    const registry = fakeRegistry();
    for (let i = 0; i < 200; i++) registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: [`v${i}`], updatedAt: OLD });
    let calls = 0;
    registry.faults.on = ({ operation }) => (operation === "facts" && calls++ > 20 ? refusal(500) : null);
    const facts = fakeFacts();
    await expect(planOf(registry, { facts })).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect([...facts.kept.values()].flat().length).toBe(21);
    expect(registry.count("facts")).toBeLessThan(MAX_UNREADABLE + 60);
  });
});

describe("images of several platforms", () => {
  test.each([1, 2])("a locked index keeps its children, nested %i deep", async (depth) => {
    const registry = fakeRegistry();
    const leaf = registry.push(REPOSITORY, { updatedAt: OLD });
    let child = leaf;
    for (let i = 1; i < depth; i++)
      child = registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [child], updatedAt: OLD });
    const index = registry.push(REPOSITORY, {
      mediaType: OCI_INDEX,
      children: [child],
      tags: ["v1"],
      updatedAt: OLD,
      isLocked: true,
    });
    registry.push(REPOSITORY, { updatedAt: OLD });
    const lines = await planOf(registry);
    expect(lines.filter(({ action }) => action === "delete")).toHaveLength(1);
    expect(lines.find(({ digest }) => digest === leaf)).toMatchObject({ action: "keep", reason: "needed" });
    expect(lines.find(({ digest }) => digest === index)).toMatchObject({ action: "keep", reason: "locked" });
  });

  test("an index that goes stands before its children", async () => {
    const registry = fakeRegistry();
    const child = registry.push(REPOSITORY, { updatedAt: OLD });
    const index = registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [child], tags: ["v1"], updatedAt: OLD });
    const lines = await planOf(registry);
    expect(lines.map(({ digest, after }) => [digest, after])).toEqual([
      [index, []],
      [child, [index]],
    ]);
    expect((await planOf(registry, { rules: [rule()] })).map(({ action, reason }) => [action, reason])).toEqual([
      ["delete", "matched"],
      ["keep", "no-rule"],
    ]);
  });
});
