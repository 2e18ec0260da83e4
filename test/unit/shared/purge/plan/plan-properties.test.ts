import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PlanLine } from "../../../../../shared/purge/plan-line.ts";
import { planLineSchema } from "../../../../../shared/purge/plan-line.ts";
import { fakeFacts, refusal } from "../../../../support/fakes-purge.ts";
import { expectedOf } from "../../../../support/purge-oracle.ts";
import { gatherFrom, LOGIN_SERVER, planOf, REPOSITORY } from "../../../../support/purge-plan.ts";
import { inUseOf, registryOf, type World, worlds } from "../../../../support/purge-worlds.ts";

const RUNS = 300;
const signal = new AbortController().signal;
const sorted = (texts: Iterable<string>) => [...texts].sort();

const plan = (
  world: World,
  options: Parameters<typeof registryOf>[1] = {},
  changes: Parameters<typeof planOf>[1] = {},
) =>
  planOf(registryOf(world, options), {
    rules: world.rules,
    inUse: inUseOf(world),
    allowLastTag: world.allowLastTag,
    ...changes,
  });
const ofAction = (lines: readonly PlanLine[], action: PlanLine["action"]) =>
  lines.filter((line) => line.action === action);
/** Without what depends on which bodies happen to be known: the order of those that go, and how exact their sizes are. */
const decisionsOf = (lines: readonly PlanLine[]) =>
  sorted(lines.map(({ after: _, freedBytes: __, isEstimate: ___, ...decision }) => JSON.stringify(decision)));
const knowing = (world: World, isKnown: (place: number) => boolean) => {
  const facts = fakeFacts();
  const known = world.manifests.flatMap(({ digest, mediaType, children, subject }, place) =>
    isKnown(place) ? [{ digest, mediaType: mediaType ?? "other", children, subject, parts: [] }] : [],
  );
  facts.kept.set(`${LOGIN_SERVER}/${REPOSITORY}`, known);
  return facts;
};

