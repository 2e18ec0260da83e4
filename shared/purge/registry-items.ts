/** What a registry says of its manifests and tags, as the purge sees it. Types alone; used by every part of the purge. */

/**
 * A tag as the registry lists it. Times are milliseconds since 1970; null = missing or unreadable, which keeps the tag.
 */
export type ListedTag = {
  readonly name: string;
  readonly digest: string;
  readonly updatedAt: number | null;
  /** It may not be deleted, or not be written. */
  readonly isLocked: boolean;
};

/** A manifest as the registry lists it. */
export type ListedManifest = {
  readonly digest: string;
  /** Null: not told, so that it can be anything. */
  readonly mediaType: string | null;
  readonly updatedAt: number | null;
  /** Bytes of what it holds as the registry counts them; null: not told. */
  readonly sizeBytes: number | null;
  readonly isLocked: boolean;
};

/** A manifest with all of its tags' names as its own entry has them: the list of tags may lack some. */
export type ManifestEntry = ListedManifest & { readonly tagNames: readonly string[] };

/** What a registry says of a repository as a whole. Counts are of all that it holds, also of what its lists leave out. */
export type RepositoryEntry = {
  /** Null: not told. */
  readonly manifestCount: number | null;
  readonly tagCount: number | null;
  /** Nothing in it may be deleted, or nothing be written. */
  readonly isLocked: boolean;
};

/** A blob that a manifest names: a layer or its configuration. */
export type BlobPart = { readonly digest: string; readonly sizeBytes: number };

/** What the body of a manifest says. It never changes: it is kept by digest and read once ever. */
export type ManifestFacts = {
  readonly digest: string;
  readonly mediaType: string;
  /** The manifest that it refers to (a signature its image). */
  readonly subject: string | null;
  /** Manifests of an index or list. */
  readonly children: readonly string[];
  /** Layers and configuration; empty for an index. */
  readonly parts: readonly BlobPart[];
};
