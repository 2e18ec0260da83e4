/**
 * Applying plans that do not know what refers to what, because all of it was to go: whatever then stays, its children, what it
 * refers to and what refers to it stay too, and record, report and trail say what the registry lost.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ReportLine } from "../../../../../shared/purge/plan-line.ts";
import { NOW } from "../../../../support/fakes.ts";
import { fakeRegistry, OCI_INDEX, refusal } from "../../../../support/fakes-purge.ts";
import { chanceOf } from "../../../../support/purge-apply-chance.ts";
import { applyWorld, Crash } from "../../../../support/purge-apply-world.ts";
import { lineOf } from "../../../../support/purge-lines.ts";
import { daysAgo, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";
import { makeStay, torn } from "../../../../support/purge-stay-chance.ts";
import { inUseOf, registryOf, worlds } from "../../../../support/purge-worlds.ts";

const RUNS = Number(process.env.PURGE_RUNS ?? 200);
/** The same worlds each time; PURGE_SEED=2 PURGE_RUNS=2000 looks for others. */
const SEED = Number(process.env.PURGE_SEED ?? 1);
const OLD = { updatedAt: daysAgo(30) };
const requests = (world: ReturnType<typeof applyWorld>) =>
  world.registry.calls.filter(({ operation }) => operation === "facts" || operation === "referrers").length;
const outcomes = (world: ReturnType<typeof applyWorld>) =>
  new Map(world.report().map(({ digest, outcome }: ReportLine) => [digest, outcome]));

test("of an image that is tagged anew the signature stays", async () => {
  const world = applyWorld();
  const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const signature = world.registry.push(REPOSITORY, { ...OLD, subject: image });
  const attestation = world.registry.push(REPOSITORY, { ...OLD, subject: signature });
  const other = world.registry.push(REPOSITORY, { ...OLD, tags: ["v2"] });
  await world.begin(await planOf(world.registry));
  world.registry.tag(REPOSITORY, "prod", image, NOW.getTime() + 1);
  await world.finish();
  expect(outcomes(world)).toEqual(
    new Map([
      [image, "changed"],
      [signature, "protected"],
      [attestation, "protected"],
      [other, "deleted"],
    ]),
  );
});

test("what refers to an image, and is tagged anew or came into use, keeps the image", async () => {
  for (const isTagged of [true, false]) {
    const world = applyWorld();
    const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
    const artifact = world.registry.push(REPOSITORY, { ...OLD, subject: image, tags: ["art"] });
    await world.begin(await planOf(world.registry));
    if (isTagged) world.registry.tag(REPOSITORY, "prod", artifact, NOW.getTime() + 1);
    else world.inUse.addImage({ kind: "image", repository: REPOSITORY, tag: "art", digest: null }, "cluster");
    await world.finish();
    expect(outcomes(world)).toEqual(
      new Map([
        [image, "protected"],
        [artifact, isTagged ? "changed" : "protected"],
      ]),
    );
  }
});

test("of what stays, and is listed, but whose body is not there, nobody knows what it refers to: nothing else goes", async () => {
  const registry = fakeRegistry();
  const lagging = new Set<string>();
  const { content } = registry;
  const facts: typeof content.facts = async (repository, digest, signal) =>
    lagging.has(digest) ? null : content.facts(repository, digest, signal);
  const world = applyWorld({ ...registry, content: { ...content, facts } });
  const image = registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const artifact = registry.push(REPOSITORY, { ...OLD, subject: image, tags: ["art"] });
  await world.begin(await planOf(registry));
  registry.tag(REPOSITORY, "prod", artifact, daysAgo(20));
  lagging.add(artifact);
  await world.finish();
  expect(outcomes(world)).toEqual(
    new Map([
      [image, "protected"],
      [artifact, "changed"],
    ]),
  );
});

test("what was to go, and is listed, but whose body is not there, may refer to what stays: it stays too", async () => {
  for (const servesReferrers of [true, false]) {
    const world = applyWorld(fakeRegistry({ servesReferrers }));
    const { registry } = world;
    const image = registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
    const signature = registry.push(REPOSITORY, { ...OLD, subject: image });
    await world.begin(await planOf(registry));
    registry.tag(REPOSITORY, "prod", image, daysAgo(20));
    registry.absent.add(signature);
    await world.finish();
    expect(outcomes(world)).toEqual(
      new Map([
        [image, "changed"],
        [signature, "protected"],
      ]),
    );
  }
});

