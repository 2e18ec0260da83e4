/** Everything that one registry stores: repositories, manifests, tags, blobs. Used by the routes and by seed-images.ts. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type BlobFiles, openBlobFiles } from "./blob-files.ts";
import { type RegistryAttributes, registryAttributes } from "./registry-attributes.ts";
import { bytesOf, numberOf, openRegistryDatabase, type Row, textOf } from "./registry-database.ts";
import { type RegistryDeletions, registryDeletions } from "./registry-deletions.ts";
import { HIDDEN } from "./registry-locks.ts";
import { migrate } from "./registry-migration.ts";
import { type RegistryPushes, registryPushes } from "./registry-pushes.ts";
import { createTickClock, dateOf } from "./registry-time.ts";

/** A manifest as it was pushed. */
export type StoredManifest = {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Buffer;
  readonly artifactType: string;
  readonly created: Date;
  /** That of its first push: neither another tag nor the loss of one moves it. Source: recordings. */
  readonly updated: Date;
};

/** A tag and what it stands for. */
export type StoredTag = {
  readonly name: string;
  readonly digest: string;
  readonly created: Date;
  readonly updated: Date;
};

/** Content of one registry. Names and digests are checked by the caller. */
export type RegistryContent = RegistryDeletions &
  RegistryPushes & {
    readonly files: BlobFiles;
    readonly attributes: RegistryAttributes;
    /** @returns names behind `last`, at most `limit`, in order */
    repositories(last: string, limit: number): readonly string[];
    hasRepository(name: string): boolean;
    hasBlob(repository: string, digest: string): boolean;
    addBlob(repository: string, digest: string): void;
    /** False when the repository does not have it. Its bytes stay, since others may have it too. */
    removeBlob(repository: string, digest: string): boolean;
    /** @returns id of an empty upload */
    startUpload(repository: string): string;
    hasUpload(repository: string, id: string): boolean;
    endUpload(id: string): void;
    /** By digest or tag. */
    manifest(repository: string, wanted: { readonly digest: string } | { readonly tag: string }): StoredManifest | null;
    hasManifest(repository: string, digest: string): boolean;
    tags(repository: string, last: string, limit: number): readonly StoredTag[];
    /** Manifests that refer to the digest, which need not be there. */
    referrers(repository: string, digest: string): readonly StoredManifest[];
    /** Runs once in the life of the registry's folder; again only when it was cut short. */
    once(work: () => void): void;
    close(): void;
  };

/** @param folder made if it is not there */
export function openRegistryContent(folder: string, now: () => Date): RegistryContent {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = openRegistryDatabase(join(folder, "registry.db"));
  const files = openBlobFiles(folder, now);
  migrate(db, files);
  const stamp = createTickClock(now);
  for (const id of db.all("SELECT id FROM uploads").map((row) => textOf(row, "id"))) {
    if (files.uploadSize(id) === null) db.run("DELETE FROM uploads WHERE id = ?", id);
  }
  const exists = (sql: string, ...values: string[]) => db.get(sql, ...values) !== undefined;
  return {
    ...registryDeletions(db, stamp),
    ...registryPushes(db, stamp),
    files,
    attributes: registryAttributes(db),
    repositories: (last, limit) =>
      db
        .all(
          `SELECT name FROM repositories WHERE name > ? AND locks & ${HIDDEN} = 0 ORDER BY name LIMIT ?`,
          last,
          limit,
        )
        .map((row) => textOf(row, "name")),
    hasRepository: (name) => exists("SELECT 1 FROM repositories WHERE name = ?", name),
    hasBlob: (repository, digest) =>
      exists("SELECT 1 FROM blobs WHERE repository = ? AND digest = ?", repository, digest) &&
      files.size(digest) !== null,
    addBlob(repository, digest) {
      db.run("INSERT OR IGNORE INTO blobs VALUES (?, ?)", repository, digest);
    },
    removeBlob: (repository, digest) =>
      db.run("DELETE FROM blobs WHERE repository = ? AND digest = ?", repository, digest) > 0,
    startUpload(repository) {
      const id = files.start();
      db.run("INSERT INTO uploads VALUES (?, ?, ?)", id, repository, now().getTime());
      return id;
    },
    hasUpload: (repository, id) =>
      exists("SELECT 1 FROM uploads WHERE id = ? AND repository = ?", id, repository) && files.uploadSize(id) !== null,
    endUpload(id) {
      db.run("DELETE FROM uploads WHERE id = ?", id);
      files.cancel(id);
    },
    manifest(repository, wanted) {
      const row =
        "digest" in wanted
          ? db.get("SELECT * FROM manifests WHERE repository = ? AND digest = ?", repository, wanted.digest)
          : db.get(
              `SELECT manifests.* FROM tags JOIN manifests USING (repository, digest)
               WHERE tags.repository = ? AND tags.name = ?`,
              repository,
              wanted.tag,
            );
      return row === undefined ? null : manifestOf(row);
    },
    hasManifest: (repository, digest) =>
      exists("SELECT 1 FROM manifests WHERE repository = ? AND digest = ?", repository, digest),
    tags: (repository, last, limit) =>
      db
        .all(
          `SELECT * FROM tags WHERE repository = ? AND name > ? AND locks & ${HIDDEN} = 0 ORDER BY name LIMIT ?`,
          repository,
          last,
          limit,
        )
        .map((row) => ({ name: textOf(row, "name"), digest: textOf(row, "digest"), ...timesOf(row) })),
    referrers: (repository, digest) =>
      db
        .all(
          "SELECT * FROM manifests WHERE repository = ? AND subject = ? AND subject <> '' ORDER BY digest",
          repository,
          digest,
        )
        .map(manifestOf),
    once(work) {
      if (db.version() > 0) return;
      work();
      db.setVersion(1);
    },
    close: () => db.close(),
  };
}

function manifestOf(row: Row): StoredManifest {
  return {
    digest: textOf(row, "digest"),
    mediaType: textOf(row, "media"),
    content: bytesOf(row, "content"),
    artifactType: textOf(row, "artifact_type"),
    ...timesOf(row),
  };
}

function timesOf(row: Row) {
  return { created: dateOf(numberOf(row, "created")), updated: dateOf(numberOf(row, "updated")) };
}
