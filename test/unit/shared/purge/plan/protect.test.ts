import { describe, expect, test } from "vitest";
import {
  DOCKER_IMAGE,
  DOCKER_LIST,
  digestOf,
  fakeRegistry,
  OCI_INDEX,
  refusal,
} from "../../../../support/fakes-purge.ts";
import { daysAgo, type PlanChanges, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

const OLD = daysAgo(30);
const YOUNG = daysAgo(1);
/** `action reason because` by digest; of an image with several lines the last. */
const outcomes = async (registry: ReturnType<typeof fakeRegistry>, changes: PlanChanges = {}) =>
  new Map(
    (await planOf(registry, changes)).map(({ digest, action, reason, because }) => [
      digest,
      [action, reason, because].filter((part) => part !== null).join(" "),
    ]),
  );

describe.each([true, false])("with referrers served: %s", (servesReferrers) => {
  test.each([OCI_INDEX, DOCKER_LIST, null])(
    "a kept %s keeps its children, nested, and misses none that is not there",
    async (mediaType) => {
      const registry = fakeRegistry({ servesReferrers });
      const leaf = registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, updatedAt: OLD });
      const inner = registry.push(REPOSITORY, { mediaType, children: [leaf, digestOf("gone")], updatedAt: OLD });
      const outer = registry.push(REPOSITORY, {
        mediaType,
        children: [digestOf("gone too"), inner],
        tags: ["v"],
        updatedAt: YOUNG,
      });
      const spare = registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, updatedAt: OLD });
      const seen = await outcomes(registry);
      expect([outer, inner, leaf, spare].map((digest) => seen.get(digest))).toEqual([
        "keep young",
        `keep needed ${outer}`,
        `keep needed ${inner}`,
        "delete matched",
      ]);
    },
  );

  test("a tagged child that its rule deletes loses its tag and stays", async () => {
    const registry = fakeRegistry({ servesReferrers });
    const child = registry.push(REPOSITORY, { tags: ["v1-amd64"], updatedAt: OLD });
    const index = registry.push(REPOSITORY, {
      mediaType: OCI_INDEX,
      children: [child],
      tags: ["v1"],
      updatedAt: YOUNG,
    });
    const lines = await planOf(registry);
    expect(lines.map(({ action, digest, tags, because }) => [action, digest, tags, because])).toEqual(
      expect.arrayContaining([
        ["untag", child, ["v1-amd64"], null],
        ["keep", child, [], index],
      ]),
    );
  });

  test("an index with a subject and children: it stays with its subject, and its children with it", async () => {
    const registry = fakeRegistry({ servesReferrers });
    const image = registry.push(REPOSITORY, { tags: ["v"], updatedAt: YOUNG });
    const child = registry.push(REPOSITORY, { updatedAt: OLD });
    const index = registry.push(REPOSITORY, {
      mediaType: OCI_INDEX,
      children: [child],
      subject: image,
      updatedAt: OLD,
    });
    const seen = await outcomes(registry);
    expect([index, child].map((digest) => seen.get(digest))).toEqual([`keep refers ${image}`, `keep needed ${index}`]);
  });

  test("chains of referrers stay with what stays and go with what goes, in order", async () => {
    for (const isKept of [true, false]) {
      const registry = fakeRegistry({ servesReferrers });
      const image = registry.push(REPOSITORY, { tags: ["v"], updatedAt: isKept ? YOUNG : OLD });
      const first = registry.push(REPOSITORY, { subject: image, updatedAt: OLD });
      const second = registry.push(REPOSITORY, { subject: first, updatedAt: OLD });
      const spare = registry.push(REPOSITORY, { tags: ["spare"], updatedAt: YOUNG });
      const seen = await outcomes(registry);
      const kept = ["keep young", `keep refers ${image}`, `keep refers ${first}`, "keep young"];
      const gone = ["delete matched", "delete matched", "delete matched", "keep young"];
      expect([image, first, second, spare].map((digest) => seen.get(digest))).toEqual(isKept ? kept : gone);
      const byTag = await planOf(registry, { rules: [rule()] });
      const following = byTag.map(({ action, digest, after, rules }) => [action, digest, after, rules]);
      if (!isKept) {
        expect(following.slice(0, 3)).toEqual([
          ["delete", image, [], ["old"]],
          ["delete", first, [image], ["old"]],
          ["delete", second, [first], ["old"]],
        ]);
      }
    }
  });

  test.each([
    ["young", { updatedAt: YOUNG }, {}],
    ["locked", { isLocked: true }, {}],
    ["tagged", { tags: ["signature"], updatedAt: YOUNG }, {}],
    [
      "kept by a rule",
      {},
      { rules: [rule(), rule({ name: "k", action: "keep", tags: null, untagged: true, olderThanSeconds: null })] },
    ],
  ])("a referrer that is %s keeps its subject, which loses its tag", async (_, referrer, changes) => {
    const registry = fakeRegistry({ servesReferrers });
    const image = registry.push(REPOSITORY, { tags: ["v"], updatedAt: OLD });
    const it = registry.push(REPOSITORY, { subject: image, updatedAt: OLD, ...referrer });
    const lines = await planOf(registry, changes);
    expect(lines.filter(({ digest }) => digest === image).map(({ action, because }) => [action, because])).toEqual([
      ["untag", null],
      ["keep", it],
    ]);
  });

  test.each([".sig", ".att", ".sbom", "", ".sig-2"])(
    "tag-style signatures %s stay with the image, and go by their own rule behind it",
    async (suffix) => {
      const registry = fakeRegistry({ servesReferrers });
      const kept = registry.push(REPOSITORY, { tags: ["new"], updatedAt: YOUNG });
      const gone = registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD });
      const sign = (digest: string) =>
        registry.push(REPOSITORY, { tags: [`${digest.replace(":", "-")}${suffix}`], updatedAt: OLD });
      const [ofKept, ofGone] = [sign(kept), sign(gone)];
      const seen = await outcomes(registry);
      expect([ofKept, ofGone].map((digest) => seen.get(digest))).toEqual([`keep refers ${kept}`, "delete matched"]);
      const line = (await planOf(registry)).find(({ digest }) => digest === ofGone);
      expect(line?.after).toEqual([gone]);
      expect((await outcomes(registry, { rules: [rule({ tags: "old" })] })).get(ofGone)).toBe("keep no-rule");
    },
  );

  test("bodies in a circle end, and thousands in a chain are no depth", async () => {
    const registry = fakeRegistry({ servesReferrers });
    const [one, two] = [digestOf("one"), digestOf("two")];
    registry.push(REPOSITORY, {
      digest: one,
      mediaType: OCI_INDEX,
      children: [one, two],
      subject: two,
      updatedAt: OLD,
    });
    registry.push(REPOSITORY, { digest: two, mediaType: OCI_INDEX, children: [one], subject: one, updatedAt: OLD });
    const circle = await planOf(registry);
    expect(circle.map(({ action }) => action)).toEqual(["delete", "delete"]);
    let last = registry.push(REPOSITORY, { tags: ["v"], updatedAt: YOUNG });
    for (let i = 0; i < 3_000; i++) last = registry.push(REPOSITORY, { subject: last, updatedAt: OLD });
    expect((await outcomes(registry)).get(last)).toMatch(/^keep refers /);
  });

  test("an index that cannot be read keeps everything, tags too", async () => {
    const registry = fakeRegistry({ servesReferrers });
    const index = registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: ["v1"], updatedAt: OLD });
    registry.push(REPOSITORY, { updatedAt: OLD });
    registry.push(REPOSITORY, { tags: ["v1-amd64"], updatedAt: OLD });
    registry.faults.on = ({ operation }) => (operation === "facts" ? refusal(500) : null);
    const seen = await outcomes(registry);
    expect([...seen.values()].sort()).toEqual([
      "keep unreadable",
      `keep unreadable ${index}`,
      `keep unreadable ${index}`,
    ]);
  });
});

