/** Brings a registry's database of an earlier version up to date, once. Used by registry-content.ts. */
import type { BlobFiles } from "./blob-files.ts";
import { platformBlob, readManifest, readPlatform } from "./manifest-content.ts";
import { imageSize } from "./registry-attributes.ts";
import { bytesOf, numberOf, type RegistryDatabase, textOf } from "./registry-database.ts";
import { dateOf } from "./registry-time.ts";

/** Bytes of a configuration that is read for its platform: that of a manifest. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const COLUMNS = [
  "repositories ADD COLUMN locks INTEGER NOT NULL DEFAULT 0",
  "tags ADD COLUMN locks INTEGER NOT NULL DEFAULT 0",
  "manifests ADD COLUMN locks INTEGER NOT NULL DEFAULT 0",
  "manifests ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
  "manifests ADD COLUMN config_media TEXT NOT NULL DEFAULT ''",
  "manifests ADD COLUMN architecture TEXT NOT NULL DEFAULT ''",
  "manifests ADD COLUMN os TEXT NOT NULL DEFAULT ''",
];

/** The first version had times in milliseconds since 1970, no locks, and of manifests only what they are made of. */
export function migrate(db: RegistryDatabase, files: BlobFiles): void {
  if (db.get("SELECT 1 FROM pragma_table_info('manifests') WHERE name = 'size'") !== undefined) return;
  db.transaction(() => {
    for (const column of COLUMNS) db.run(`ALTER TABLE ${column}`);
    const epoch = dateOf(0).getTime();
    for (const table of ["repositories", "manifests", "tags"]) {
      db.run(`UPDATE ${table} SET created = (created - ?) * 10000, updated = (updated - ?) * 10000`, epoch, epoch);
    }
    // In the order of their pushes: what an index names is there before it.
    for (const { id } of db.all("SELECT id FROM manifests ORDER BY id")) {
      const row = db.get("SELECT id, repository, media, content FROM manifests WHERE id = ?", id ?? null) ?? {};
      const says = readManifest(bytesOf(row, "content"), textOf(row, "media"));
      const blob = platformBlob(says);
      const { architecture, os } = readPlatform(blob === null ? null : files.small(blob, MAX_CONFIG_BYTES));
      db.run(
        "UPDATE manifests SET size = ?, config_media = ?, architecture = ?, os = ? WHERE id = ?",
        imageSize(db, textOf(row, "repository"), says),
        says.config?.mediaType ?? "",
        architecture,
        os,
        numberOf(row, "id"),
      );
    }
  });
}
