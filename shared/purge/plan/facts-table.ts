/** What is known of the bodies of one repository's manifests, by number, in little memory. Used by gather.ts, protect.ts. */

import type { BlobPart, ManifestFacts } from "../registry-items.ts";
import { digestNumbers } from "./digest-numbers.ts";
import type { RepositoryItems } from "./repository-items.ts";

/** Facts of listed manifests; those of others are not taken up. */
export type FactsTable = {
  /** False: it is not of this repository, or was known. */
  add(facts: ManifestFacts): boolean;
  has(manifest: number): boolean;
  /** Null where it has none; -1 where that is not in this repository. Of an unknown body null. */
  subject(manifest: number): number | null;
  /** Of an index, those that are in this repository, itself left out. Of an unknown body none. */
  children(manifest: number): readonly number[];
  /** Number of each blob, and its bytes. */
  parts(manifest: number): Iterable<readonly [part: number, sizeBytes: number]>;
  hasParts(manifest: number): boolean;
  /** All numbers of blobs are below this. */
  readonly ids: number;
  /** All of them, as they were given. */
  all(): Iterable<ManifestFacts>;
};

/** One manifest: digests as numbers; those from the number of manifests on are of blobs and of what is not in the repository. */
type Row = {
  readonly mediaType: string;
  readonly subject: number | null;
  readonly children: readonly number[];
  /** Place of the first part, and how many there are. */
  readonly firstPart: number;
  readonly partCount: number;
};

const NOTHING: readonly number[] = [];
/** Room for so many parts at first. */
const FIRST_PARTS = 1024;

/** An empty table. A digest is held once however many manifests name it, and so is a media type. */
export function factsTable({ manifests, numberOf }: Pick<RepositoryItems, "manifests" | "numberOf">): FactsTable {
  const rows: (Row | undefined)[] = new Array(manifests.length);
  const others = digestNumbers();
  const mediaTypes = new Map<string, string>();
  let partIds = new Int32Array(FIRST_PARTS);
  let partSizes = new Float64Array(FIRST_PARTS);
  let partCount = 0;

  const idOf = (digest: string): number => numberOf(digest) ?? manifests.length + others.of(digest);
  const digestOf = (id: number): string => manifests[id]?.digest ?? others.digest(id - manifests.length);
  const oneOf = (mediaType: string): string => {
    const known = mediaTypes.get(mediaType);
    if (known === undefined) mediaTypes.set(mediaType, mediaType);
    return known ?? mediaType;
  };
  const addPart = ({ digest, sizeBytes }: BlobPart): void => {
    if (partCount === partIds.length) {
      const [ids, sizes] = [partIds, partSizes];
      partIds = new Int32Array(partCount * 2);
      partIds.set(ids);
      partSizes = new Float64Array(partCount * 2);
      partSizes.set(sizes);
    }
    partIds[partCount] = idOf(digest);
    partSizes[partCount] = sizeBytes;
    partCount += 1;
  };
  function* partsOf({ firstPart, partCount: count }: Row): Generator<readonly [id: number, sizeBytes: number]> {
    for (let place = firstPart; place < firstPart + count; place++) yield [partIds[place] ?? 0, partSizes[place] ?? 0];
  }

  return {
    add(facts) {
      const manifest = numberOf(facts.digest);
      if (manifest === undefined || rows[manifest] !== undefined) return false;
      const firstPart = partCount;
      for (const part of facts.parts) addPart(part);
      rows[manifest] = {
        mediaType: oneOf(facts.mediaType),
        subject: facts.subject === null ? null : idOf(facts.subject),
        children: facts.children.length === 0 ? NOTHING : facts.children.map(idOf),
        firstPart,
        partCount: partCount - firstPart,
      };
      return true;
    },
    has: (manifest) => rows[manifest] !== undefined,
    subject(manifest) {
      const subject = rows[manifest]?.subject ?? null;
      return subject === null || subject < manifests.length ? subject : -1;
    },
    children: (manifest) =>
      rows[manifest]?.children.filter((child) => child < manifests.length && child !== manifest) ?? NOTHING,
    *parts(manifest) {
      const row = rows[manifest];
      if (row !== undefined) yield* partsOf(row);
    },
    hasParts: (manifest) => (rows[manifest]?.partCount ?? 0) > 0,
    get ids() {
      return manifests.length + others.size;
    },
    *all() {
      for (const [manifest, row] of rows.entries()) {
        if (row === undefined) continue;
        const parts = [...partsOf(row)].map(([id, sizeBytes]) => ({ digest: digestOf(id), sizeBytes }));
        yield {
          digest: digestOf(manifest),
          mediaType: row.mediaType,
          subject: row.subject === null ? null : digestOf(row.subject),
          children: row.children.map(digestOf),
          parts,
        };
      }
    },
  };
}
