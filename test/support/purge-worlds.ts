/** Random small repositories with everything that can hang together, for the property tests of the plan. */
import fc from "fast-check";
import { type InUse, inUseMaker } from "../../shared/purge/in-use/in-use.ts";
import { DOCKER_IMAGE, digestOf, type FakeRegistry, fakeRegistry, OCI_IMAGE, OCI_INDEX } from "./fakes-purge.ts";
import { daysAgo, REPOSITORY, rule } from "./purge-plan.ts";

export type WorldTag = { readonly name: string; readonly days: number | null; readonly isLocked: boolean };
export type WorldManifest = {
  readonly digest: string;
  readonly mediaType: string | null;
  /** Age; null: unknown. */
  readonly days: number | null;
  readonly isLocked: boolean;
  readonly children: readonly string[];
  readonly subject: string | null;
  readonly tags: readonly WorldTag[];
};
export type World = {
  readonly manifests: readonly WorldManifest[];
  readonly rules: readonly ReturnType<typeof rule>[];
  readonly usedTags: readonly string[];
  readonly usedDigests: readonly string[];
  readonly allowLastTag: boolean;
};

const MANIFESTS = 9;
/** One more than there are: it is named, but not there. */
const digestAt = (place: number) => digestOf(`world ${place}`);
/** Mostly one of the first, so that many name the same. */
const place = fc.oneof(fc.nat({ max: MANIFESTS }), fc.constantFrom(0, 1));
const days = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(8, 9, 20, 30, 30, 30) },
  { weight: 2, arbitrary: fc.constantFrom(1, 7) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const rarely = fc.nat({ max: 19 }).map((number) => number === 0);

const tag = fc.record({
  word: fc.constantFrom("v", "v", "w", "keep", "signature"),
  signed: place,
  days,
  isLocked: rarely,
});
const manifest = fc.record({
  kind: fc.constantFrom("image", "image", "docker", "index", "index", "unknown"),
  days,
  isLocked: rarely,
  children: fc.oneof(fc.array(place, { maxLength: 0 }), fc.array(place, { maxLength: 3 })),
  subject: fc.option(place, { freq: 2 }),
  tags: fc.oneof(fc.array(tag, { maxLength: 0 }), fc.array(tag, { minLength: 1, maxLength: 2 })),
});
const actions = (weight: number) =>
  fc.oneof(
    { weight, arbitrary: fc.constant("delete" as const) },
    { weight: 1, arbitrary: fc.constant("keep" as const) },
  );
const ruleInput = fc.record({
  action: actions(5),
  repositories: fc.constantFrom(...Array<string>(9).fill(".*"), "other"),
  tags: fc.constantFrom(".*", ".*", ".*", ".*", "v.*", "keep.*|w.*", "sha256-.*", null),
  untagged: fc.nat({ max: 2 }).map((number) => number === 0),
  olderThanSeconds: fc.constantFrom(7 * 86_400, 7 * 86_400, 15 * 86_400, null),
  keepNewest: fc.constantFrom(0, 0, 0, 1, 2),
  includeLocked: rarely,
});

/** Bodies may name themselves, each other in circles, and what is not there. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    manifests: fc.array(manifest, { minLength: 1, maxLength: MANIFESTS, size: "max" }),
    rules: fc.array(ruleInput, { minLength: 1, maxLength: 3 }),
    usedTags: fc.array(fc.constantFrom("v-0-0", "w-1-0", "keep-2-0"), { maxLength: 1 }),
    usedDigests: fc.oneof(fc.constant([]), fc.array(place.map(digestAt), { maxLength: 1 })),
    allowLastTag: fc.boolean(),
  })
  .map(({ manifests, rules, ...others }) => ({
    ...others,
    rules: rules.map((input, index) => rule({ name: `rule-${index}`, ...input })),
    manifests: manifests.map((it, index) => ({
      digest: digestAt(index),
      mediaType: { image: OCI_IMAGE, docker: DOCKER_IMAGE, index: OCI_INDEX, unknown: null }[it.kind] ?? null,
      days: it.days,
      isLocked: it.isLocked,
      children: it.kind === "index" || it.kind === "unknown" ? it.children.map(digestAt) : [],
      subject: it.kind === "docker" || it.subject === null ? null : digestAt(it.subject),
      tags: onceEach(
        it.tags.map(({ word, signed, ...rest }, number) => ({
          ...rest,
          name: word === "signature" ? `sha256-${digestAt(signed).slice(7)}.sig${index}` : `${word}-${index}-${number}`,
        })),
      ),
    })),
  }));

function onceEach(tags: readonly WorldTag[]): readonly WorldTag[] {
  return tags.filter(({ name }, index) => tags.findIndex((other) => other.name === name) === index);
}

const timeOf = (age: number | null) => (age === null ? null : daysAgo(age));

/** The world as a registry. */
export function registryOf(world: World, options: Parameters<typeof fakeRegistry>[0] = {}): FakeRegistry {
  const registry = fakeRegistry(options);
  for (const { days: age, tags, ...others } of world.manifests) {
    registry.push(REPOSITORY, { ...others, updatedAt: timeOf(age) });
    for (const it of tags) registry.tag(REPOSITORY, it.name, others.digest, timeOf(it.days), it.isLocked);
  }
  return registry;
}

/** What is in use of it, by the cluster `cluster`. */
export function inUseOf(world: World): InUse {
  const maker = inUseMaker();
  const image = { kind: "image", repository: REPOSITORY } as const;
  for (const name of world.usedTags) maker.addImage({ ...image, tag: name, digest: null }, "cluster");
  for (const digest of world.usedDigests) maker.addImage({ ...image, tag: null, digest }, "cluster");
  return maker.inUse;
}
