/** What is known of the bodies of one repository's manifests, by number, in little memory. Used by gather.ts, protect.ts. */
import type { ManifestFacts } from "./registry-items.ts";
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
  /** Number of each blob and its bytes, one after the other. */
  parts(manifest: number): readonly number[];
  /** All of them, as they were given. */
  all(): Iterable<ManifestFacts>;
};

/** One manifest: digests as numbers; those from the number of manifests on are of blobs and of what is not in the repository. */
type Row = {
  readonly mediaType: string;
  readonly subject: number | null;
  readonly children: readonly number[];
  readonly parts: readonly number[];
};

const NOTHING: readonly number[] = [];

/** An empty table. A digest is held once however many manifests name it, and so is a media type. */
export function factsTable({ manifests, numberOf }: Pick<RepositoryItems, "manifests" | "numberOf">): FactsTable {
  const rows: (Row | undefined)[] = new Array(manifests.length);
  const others = new Map<string, number>();
  const otherDigests: string[] = [];
  const mediaTypes = new Map<string, string>();

  const idOf = (digest: string): number => {
    const known = numberOf(digest) ?? others.get(digest);
    if (known !== undefined) return known;
    const id = manifests.length + otherDigests.length;
    others.set(digest, id);
    otherDigests.push(digest);
    return id;
  };
  const digestOf = (id: number): string => manifests[id]?.digest ?? otherDigests[id - manifests.length] ?? "";
  const oneOf = (mediaType: string): string => {
    const known = mediaTypes.get(mediaType);
    if (known === undefined) mediaTypes.set(mediaType, mediaType);
    return known ?? mediaType;
  };

  return {
    add(facts) {
      const manifest = numberOf(facts.digest);
      if (manifest === undefined || rows[manifest] !== undefined) return false;
      rows[manifest] = {
        mediaType: oneOf(facts.mediaType),
        subject: facts.subject === null ? null : idOf(facts.subject),
        children: facts.children.length === 0 ? NOTHING : facts.children.map(idOf),
        parts: facts.parts.length === 0 ? NOTHING : facts.parts.flatMap((part) => [idOf(part.digest), part.sizeBytes]),
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
    parts: (manifest) => rows[manifest]?.parts ?? NOTHING,
    *all() {
      for (const [manifest, row] of rows.entries()) {
        if (row === undefined) continue;
        const parts = row.parts.flatMap((id, place) =>
          place % 2 === 0 ? [{ digest: digestOf(id), sizeBytes: row.parts[place + 1] ?? 0 }] : [],
        );
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
