/** State of the emulated services: one JSON file a document under `.local/`, written whole and atomically. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A persistent JSON value. `update` returns when the new value is on disk; the value survives `kill -9`. */
export type Document<T> = { read(): T; update(change: (value: T) => void): void };
/** Opens documents by name; a document that does not exist yet starts as `initial()`. */
export type StateStore = { document<T>(name: string, initial: () => T): Document<T> };

/** Only this process writes the folder: two local systems need two state folders. */
export function openStateStore(folder: string): StateStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    document<T>(name: string, initial: () => T): Document<T> {
      const file = join(folder, `${name}.json`);
      let value: T = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : initial();
      const save = (next: T) => {
        writeFileSync(`${file}.tmp`, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
        renameSync(`${file}.tmp`, file);
        value = next;
      };
      if (!existsSync(file)) save(value);
      return {
        read: () => value,
        update(change) {
          const next = structuredClone(value);
          change(next);
          save(next);
        },
      };
    },
  };
}
