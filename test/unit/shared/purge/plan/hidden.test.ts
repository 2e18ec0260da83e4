/** What a repository holds and its lists do not show, in plans. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Gathered } from "../../../../../shared/purge/plan/gather.ts";
import type { PlanLine } from "../../../../../shared/purge/plan-line.ts";
import {
  DOCKER_IMAGE,
  digestOf,
  fakeRegistry,
  OCI_IMAGE,
  OCI_INDEX,
  refusal,
} from "../../../../support/fakes-purge.ts";
import { expectedOf } from "../../../../support/purge-oracle.ts";
import { daysAgo, gatherFrom, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";
import { inUseOf, registryOf, worlds } from "../../../../support/purge-worlds.ts";

const OLD = daysAgo(30);
const rules = [rule({ name: "prod", action: "keep", tags: "prod.*" }), rule({ untagged: true })];
const linesOf = (gathered: Gathered) => {
  if (gathered.kind !== "planned") throw new Error(`The repository was not planned: ${gathered.kind}.`);
  return [...gathered.lines];
};
const said = (lines: readonly PlanLine[]) =>
  lines.map(({ tags, action, reason }) => `${tags} ${action} ${reason}`).sort();
const HIDDEN = { kind: "unlisted", code: "HIDDEN_ITEMS" };

describe("a tag that the list of tags lacks", () => {
  test("and its image has keeps the image, of unknown time, and nothing else", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["prod-1", "old-1"], updatedAt: OLD });
    registry.push(REPOSITORY, { tags: ["prod-2"], updatedAt: OLD });
    registry.push(REPOSITORY, { tags: ["old-3"], updatedAt: OLD });
    for (const tag of ["prod-1", "prod-2"]) registry.hidden.tags.add(tag);
    expect(said(await planOf(registry, { rules }))).toEqual([
      "old-1 keep unknown-time",
      "old-3 delete matched",
      "prod-1 keep keep-rule",
      "prod-2 keep keep-rule",
    ]);
  });

  test("nor any image has keeps the whole repository, after it was listed once more", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
    registry.entries.set(REPOSITORY, { manifestCount: 1, tagCount: 2, isLocked: false });
    expect(await gatherFrom(registry, { rules })).toEqual(HIDDEN);
    expect(
      ["repository", "manifests", "tags"].map((name) => registry.calls.filter((it) => it.operation === name).length),
    ).toEqual([2, 2, 2]);
  });

  test("because the list is none keeps all that has tags", async () => {
    const registry = fakeRegistry();
    for (const name of ["a", "b"]) registry.push(REPOSITORY, { tags: [name], updatedAt: OLD });
    registry.push(REPOSITORY, { updatedAt: OLD });
    for (const name of ["a", "b"]) registry.hidden.tags.add(name);
    expect(said(await planOf(registry, { rules }))).toEqual([
      " delete matched",
      "a keep unknown-time",
      "b keep unknown-time",
    ]);
  });
});

describe("a manifest that is not listed", () => {
  test.each([
    ["an index", { mediaType: OCI_INDEX, tags: ["prod"], children: [digestOf("child")] }],
    ["a referrer", { mediaType: OCI_IMAGE, tags: ["prod"], subject: digestOf("child") }],
    ["one without a tag", { mediaType: OCI_INDEX, children: [digestOf("child")] }],
  ])("%s, keeps the whole repository", async (_what, pushed) => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { digest: digestOf("child"), updatedAt: OLD });
    registry.hidden.digests.add(registry.push(REPOSITORY, { ...pushed, updatedAt: OLD }));
    expect(await gatherFrom(registry, { rules })).toEqual(HIDDEN);
  });

  test("because it went while the lists were read is none that is hidden", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
    const other = registry.push(REPOSITORY, { tags: ["other"], updatedAt: OLD });
    registry.faults.on = async ({ operation }) => {
      if (operation !== "manifests") return null;
      registry.faults.on = () => null;
      await registry.content.deleteManifest(REPOSITORY, other, new AbortController().signal);
      return null;
    };
    expect(said(linesOf(await gatherFrom(registry, { rules })))).toEqual(["old delete matched"]);
  });
});

describe("a repository whose counts are not told", () => {
  test("is planned by what its lists show", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
    registry.entries.set(REPOSITORY, { manifestCount: null, tagCount: null, isLocked: false });
    expect(said(linesOf(await gatherFrom(registry, { rules })))).toEqual(["old delete matched"]);
  });
});

describe("a repository that is said not to be there", () => {
  test("although things of it are listed is kept whole, after it was listed once more", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
    registry.entries.set(REPOSITORY, null);
    expect(await gatherFrom(registry, { rules })).toEqual(HIDDEN);
    expect(registry.count("manifests")).toBe(2);
  });

  test("because it came to be while it was listed is listed once more, and planned", async () => {
    const registry = fakeRegistry();
    registry.faults.on = ({ operation }) => {
      if (operation === "manifests") registry.faults.on = () => null;
      if (operation === "manifests") registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
      return null;
    };
    expect(said(linesOf(await gatherFrom(registry, { rules })))).toEqual(["old delete matched"]);
  });

  test("and of which nothing is listed has nothing", async () => {
    expect(await planOf(fakeRegistry(), { rules })).toEqual([]);
  });
});

describe("a repository that is locked", () => {
  test("keeps all of it, whatever a rule includes, each with its reason", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
    registry.push(REPOSITORY, { tags: ["young"], updatedAt: daysAgo(1) });
    registry.push(REPOSITORY, { updatedAt: OLD });
    registry.entries.set(REPOSITORY, { manifestCount: 3, tagCount: 2, isLocked: true });
    const included = [rule({ untagged: true, includeLocked: true })];
    const expected = [" keep locked", "old keep locked", "young keep young"];
    expect(said(await planOf(registry, { rules: included }))).toEqual(expected);
    expect(registry.count("facts")).toBe(0);
  });
});

describe("a body that is not there although its manifest is listed", () => {
  test("of an index keeps everything it may hold", async () => {
    const registry = fakeRegistry();
    registry.push(REPOSITORY, { digest: digestOf("child"), updatedAt: OLD });
    const index = { mediaType: OCI_INDEX, tags: ["prod"], children: [digestOf("child")], updatedAt: OLD };
    registry.absent.add(registry.push(REPOSITORY, index));
    expect(said(await planOf(registry, { rules }))).toEqual([" keep unreadable", "prod keep keep-rule"]);
  });

  test("of a referrer that stays keeps what it refers to", async () => {
    const registry = fakeRegistry({ servesReferrers: false });
    registry.push(REPOSITORY, { digest: digestOf("subject"), tags: ["old"], updatedAt: OLD });
    registry.absent.add(registry.push(REPOSITORY, { tags: ["prod"], subject: digestOf("subject"), updatedAt: OLD }));
    expect((await planOf(registry, { rules })).filter(({ action }) => action === "delete")).toEqual([]);
  });
});

test("what a registry does not know when it is asked for referrers stays, and the others are asked for all the same", async () => {
  const registry = fakeRegistry();
  const [unknown = "", ...others] = ["old-1", "old-2", "old-3"].map((tag) =>
    registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, tags: [tag], updatedAt: OLD }),
  );
  for (let at = 0; at < 9; at++) registry.push(REPOSITORY, { tags: [`prod-${at}`], updatedAt: OLD });
  registry.faults.on = ({ operation, item }) =>
    operation === "referrers" && item === unknown ? refusal(404, "MANIFEST_UNKNOWN") : null;
  const lines = await planOf(registry, { rules });
  expect(
    lines
      .filter(({ action }) => action === "delete")
      .map(({ digest }) => digest)
      .sort(),
  ).toEqual(others.sort());
  expect(lines.find(({ digest }) => digest === unknown)).toMatchObject({ action: "keep", reason: "unreadable" });
  expect(registry.count("facts")).toBe(0);
});

describe("in any repository", () => {
  const places = fc.array(
    fc.nat({ max: 3 }).map((number) => number === 0),
    { minLength: 18, maxLength: 18 },
  );
  const without = (gathered: Gathered) => (gathered.kind === "planned" ? [...gathered.lines] : []);

  test("what is hidden takes nothing away that would stay if it were seen", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, places, fc.boolean(), async (every, isHidden, hidesDigests) => {
        // What stays of unknown time may be the last tag, where another would have been.
        const world = { ...every, allowLastTag: true };
        const registry = registryOf(world);
        for (const [place, { digest, tags }] of world.manifests.entries()) {
          if (hidesDigests && isHidden[place + 9]) registry.hidden.digests.add(digest);
          for (const { name } of tags) if (isHidden[place]) registry.hidden.tags.add(name);
        }
        const lines = without(await gatherFrom(registry, { rules: world.rules, inUse: inUseOf(world) }));
        const expected = expectedOf(world, REPOSITORY);
        const deleted = lines.filter(({ action }) => action === "delete");
        const untagged = lines.filter(({ action }) => action === "untag");
        expect(deleted.filter(({ digest }) => !expected.deleted.has(digest))).toEqual([]);
        const gone = (name: string, digest: string) => expected.untagged.has(name) || expected.deleted.has(digest);
        expect(untagged.flatMap(({ tags, digest }) => tags.filter((name) => !gone(name, digest)))).toEqual([]);
        if (registry.hidden.digests.size > 0) expect(lines).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("bodies that are not there take nothing away that would stay if they were", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, places, fc.boolean(), async (world, isAbsent, servesReferrers) => {
        const registry = registryOf(world, { servesReferrers });
        for (const [place, { digest }] of world.manifests.entries()) if (isAbsent[place]) registry.absent.add(digest);
        const { allowLastTag } = world;
        const changes = { rules: world.rules, inUse: inUseOf(world), allowLastTag };
        const lines = linesOf(await gatherFrom(registry, changes));
        const deleted = lines.filter(({ action }) => action === "delete").map(({ digest }) => digest);
        const expected = expectedOf(world, REPOSITORY);
        expect(deleted.filter((digest) => !expected.deleted.has(digest))).toEqual([]);
        for (const it of world.manifests.filter(({ digest }) => !deleted.includes(digest))) {
          expect([...it.children, it.subject].filter((digest) => deleted.includes(digest ?? ""))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
