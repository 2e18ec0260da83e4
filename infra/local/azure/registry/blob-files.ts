/** Blobs and uploads of one registry as files: a blob is at its place only whole and checked. Used by registry-content.ts. */
import { createHash, randomUUID } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** Uploads that nobody went on with are deleted at a start after this time, in milliseconds. Source: distribution's upload purging. */
const UPLOAD_LIFE_MS = 7 * 24 * 60 * 60 * 1000;
/** Bytes. Source: learn.microsoft.com, "Azure Container Registry service tiers": 200 GiB for each layer. */
const MAX_BLOB_BYTES = 200 * 1024 ** 3;

/** Thrown when more comes than a registry takes. */
export class BlobTooLargeError extends Error {}

/** Files of one registry. Ids of uploads are GUIDs of `start`. */
export type BlobFiles = {
  /** An empty upload. @returns its id */
  start(): string;
  /** Bytes so far; null when there is no such upload. */
  uploadSize(id: string): number | null;
  /**
   * Adds what comes. What came before the connection broke stays.
   * @returns bytes so far
   * @throws BlobTooLargeError
   */
  append(id: string, source: Readable): Promise<number>;
  /** Makes the upload the blob with that digest. False when its content has another one; the upload stays. */
  finish(id: string, digest: string): Promise<boolean>;
  cancel(id: string): void;
  /** Writes a whole blob at once. */
  put(digest: string, content: Buffer): void;
  /** Bytes; null when there is no such blob. */
  size(digest: string): number | null;
  /** The whole blob; null when it is not there or has more bytes than `limit`. */
  small(digest: string, limit: number): Buffer | null;
  /** @param range first and last byte */
  read(digest: string, range?: { readonly start: number; readonly end: number }): Readable;
};

/** @param folder made if it is not there */
export function openBlobFiles(folder: string, now: () => Date): BlobFiles {
  const uploads = join(folder, "uploads");
  const blobs = join(folder, "blobs", "sha256");
  for (const one of [uploads, blobs]) mkdirSync(one, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(uploads)) {
    const file = join(uploads, name);
    if (now().getTime() - statSync(file).mtimeMs > UPLOAD_LIFE_MS) rmSync(file);
  }
  const uploadFile = (id: string) => join(uploads, id);
  const blobFile = (digest: string) => {
    const hex = digest.slice("sha256:".length);
    return join(blobs, hex.slice(0, 2), hex);
  };
  const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? null;
  const moveTo = (file: string, digest: string) => {
    mkdirSync(join(blobFile(digest), ".."), { recursive: true, mode: 0o700 });
    renameSync(file, blobFile(digest));
  };
  return {
    start() {
      const id = randomUUID();
      writeFileSync(uploadFile(id), "", { mode: 0o600 });
      return id;
    },
    uploadSize: (id) => sizeOf(uploadFile(id)),
    async append(id, source) {
      const file = await open(uploadFile(id), "a");
      try {
        let size = (await file.stat()).size;
        // The connection has to live on for the refusal.
        for await (const chunk of source.iterator({ destroyOnReturn: false })) {
          size += Buffer.byteLength(chunk);
          if (size > MAX_BLOB_BYTES) throw new BlobTooLargeError();
          await file.appendFile(chunk);
        }
        return size;
      } finally {
        await file.close();
      }
    },
    async finish(id, digest) {
      const hash = createHash("sha256");
      for await (const chunk of createReadStream(uploadFile(id))) hash.update(chunk);
      if (`sha256:${hash.digest("hex")}` !== digest) return false;
      moveTo(uploadFile(id), digest);
      return true;
    },
    cancel: (id) => rmSync(uploadFile(id), { force: true }),
    put(digest, content) {
      if (existsSync(blobFile(digest))) return;
      const id = randomUUID();
      writeFileSync(uploadFile(id), content, { mode: 0o600 });
      moveTo(uploadFile(id), digest);
    },
    size: (digest) => sizeOf(blobFile(digest)),
    small(digest, limit) {
      const size = sizeOf(blobFile(digest));
      return size === null || size > limit ? null : readFileSync(blobFile(digest));
    },
    read: (digest, range) => createReadStream(blobFile(digest), range),
  };
}
