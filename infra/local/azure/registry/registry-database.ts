/** What one registry knows of its repositories, manifests, tags and blobs, in SQLite. Used by registry-content.ts. */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";

/**
 * Times are ticks (registry-time.ts). `locks` is a set of bits (registry-locks.ts). A blob is in a repository when it was
 * pushed or mounted there. `media` of a manifest is its media type; `subject` the digest that it refers to, or empty;
 * `size` that of its configuration and layers, or of what an index names. What lists tell of a manifest has columns of
 * its own, so that no list reads contents.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS repositories (
    name TEXT PRIMARY KEY, created INTEGER NOT NULL, updated INTEGER NOT NULL, locks INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS blobs (
    repository TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, repository TEXT NOT NULL, created INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manifests (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL, digest TEXT NOT NULL, media TEXT NOT NULL, content BLOB NOT NULL,
    subject TEXT NOT NULL, artifact_type TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, config_media TEXT NOT NULL DEFAULT '',
    architecture TEXT NOT NULL DEFAULT '', os TEXT NOT NULL DEFAULT '', locks INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository, digest)
  );
  CREATE INDEX IF NOT EXISTS manifests_by_subject ON manifests (repository, subject, digest) WHERE subject <> '';
  CREATE INDEX IF NOT EXISTS manifests_by_time ON manifests (repository, updated, digest);
  CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, locks INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository, name)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository, digest);
  CREATE INDEX IF NOT EXISTS tags_by_time ON tags (repository, updated, name);
`;

/** KiB: the indexes of 100,000 manifests, whose digests come in no order, fit in. */
const CACHE_KIB = 32_768;

/** One row, by column. */
export type Row = Readonly<Record<string, SQLOutputValue>>;
/** A value that a statement is given. */
export type Value = SQLInputValue;

/** An open database. Statements are compiled once each. */
export type RegistryDatabase = {
  all(sql: string, ...values: readonly Value[]): readonly Row[];
  get(sql: string, ...values: readonly Value[]): Row | undefined;
  /** @returns rows that it changed */
  run(sql: string, ...values: readonly Value[]): number;
  /** All of it or nothing. */
  transaction<T>(work: () => T): T;
  /** A number of the caller's, 0 at first. */
  version(): number;
  setVersion(version: 1): void;
  close(): void;
};

/** @param file made if it is not there; what a transaction wrote survives `kill -9` */
export function openRegistryDatabase(file: string): RegistryDatabase {
  const database = new DatabaseSync(file);
  // NORMAL: a write is in the file before the answer, but waits for no disk. A power loss can take the last ones.
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}; ${SCHEMA}`);
  const compiled = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const prepare = (sql: string) => {
    const known = compiled.get(sql) ?? database.prepare(sql);
    compiled.set(sql, known);
    return known;
  };
  return {
    all: (sql, ...values) => prepare(sql).all(...values),
    get: (sql, ...values) => prepare(sql).get(...values),
    run: (sql, ...values) => Number(prepare(sql).run(...values).changes),
    transaction(work) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    version: () => numberOf(prepare("PRAGMA user_version").get() ?? {}, "user_version"),
    setVersion: (version) => database.exec(`PRAGMA user_version = ${version}`),
    close: () => database.close(),
  };
}

/** A text of a row. @throws Error when the column holds none: the statement is wrong */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new Error(`column ${column} holds no text`);
  return value;
}

/** A number of a row. @throws Error as `textOf` */
export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new Error(`column ${column} holds no number`);
  return value;
}

/** Bytes of a row. @throws Error as `textOf` */
export function bytesOf(row: Row, column: string): Buffer {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new Error(`column ${column} holds no bytes`);
  return Buffer.from(value);
}
