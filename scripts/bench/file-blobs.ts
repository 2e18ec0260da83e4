/** JSON blobs in files, so that a benchmark's memory is not that of a blob service. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ChangingBlobs } from "../../shared/store/blobs.ts";

/** @param root folder */
export function fileBlobs(root: string): Omit<ChangingBlobs, "put"> {
  const etagOf = (name: string) =>
    statSync(join(root, name), { throwIfNoEntry: false, bigint: true })?.mtimeNs.toString() ?? null;
  const get = async (name: string): Promise<unknown> =>
    etagOf(name) === null ? null : JSON.parse(readFileSync(join(root, name), "utf8"));
  return {
    get,
    async getWithEtag(name) {
      const etag = etagOf(name);
      return etag === null ? null : { value: await get(name), etag };
    },
    async putIf(name, value, etag) {
      if (etagOf(name) !== etag) return false;
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), JSON.stringify(value));
      return true;
    },
    async remove(name) {
      rmSync(join(root, name), { force: true });
    },
    async *list(prefix) {
      for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
        const name = join(entry.parentPath, entry.name).slice(root.length + 1);
        if (entry.isFile() && name.startsWith(prefix)) yield { name, lastModified: statSync(join(root, name)).mtime };
      }
    },
  };
}