test("where referrers are not told and a kept body cannot be read, nothing goes: it may refer to anything", async () => {
  const registry = fakeRegistry({ servesReferrers: false });
  const kept = registry.push(REPOSITORY, { tags: ["new"], updatedAt: YOUNG });
  const old = registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, updatedAt: OLD });
  registry.faults.on = ({ operation }) => (operation === "facts" ? refusal(403) : null);
  expect((await outcomes(registry)).get(old)).toBe(`keep unreadable ${kept}`);
});
test("a kept body that cannot be read is no matter where the registry tells what refers to what goes", async () => {
  const registry = fakeRegistry();
  registry.push(REPOSITORY, { tags: ["new"], updatedAt: YOUNG });
  const old = registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, updatedAt: OLD });
  registry.faults.on = ({ operation }) => (operation === "facts" ? refusal(403) : null);
  expect((await outcomes(registry)).get(old)).toBe("delete matched");
});
test("an image that is locked, but included, keeps its tags when something kept needs it", async () => {
  const registry = fakeRegistry();
  const child = registry.push(REPOSITORY, { tags: ["v1-amd64"], updatedAt: OLD, isLocked: true });
  const index = registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [child], tags: ["v1"], updatedAt: YOUNG });
  registry.push(REPOSITORY, { tags: ["v0"], updatedAt: OLD });
  const lines = await planOf(registry, { rules: [rule({ includeLocked: true })] });
  expect(lines.filter(({ digest }) => digest === child)).toMatchObject([
    { action: "keep", tags: ["v1-amd64"], reason: "needed", because: index },
  ]);
});
test("what is needed and also refers to something kept is told to be needed", async () => {
  for (const words of [
    ["a", "b"],
    ["b", "a"],
  ]) {
    const registry = fakeRegistry();
    const [image, signature] = words.map((word) => digestOf(`${word}-both`));
    registry.push(REPOSITORY, { digest: image ?? "", tags: ["image"], updatedAt: YOUNG });
    const both = registry.push(REPOSITORY, { subject: image ?? null, updatedAt: OLD });
    registry.push(REPOSITORY, { digest: signature ?? "", subject: both, tags: ["signature"], updatedAt: YOUNG });
    expect((await outcomes(registry)).get(both)).toBe(`keep needed ${signature}`);
  }
});