test("a signature that went with its image after it was listed was deleted by the run, though it has no body when it is asked for", async () => {
  const world = applyWorld(fakeRegistry({ servesReferrers: false }));
  const { registry } = world;
  const refused = registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const image = registry.push(REPOSITORY, { ...OLD, tags: ["v2"] });
  const signature = registry.push(REPOSITORY, { ...OLD, subject: image });
  await world.begin(await planOf(registry));
  registry.faults.on = ({ operation, item }) =>
    operation === "deleteManifest" && item === refused ? refusal(405) : null;
  await world.finish();
  expect(outcomes(world)).toEqual(
    new Map([
      [refused, "failed"],
      [image, "deleted"],
      [signature, "deleted"],
    ]),
  );
});

test("what hangs together with an image that stays, and takes too long to be read, stays: no slice ends with nothing done", async () => {
  const world = applyWorld(fakeRegistry({ servesReferrers: false }));
  const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v0"] });
  for (let n = 1; n < 400; n++) world.registry.push(REPOSITORY, { ...OLD, tags: [`v${n}`] });
  await world.begin(await planOf(world.registry));
  world.registry.tag(REPOSITORY, "prod", image, daysAgo(20));
  const slow = world.newProcess((call) => ({ fate: "done", milliseconds: call === "facts" ? 10_000 : 50 }));
  await world.clock.run(slow.slice());
  expect((await world.run()).cursor).toBeGreaterThan(0);
  await world.finish(slow);
  expect((await world.run()).counts).toMatchObject({ changed: 1, protected: 399, deletedManifests: 0 });
  expect((await world.run()).warnings).toHaveLength(1);
});

test("many repositories of which something stays do not take up a slice by being read", async () => {
  const world = applyWorld(fakeRegistry({ servesReferrers: false }));
  const plan = [];
  for (let n = 100; n < 200; n++) {
    const digests = ["v1", "v2"].map((tag) => world.registry.push(`team/${n}`, { ...OLD, tags: [tag] }));
    for (const digest of digests) plan.push(await lineOf(world.registry, `team/${n}`, digest));
    world.registry.tag(`team/${n}`, "prod", digests[0] ?? "", daysAgo(20));
  }
  await world.begin(plan);
  const slow = world.newProcess((call) => ({ fate: "done", milliseconds: call === "facts" ? 14_000 : 50 }));
  await world.clock.run(slow.slice());
  expect((await world.run()).cursor).toBeGreaterThan(0);
  await world.finish(slow);
  const { counts } = await world.run();
  expect(counts.changed).toBe(100);
  expect(counts.deletedManifests + counts.protected).toBe(100);
  expect(counts.deletedManifests).toBeGreaterThan(0);
});

test("what is neither listed nor there keeps nothing, though it was to go only with what stays", async () => {
  const world = applyWorld();
  const { registry } = world;
  const image = registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const signature = registry.push(REPOSITORY, { ...OLD, subject: image });
  const other = registry.push(REPOSITORY, { ...OLD, tags: ["v2"] });
  await world.begin([
    await lineOf(registry, REPOSITORY, image),
    await lineOf(registry, REPOSITORY, signature, { after: [image] }),
    await lineOf(registry, REPOSITORY, other),
  ]);
  registry.tag(REPOSITORY, "prod", image, NOW.getTime() + 1);
  await registry.content.deleteManifest(REPOSITORY, signature, new AbortController().signal);
  await world.finish();
  expect(outcomes(world)).toEqual(
    new Map([
      [image, "changed"],
      [signature, "gone"],
      [other, "deleted"],
    ]),
  );
});

test("an image that the registry does not delete keeps its signatures, also when a later slice comes to them", async () => {
  for (const servesReferrers of [true, false]) {
    const registry = fakeRegistry({ servesReferrers });
    const world = applyWorld(registry);
    const image = registry.push(REPOSITORY, { ...OLD, tags: ["v0"] });
    for (let n = 1; n < 500; n++) registry.push(REPOSITORY, { ...OLD, tags: [`v${n}`] });
    const signature = registry.push(REPOSITORY, { ...OLD, subject: image });
    await world.begin(await planOf(registry));
    registry.faults.on = ({ operation, item }) =>
      operation === "deleteManifest" && item === image ? refusal(405) : null;
    const slow = world.newProcess((call) => ({ fate: "done", milliseconds: call === "deleteManifest" ? 14_000 : 50 }));
    expect(await world.clock.run(slow.slice())).toEqual({ ok: true, more: true });
    await world.finish();
    expect([outcomes(world).get(image), outcomes(world).get(signature)]).toEqual(["failed", "protected"]);
    expect((await world.run()).counts).toMatchObject({ failed: 1, protected: 1, deletedManifests: 499 });
  }
});

