import { expect, test } from "vitest";
import { repositoryItems } from "../../../../shared/purge/plan/repository-items.ts";
import { keyOfDigest, signedKey } from "../../../../shared/purge/signature-tag.ts";

const HEX = "0123456789abcdef".repeat(4);

test.each(["", ".sig", ".att", ".sbom", "-sig", ".sig2", ".a.b"])(
  "a digest and %j names what it belongs to",
  (suffix) => {
    expect(signedKey(`sha256-${HEX}${suffix}`)).toBe(keyOfDigest(`sha256:${HEX}`));
    expect(signedKey(`sha512-${HEX}${suffix}`)).toBe(keyOfDigest(`sha512:${HEX}${"f".repeat(64)}`));
  },
);

test.each([
  `sha256-${HEX}a`,
  `sha256-${HEX.slice(1)}`,
  `sha256-${HEX.toUpperCase()}`,
  `sha256-${HEX}_sig`,
  `sha384-${HEX}`,
  `x-sha256-${HEX}`,
  `sha256:${HEX}`,
  "latest",
  "",
])("%j is the name of an image", (tag) => {
  expect(signedKey(tag)).toBeNull();
});

test("a repository finds what a tag signs by either digest, and nothing where it is not there", () => {
  const free = { mediaType: null, updatedAt: 0, sizeBytes: null, isLocked: false };
  const digests = [`sha256:${HEX}`, `sha512:${HEX}${"1".repeat(64)}`];
  const names = [`sha256-${HEX}.sig`, `sha512-${HEX}`, `sha512-${"2".repeat(64)}.sig`];
  const items = repositoryItems(
    "app",
    digests.map((digest) => ({ ...free, digest })),
    names.map((name) => ({ name, digest: `sha256:${HEX}`, updatedAt: 0, isLocked: false })),
  );
  const signed = items.tags.map(({ name }, tag) => [name, items.manifests[items.signedBy(tag) ?? -1]?.digest]);
  expect(signed).toEqual([
    [names[0], digests[0]],
    [names[1], digests[1]],
    [names[2], undefined],
  ]);
});
