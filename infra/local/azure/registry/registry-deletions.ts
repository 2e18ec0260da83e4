/** What deletions take away with them, and what locks keep. Used by registry-content.ts. */
import { numberOf, type RegistryDatabase, textOf } from "./registry-database.ts";
import { forbids, KEPT } from "./registry-locks.ts";

/** How a deletion ended. A refused one took nothing away. */
export type Deletion = "deleted" | "unknown" | "locked";
/** A whole repository, by what it had. */
export type RepositoryDeletion =
  | { readonly outcome: "unknown" | "locked" }
  | { readonly outcome: "deleted"; readonly manifests: readonly string[]; readonly tags: readonly string[] };

/** Deletions in one registry. */
export type RegistryDeletions = {
  /** The manifest stays, whatever its own lock. */
  removeTag(repository: string, name: string): Deletion;
  /**
   * With its tags and what refers to it, however far; what an index names stays, and an index stays without what it
   * named. A lock of any of these keeps all of them.
   */
  removeManifest(repository: string, digest: string): Deletion;
  removeRepository(name: string): RepositoryDeletion;
};

/** @param stamp the time, in ticks */
export function registryDeletions(db: RegistryDatabase, stamp: () => number): RegistryDeletions {
  const keeps = (sql: string, ...values: string[]) => {
    const row = db.get(sql, ...values);
    return row !== undefined && (numberOf(row, "locks") & KEPT) !== 0;
  };
  /** A repository that may not be deleted still lets its images go; one that may not be written does not. */
  const isReadOnly = (repository: string) => {
    const row = db.get("SELECT locks FROM repositories WHERE name = ?", repository);
    return row !== undefined && forbids(numberOf(row, "locks"), "writeEnabled");
  };
  const withReferrers = (repository: string, digest: string): readonly string[] => {
    const found = new Set([digest]);
    for (const subject of found) {
      const sql = "SELECT digest FROM manifests WHERE repository = ? AND subject = ? AND subject <> ''";
      for (const row of db.all(sql, repository, subject)) found.add(textOf(row, "digest"));
    }
    return [...found];
  };
  const touch = (repository: string) =>
    db.run("UPDATE repositories SET updated = ? WHERE name = ?", stamp(), repository);
  return {
    removeTag: (repository, name) =>
      db.transaction(() => {
        const sql = "SELECT locks FROM tags WHERE repository = ? AND name = ?";
        if (db.get(sql, repository, name) === undefined) return "unknown";
        if (isReadOnly(repository) || keeps(sql, repository, name)) return "locked";
        db.run("DELETE FROM tags WHERE repository = ? AND name = ?", repository, name);
        touch(repository);
        return "deleted";
      }),
    removeManifest: (repository, digest) =>
      db.transaction(() => {
        const sql = "SELECT locks FROM manifests WHERE repository = ? AND digest = ?";
        if (db.get(sql, repository, digest) === undefined) return "unknown";
        if (isReadOnly(repository)) return "locked";
        const gone = withReferrers(repository, digest);
        for (const one of gone) {
          const tag = `SELECT locks FROM tags WHERE repository = ? AND digest = ? AND locks & ${KEPT} <> 0 LIMIT 1`;
          if (keeps(sql, repository, one) || keeps(tag, repository, one)) return "locked";
        }
        for (const one of gone) {
          db.run("DELETE FROM manifests WHERE repository = ? AND digest = ?", repository, one);
          db.run("DELETE FROM tags WHERE repository = ? AND digest = ?", repository, one);
        }
        // A repository is what has manifests.
        const left = db.get("SELECT 1 FROM manifests WHERE repository = ? LIMIT 1", repository);
        if (left === undefined) db.run("DELETE FROM repositories WHERE name = ?", repository);
        else touch(repository);
        return "deleted";
      }),
    removeRepository: (name) =>
      db.transaction(() => {
        const sql = "SELECT locks FROM repositories WHERE name = ?";
        if (db.get(sql, name) === undefined) return { outcome: "unknown" };
        const inIt = ["manifests", "tags"].some((table) =>
          keeps(`SELECT locks FROM ${table} WHERE repository = ? AND locks & ${KEPT} <> 0 LIMIT 1`, name),
        );
        if (inIt || keeps(sql, name)) return { outcome: "locked" };
        const all = (column: string, table: string) =>
          db
            .all(`SELECT ${column} FROM ${table} WHERE repository = ? ORDER BY ${column}`, name)
            .map((row) => textOf(row, column));
        const [manifests, tags] = [all("digest", "manifests"), all("name", "tags")];
        for (const table of ["manifests", "tags", "blobs"]) db.run(`DELETE FROM ${table} WHERE repository = ?`, name);
        db.run("DELETE FROM repositories WHERE name = ?", name);
        return { outcome: "deleted", manifests, tags };
      }),
  };
}