test("an image that the registry does not delete keeps the signatures whose turn comes at the same time", async () => {
  const world = applyWorld();
  const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const signature = world.registry.push(REPOSITORY, { ...OLD, subject: image });
  await world.begin(await planOf(world.registry));
  world.registry.faults.on = ({ operation, item }) =>
    operation === "deleteManifest" && item === image ? refusal(405) : null;
  await world.finish();
  expect([outcomes(world).get(image), outcomes(world).get(signature)]).toEqual(["failed", "protected"]);
});

test("signatures that the registry deletes with their images were deleted by the run; no body is read for it", async () => {
  const world = applyWorld();
  for (let n = 0; n < 400; n++) {
    const image = world.registry.push(REPOSITORY, { ...OLD, tags: [`v${n}`] });
    world.registry.push(REPOSITORY, { ...OLD, subject: image });
  }
  await world.begin(await planOf(world.registry));
  await world.finish();
  expect((await world.run()).counts).toMatchObject({ deletedManifests: 800, gone: 0 });
  expect(requests(world)).toBe(0);
});

test("an index that refers to its own child goes with what that one refers to: it was deleted by the run", async () => {
  const world = applyWorld();
  const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  const child = world.registry.push(REPOSITORY, { ...OLD, subject: image });
  const index = world.registry.push(REPOSITORY, {
    ...OLD,
    mediaType: OCI_INDEX,
    children: [child],
    subject: child,
    tags: ["v2"],
  });
  await world.begin(await planOf(world.registry));
  await world.finish();
  expect(new Set(outcomes(world))).toEqual(new Set([image, index, child].map((digest) => [digest, "deleted"])));
});

test("an image that another deletes between the listing and its deletion is gone", async () => {
  const world = applyWorld();
  const image = world.registry.push(REPOSITORY, { ...OLD, tags: ["v1"] });
  await world.begin(await planOf(world.registry));
  let isFirst = true;
  world.registry.faults.on = async ({ operation }) => {
    if (operation !== "deleteManifest" || !isFirst) return null;
    isFirst = false;
    await world.registry.content.deleteManifest(REPOSITORY, image, new AbortController().signal);
    return null;
  };
  await world.finish();
  expect(world.report().map(({ outcome }) => outcome)).toEqual(["gone"]);
  expect(world.events.some(({ event }) => event === "purge.deleted")).toBe(false);
});

test("whatever is left has its children, its subject and its referrers, and the totals are true", async () => {
  const property = fc.asyncProperty(worlds, fc.integer(), fc.boolean(), async (drawn, seed, servesReferrers) => {
    const chance = chanceOf(seed);
    const all = { ...drawn, rules: [...drawn.rules, rule({ name: "rest", untagged: true })] };
    const registry = registryOf(all, { servesReferrers });
    const world = applyWorld(registry);
    const plan = await planOf(registry, { rules: all.rules, inUse: inUseOf(all), allowLastTag: all.allowLastTag });
    await world.begin(plan);
    const digests = all.manifests.map(({ digest }) => digest);
    for (let count = chance.below(4); count > 0; count--) makeStay(chance, world, digests);
    const before = new Set(digests.filter((digest) => registry.has(REPOSITORY, digest)));
    for (let crashes = chance.below(3); crashes > 0; crashes--) {
      const process = world.newProcess(undefined, 1 + chance.below(60));
      await world.finish(process).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
    }
    await world.finish();
    const deleted = new Set([...before].filter((digest) => !registry.has(REPOSITORY, digest)));
    const going = new Set(plan.filter(({ action }) => action === "delete").map(({ digest }) => digest));
    expect(torn(all, deleted, new Set(registry.digests(REPOSITORY)))).toEqual([]);
    expect([...deleted].filter((digest) => !going.has(digest))).toEqual([]);
    const report: readonly ReportLine[] = world.report();
    const told = report.filter(({ outcome }) => outcome === "deleted").map(({ digest }) => digest);
    expect(told.toSorted()).toEqual([...deleted].toSorted());
    expect((await world.run()).counts).toMatchObject({ deletedManifests: told.length, skipped: 0 });
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}, 600_000);
