/** How manifests and tags come into a registry, and the times that they bear. Used by registry-content.ts. */
import type { ManifestContent, Platform } from "./manifest-content.ts";
import { imageSize } from "./registry-attributes.ts";
import type { RegistryDatabase } from "./registry-database.ts";

/** A manifest, checked. */
export type PushedManifest = {
  readonly digest: string;
  readonly content: Buffer;
  readonly says: ManifestContent;
  readonly platform: Platform;
};

/** Pushes into one registry. */
export type RegistryPushes = {
  /** @param tag moved to it if it stands elsewhere */
  putManifest(repository: string, manifest: PushedManifest, tag?: string): void;
  /** Many at once, each as if it were pushed at its time, in ticks. Those that are there stay as they are. */
  putManifests(
    repository: string,
    items: Iterable<{ readonly manifest: PushedManifest; readonly tag: string | undefined; readonly at: number }>,
  ): void;
  /**
   * Writes other times, in ticks, to what is named; `all` is the repository with everything in it.
   * @returns how many rows have them now
   */
  setTimes(
    repository: string,
    target: { readonly tag: string } | { readonly digest: string } | "all",
    times: { readonly created?: number | undefined; readonly updated?: number | undefined },
  ): number;
};

/** @param stamp the time, in ticks */
export function registryPushes(db: RegistryDatabase, stamp: () => number): RegistryPushes {
  const putRepository = (repository: string, at: number) =>
    db.run(
      `INSERT INTO repositories (name, created, updated) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET updated = excluded.updated`,
      repository,
      at,
      at,
    );
  const put = (repository: string, { digest, content, says, platform }: PushedManifest, at: number) =>
    db.run(
      `INSERT INTO manifests (repository, digest, media, content, subject, artifact_type, created, updated,
         size, config_media, architecture, os)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET media = excluded.media`,
      repository,
      digest,
      says.mediaType,
      content,
      says.subject,
      says.artifactType,
      at,
      at,
      imageSize(db, repository, says),
      says.config?.mediaType ?? "",
      platform.architecture,
      platform.os,
    );
  const putTag = (repository: string, tag: string, digest: string, at: number) =>
    db.run(
      `INSERT INTO tags (repository, name, digest, created, updated) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated`,
      repository,
      tag,
      digest,
      at,
      at,
    );
  return {
    putManifest(repository, manifest, tag) {
      const at = stamp();
      db.transaction(() => {
        putRepository(repository, at);
        put(repository, manifest, at);
        if (tag !== undefined) putTag(repository, tag, manifest.digest, at);
      });
    },
    putManifests: (repository, items) =>
      db.transaction(() => {
        putRepository(repository, stamp());
        for (const { manifest, tag, at } of items) {
          put(repository, manifest, at);
          if (tag !== undefined) putTag(repository, tag, manifest.digest, at);
        }
        // A repository is as old as the oldest that is in it.
        db.run(
          `UPDATE repositories SET created = MIN(created, (SELECT MIN(created) FROM manifests WHERE repository = ?))
           WHERE name = ?`,
          repository,
          repository,
        );
      }),
    setTimes: (repository, target, { created, updated }) =>
      db.transaction(() => {
        const set = (table: string, where: string, ...values: string[]) =>
          db.run(
            `UPDATE ${table} SET created = COALESCE(?, created), updated = COALESCE(?, updated) WHERE ${where}`,
            created ?? null,
            updated ?? null,
            ...values,
          );
        if (target === "all") {
          const items = ["manifests", "tags"].map((table) => set(table, "repository = ?", repository));
          return items.reduce((total, rows) => total + rows, set("repositories", "name = ?", repository));
        }
        return "tag" in target
          ? set("tags", "repository = ? AND name = ?", repository, target.tag)
          : set("manifests", "repository = ? AND digest = ?", repository, target.digest);
      }),
  };
}
