/** Blobs of a repository: read, checked for, deleted. Used by container-registry.ts. */
import { demandReadable, demandWritable } from "./lock-checks.ts";
import { blobUnknown, rangeInvalid } from "./registry-errors.ts";
import { inRepository, type RegistryOperation, type RegistryRequest } from "./registry-operation.ts";
import { digestOf, repositoryName } from "./repository-name.ts";

const PATH = /^\/v2\/(.+)\/blobs\/([^/]+)$/;

const nameOf = ({ parts }: RegistryRequest) => repositoryName(parts[0] ?? "");

/** The real service sends readers of a blob on to a storage account; this one answers itself. */
export const BLOB_OPERATIONS: readonly RegistryOperation[] = [
  {
    methods: ["GET", "HEAD"],
    path: PATH,
    needs: (request) => inRepository(nameOf(request), "pull"),
    answer({ content, parts, header }, method) {
      const [name, digest] = [repositoryName(parts[0] ?? ""), digestOf(parts[1] ?? "")];
      const size = content.hasBlob(name, digest) ? content.files.size(digest) : null;
      if (size === null) throw blobUnknown(digest);
      demandReadable(content, name);
      const headers = {
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        "docker-content-digest": digest,
        etag: `"${digest}"`,
      };
      const range = method === "GET" ? readRange(header("range"), size) : null;
      if (range === null) {
        const whole = { status: 200, headers: { ...headers, "content-length": size } };
        return method === "HEAD" ? whole : { ...whole, body: content.files.read(digest) };
      }
      return {
        status: 206,
        headers: {
          ...headers,
          "content-length": range.end - range.start + 1,
          "content-range": `bytes ${range.start}-${range.end}/${size}`,
        },
        body: content.files.read(digest, range),
      };
    },
  },
  {
    methods: ["DELETE"],
    path: PATH,
    needs: (request) => inRepository(nameOf(request), "delete"),
    answer({ content, parts }) {
      const [name, digest] = [repositoryName(parts[0] ?? ""), digestOf(parts[1] ?? "")];
      demandWritable(content, name);
      if (!content.removeBlob(name, digest)) throw blobUnknown(digest);
      return { status: 202, headers: { "content-length": 0, "docker-content-digest": digest } };
    },
  },
];

/**
 * First and last byte; null for the whole, which also answers what cannot be read or asks for several ranges.
 * @throws RegistryError 416
 */
export function readRange(header: string | undefined, size: number): { start: number; end: number } | null {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (from === "" && to === "") return null;
  const last = size - 1;
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? last : Math.min(Number(to), last);
  if (to !== "" && from !== "" && Number(to) < start) return null;
  if (start > last || (from === "" && Number(to) === 0)) throw rangeInvalid();
  return { start, end };
}