describe("the plan of any repository", () => {
  test("takes away exactly what the rules say, less what hangs together with what stays", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const lines = await plan(world);
        const expected = expectedOf(world, REPOSITORY);
        expect({
          deleted: sorted(ofAction(lines, "delete").map(({ digest }) => digest)),
          untagged: sorted(ofAction(lines, "untag").flatMap(({ tags }) => tags)),
        }).toEqual({ deleted: sorted(expected.deleted), untagged: sorted(expected.untagged) });
      }),
      { numRuns: RUNS },
    );
  });

  test("when it is done in its order, all that it keeps is still there and whole", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const lines = await plan(world);
        const registry = registryOf(world);
        for (const line of lines) {
          const tags = world.manifests.find(({ digest }) => digest === line.digest)?.tags ?? [];
          if (line.action === "keep") continue;
          for (const tag of tags.filter(({ name }) => line.tags.includes(name))) {
            await registry.content.setTagLock(REPOSITORY, tag.name, false, signal).catch(() => undefined);
            if (line.action === "untag") await registry.content.deleteTag(REPOSITORY, tag.name, signal);
          }
          if (line.action === "untag") continue;
          await registry.content.setManifestLock(REPOSITORY, line.digest, false, signal).catch(() => undefined);
          await registry.content.deleteManifest(REPOSITORY, line.digest, signal);
        }
        const kept = ofAction(lines, "keep");
        expect(sorted(registry.digests(REPOSITORY))).toEqual(sorted(new Set(kept.map(({ digest }) => digest))));
        expect(sorted(registry.tagNames(REPOSITORY))).toEqual(sorted(kept.flatMap(({ tags }) => tags)));
        const listed = new Set(world.manifests.map(({ digest }) => digest));
        for (const it of world.manifests.filter(({ digest }) => registry.has(REPOSITORY, digest))) {
          for (const needed of [...it.children, ...(it.subject === null ? [] : [it.subject])]) {
            expect(registry.has(REPOSITORY, needed)).toBe(listed.has(needed));
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("names every tag once, every manifest as one that goes or as one that stays, and what waits behind what it waits for", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const lines = await plan(world);
        expect(sorted(lines.flatMap(({ tags }) => tags))).toEqual(
          sorted(world.manifests.flatMap(({ tags }) => tags.map(({ name }) => name))),
        );
        const deleted = ofAction(lines, "delete").map(({ digest }) => digest);
        const kept = new Set(ofAction(lines, "keep").map(({ digest }) => digest));
        expect(sorted([...deleted, ...kept])).toEqual(sorted(world.manifests.map(({ digest }) => digest)));
        const before = new Set<string>();
        for (const line of lines) {
          expect(planLineSchema.parse(line)).toEqual(line);
          expect(line.after.every((digest) => before.has(digest))).toBe(true);
          expect(line.action === "keep" ? line.reason !== "matched" && line.seen === null : line.rules.length > 0).toBe(
            true,
          );
          if (line.action === "delete") before.add(line.digest);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("is the same whatever the order and the pages of the listing", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.integer({ min: 1, max: 4 }), async (world, pageSize) => {
        expect(await plan(world, { pageSize, newestFirst: true })).toEqual(await plan(world));
      }),
      { numRuns: RUNS },
    );
  });

  test("is decided the same whatever was known before and whether the registry tells referrers", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }), async (world, known) => {
        const all = decisionsOf(await plan(world, {}, { facts: knowing(world, () => true) }));
        const some = (place: number) => known[place] ?? false;
        for (const servesReferrers of [true, false]) {
          expect(decisionsOf(await plan(world, { servesReferrers }))).toEqual(all);
          expect(decisionsOf(await plan(world, { servesReferrers }, { facts: knowing(world, some) }))).toEqual(all);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("takes one body and one question for each manifest at most, and no body twice", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const registry = registryOf(world);
        const changes = { rules: world.rules, inUse: inUseOf(world), facts: fakeFacts() };
        await gatherFrom(registry, changes);
        const reads = registry.calls.filter(({ operation }) => operation === "facts" || operation === "referrers");
        expect(new Set(reads.map(({ operation, item }) => `${operation} ${item}`)).size).toBe(reads.length);
        const bodies = new Set(reads.filter(({ operation }) => operation === "facts").map(({ item }) => item));
        const first = registry.calls.length;
        await gatherFrom(registry, changes);
        const again = registry.calls.slice(first).filter(({ operation }) => operation === "facts");
        expect(again.filter(({ item }) => bodies.has(item))).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test("takes away no more when bodies and referrers cannot be read", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.array(fc.boolean(), { minLength: 18, maxLength: 18 }), async (world, fails) => {
        const registry = registryOf(world);
        const placeOf = new Map(world.manifests.map(({ digest }, place) => [digest, place]));
        registry.faults.on = ({ operation, item }) => {
          const place = placeOf.get(item) ?? -1;
          const isFailing = fails[operation === "referrers" ? place + 9 : place] ?? false;
          return isFailing && (operation === "facts" || operation === "referrers") ? refusal(500) : null;
        };
        const gathered = await gatherFrom(registry, {
          rules: world.rules,
          inUse: inUseOf(world),
          allowLastTag: world.allowLastTag,
        });
        if (gathered.kind !== "planned") throw new Error("The repository was not planned.");
        const lines = [...gathered.lines];
        const expected = expectedOf(world, REPOSITORY);
        const gone = ofAction(lines, "delete").map(({ digest }) => digest);
        expect(gone.filter((digest) => !expected.deleted.has(digest))).toEqual([]);
        const kept = new Set(ofAction(lines, "keep").map(({ digest }) => digest));
        for (const it of world.manifests.filter(({ digest }) => kept.has(digest))) {
          expect([...it.children, it.subject].filter((digest) => gone.includes(digest ?? ""))).toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
