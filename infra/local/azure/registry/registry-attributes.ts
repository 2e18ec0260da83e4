/** What a registry tells of its repositories, manifests and tags beside their contents. Used by registry-content.ts. */
import type { ManifestContent } from "./manifest-content.ts";
import { numberOf, type RegistryDatabase, type Row, textOf, type Value } from "./registry-database.ts";
import { changedLocks, HIDDEN, type LockChanges } from "./registry-locks.ts";

/** Times in ticks, locks as bits. */
type Common = { readonly created: number; readonly updated: number; readonly locks: number };
/** Of a repository. */
export type RepositoryAttributes = Common & { readonly manifestCount: number; readonly tagCount: number };
/** Of a tag. */
export type TagAttributes = Common & { readonly name: string; readonly digest: string };
/** Of a manifest; texts are empty where there is nothing to tell. */
export type ManifestAttributes = Common & {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  readonly configMediaType: string;
  readonly artifactType: string;
  readonly subject: string;
  readonly architecture: string;
  readonly os: string;
  readonly tags: readonly string[];
};

/** Which items of a list: behind a name, or behind a time and a name. */
export type Page = {
  readonly order: "name" | "timeasc" | "timedesc";
  readonly after: { readonly name: string; readonly ticks: number } | null;
  readonly limit: number;
};

/** Attributes of one registry. A lock changes no time. Source of that: recordings. */
export type RegistryAttributes = {
  /** Of the repository itself, or of something in it; 0 for what is not there. */
  locksOf(repository: string, item?: { readonly digest: string } | { readonly tag: string }): number;
  repository(name: string): RepositoryAttributes | null;
  lockRepository(name: string, changes: LockChanges): void;
  tag(repository: string, name: string): TagAttributes | null;
  lockTag(repository: string, name: string, changes: LockChanges): void;
  /** Without those that a lock hides. @param digest only tags of that manifest; undefined for all */
  tags(repository: string, page: Page, digest?: string): readonly TagAttributes[];
  manifest(repository: string, digest: string): ManifestAttributes | null;
  lockManifest(repository: string, digest: string, changes: LockChanges): void;
  /** Without those that a lock hides. */
  manifests(repository: string, page: Page): readonly ManifestAttributes[];
};

const MANIFEST_COLUMNS = `digest, size, media, config_media, artifact_type, subject, architecture, os,
  created, updated, locks`;

export function registryAttributes(db: RegistryDatabase): RegistryAttributes {
  const manifestOf = (repository: string, row: Row): ManifestAttributes => {
    const digest = textOf(row, "digest");
    const tags = db.all("SELECT name FROM tags WHERE repository = ? AND digest = ? ORDER BY name", repository, digest);
    return {
      digest,
      size: numberOf(row, "size"),
      mediaType: textOf(row, "media"),
      configMediaType: textOf(row, "config_media"),
      artifactType: textOf(row, "artifact_type"),
      subject: textOf(row, "subject"),
      architecture: textOf(row, "architecture"),
      os: textOf(row, "os"),
      tags: tags.map((tag) => textOf(tag, "name")),
      ...commonOf(row),
    };
  };
  const lock = (table: string, where: string, changes: LockChanges, ...values: readonly Value[]) => {
    const row = db.get(`SELECT locks FROM ${table} WHERE ${where}`, ...values);
    if (row === undefined) return;
    db.run(`UPDATE ${table} SET locks = ? WHERE ${where}`, changedLocks(numberOf(row, "locks"), changes), ...values);
  };
  const count = (table: string, repository: string) =>
    numberOf(db.get(`SELECT COUNT(*) AS items FROM ${table} WHERE repository = ?`, repository) ?? {}, "items");
  return {
    locksOf(repository, item) {
      const row =
        item === undefined
          ? db.get("SELECT locks FROM repositories WHERE name = ?", repository)
          : "tag" in item
            ? db.get("SELECT locks FROM tags WHERE repository = ? AND name = ?", repository, item.tag)
            : db.get("SELECT locks FROM manifests WHERE repository = ? AND digest = ?", repository, item.digest);
      return row === undefined ? 0 : numberOf(row, "locks");
    },
    repository(name) {
      const row = db.get("SELECT created, updated, locks FROM repositories WHERE name = ?", name);
      if (row === undefined) return null;
      return { ...commonOf(row), manifestCount: count("manifests", name), tagCount: count("tags", name) };
    },
    lockRepository: (name, changes) => lock("repositories", "name = ?", changes, name),
    tag(repository, name) {
      const row = db.get("SELECT * FROM tags WHERE repository = ? AND name = ?", repository, name);
      return row === undefined ? null : tagOf(row);
    },
    lockTag: (repository, name, changes) => lock("tags", "repository = ? AND name = ?", changes, repository, name),
    tags(repository, page, digest) {
      const { where, order, values } = pageOf("name", page);
      const only = digest === undefined ? "" : "AND digest = ?";
      const rows = db.all(
        `SELECT name, digest, created, updated, locks FROM tags
         WHERE repository = ? AND locks & ${HIDDEN} = 0 ${only} ${where} ${order} LIMIT ?`,
        repository,
        ...(digest === undefined ? [] : [digest]),
        ...values,
        page.limit,
      );
      return rows.map(tagOf);
    },
    manifest(repository, digest) {
      const row = db.get(
        `SELECT ${MANIFEST_COLUMNS} FROM manifests WHERE repository = ? AND digest = ?`,
        repository,
        digest,
      );
      return row === undefined ? null : manifestOf(repository, row);
    },
    lockManifest: (repository, digest, changes) =>
      lock("manifests", "repository = ? AND digest = ?", changes, repository, digest),
    manifests(repository, page) {
      const { where, order, values } = pageOf("digest", page);
      const rows = db.all(
        `SELECT ${MANIFEST_COLUMNS} FROM manifests
         WHERE repository = ? AND locks & ${HIDDEN} = 0 ${where} ${order} LIMIT ?`,
        repository,
        ...values,
        page.limit,
      );
      return rows.map((row) => manifestOf(repository, row));
    },
  };
}

/**
 * Bytes that the service tells of a manifest: configuration and layers; of an index, those of what it names, as recordings
 * show it.
 */
export function imageSize(db: RegistryDatabase, repository: string, says: ManifestContent): number {
  return says.manifests.reduce((total, child) => {
    const row = db.get("SELECT size FROM manifests WHERE repository = ? AND digest = ?", repository, child);
    return total + (row === undefined ? 0 : numberOf(row, "size"));
  }, says.size);
}

/** Each order has an index that begins with the repository; a page starts where its cursor stands there. */
function pageOf(column: "name" | "digest", { order, after }: Page) {
  if (order === "name") {
    const where = after === null ? "" : `AND ${column} > ?`;
    return { where, order: `ORDER BY ${column}`, values: after === null ? [] : [after.name] };
  }
  // Newest first, and names in their order within one time: the service's keys count down from the end of time.
  const [sign, direction] = order === "timedesc" ? ["<", "DESC"] : [">", "ASC"];
  // The first of these conditions is what the index is searched with.
  const where = after === null ? "" : `AND updated ${sign}= ? AND (updated <> ? OR ${column} > ?)`;
  const values = after === null ? [] : [after.ticks, after.ticks, after.name];
  return { where, order: `ORDER BY updated ${direction}, ${column}`, values };
}

function tagOf(row: Row): TagAttributes {
  return { name: textOf(row, "name"), digest: textOf(row, "digest"), ...commonOf(row) };
}

function commonOf(row: Row): Common {
  return { created: numberOf(row, "created"), updated: numberOf(row, "updated"), locks: numberOf(row, "locks") };
}
