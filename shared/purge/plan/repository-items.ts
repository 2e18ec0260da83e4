/** All tags and manifests of one repository, by number: what the plan of it works on. Used by every step of the plan. Pure. */
import type { ListedManifest, ListedTag } from "../registry-items.ts";
import { keyOfDigest, signedKey } from "../signature-tag.ts";

/**
 * A manifest's number is the place of its digest in the order of digests, so that nothing depends on the order in which the
 * registry listed them.
 */
export type RepositoryItems = {
  readonly repository: string;
  /** Nothing in it may be deleted, or nothing be written. */
  readonly isLocked: boolean;
  readonly manifests: readonly ListedManifest[];
  /** Manifests that were listed; the others are only named by a tag. */
  readonly listed: number;
  /** Tags by manifest, and within one by name. */
  readonly tags: readonly ListedTag[];
  /** Tags of manifest m: from firstTag[m] up to firstTag[m + 1]. */
  readonly firstTag: Int32Array;
  /** Undefined: not in this repository. */
  numberOf(digest: string): number | undefined;
  /** The manifest that a tag's name signs, when it is in this repository. */
  signedBy(tag: number): number | undefined;
};

/**
 * The items in their order. Of what is listed twice (a page that moved) the later time and any lock count; of a tag that was
 * listed with two digests, both images are of unknown time, so that both stay.
 */
export function repositoryItems(
  repository: string,
  listedManifests: Iterable<ListedManifest>,
  listedTags: Iterable<ListedTag>,
  isLocked = false,
): RepositoryItems {
  const byDigest = new Map<string, ListedManifest>();
  for (const manifest of listedManifests) {
    const other = byDigest.get(manifest.digest);
    byDigest.set(manifest.digest, other === undefined ? manifest : saferOf(other, manifest));
  }
  const listed = byDigest.size;
  const ofUnknownTime = (digest: string) => {
    byDigest.set(digest, { ...(byDigest.get(digest) ?? unlisted(digest)), updatedAt: null });
  };
  const byName = new Map<string, ListedTag>();
  for (const tag of listedTags) {
    const other = byName.get(tag.name);
    // Named by a tag, but not listed: it was pushed or deleted just now.
    const image = byDigest.get(tag.digest) ?? unlisted(tag.digest);
    byDigest.set(tag.digest, image);
    // One text for both: each page has its own.
    byName.set(tag.name, { ...(other === undefined ? tag : saferOf(other, tag)), digest: image.digest });
    if (other !== undefined && other.digest !== tag.digest) [other.digest, tag.digest].forEach(ofUnknownTime);
  }
  return { ...numbered([...byDigest.values()], [...byName.values()]), repository, listed, isLocked };
}

function numbered(
  manifests: ListedManifest[],
  tags: ListedTag[],
): Omit<RepositoryItems, "repository" | "listed" | "isLocked"> {
  manifests.sort((one, other) => compareText(one.digest, other.digest));
  const numbers = new Map(manifests.map(({ digest }, number) => [digest, number]));
  tags.sort((one, other) => compareText(one.digest, other.digest) || compareText(one.name, other.name));
  const firstTag = new Int32Array(manifests.length + 1);
  let next = 0;
  for (const [number, { digest }] of manifests.entries()) {
    while (tags[next]?.digest === digest) next += 1;
    firstTag[number + 1] = next;
  }
  // A key is the whole digest, but for those that are longer.
  const byKey = new Map(manifests.flatMap(({ digest }, number) => keyed(digest, number)));
  return {
    manifests,
    tags,
    firstTag,
    numberOf: (digest) => numbers.get(digest),
    signedBy(tag) {
      const key = signedKey(tags[tag]?.name ?? "");
      return key === null ? undefined : (numbers.get(key) ?? byKey.get(key));
    },
  };
}

function keyed(digest: string, number: number): readonly (readonly [string, number])[] {
  const key = keyOfDigest(digest);
  return key === digest ? [] : [[key, number]];
}

/** By code units: the same everywhere, whatever the language of the machine. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** Numbers of the tags of a manifest. */
export function* tagsOf({ firstTag }: Pick<RepositoryItems, "firstTag">, manifest: number): Generator<number> {
  const end = firstTag[manifest + 1] ?? 0;
  for (let tag = firstTag[manifest] ?? 0; tag < end; tag++) yield tag;
}

/** Whether any tag names it. */
export function isTagged({ firstTag }: Pick<RepositoryItems, "firstTag">, manifest: number): boolean {
  return firstTag[manifest] !== firstTag[manifest + 1];
}

function saferOf<T extends { readonly updatedAt: number | null; readonly isLocked: boolean }>(one: T, other: T): T {
  const isUnknown = one.updatedAt === null || other.updatedAt === null;
  return {
    ...other,
    updatedAt: isUnknown ? null : Math.max(one.updatedAt ?? 0, other.updatedAt ?? 0),
    isLocked: one.isLocked || other.isLocked,
  };
}

/** Anything can be in it, and it is as young as can be. */
const unlisted = (digest: string): ListedManifest => ({
  digest,
  mediaType: null,
  updatedAt: null,
  sizeBytes: null,
  isLocked: false,
});
