import { describe, expect, test } from "vitest";
import { DOCKER_IMAGE, fakeRegistry, OCI_INDEX } from "../../../support/fakes-purge.ts";
import { daysAgo, planOf, REPOSITORY, rule } from "../../../support/purge-plan.ts";

const OLD = daysAgo(30);
const YOUNG = daysAgo(1);

describe("reading what hangs together", () => {
  test("images that all go are deleted by digest, and nothing of them is read", async () => {
    const registry = fakeRegistry();
    for (let i = 0; i < 50; i++) registry.push(REPOSITORY, { tags: [`v${i}`, `w${i}`], updatedAt: OLD });
    const lines = await planOf(registry);
    expect(lines.map(({ action }) => action)).toEqual(Array(50).fill("delete"));
    expect(lines.every(({ tags }) => tags.length === 2)).toBe(true);
    expect(registry.calls.map(({ operation }) => operation).sort()).toEqual(["manifests", "tags"]);
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
