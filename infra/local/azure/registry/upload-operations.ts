/** Uploads of blobs, whole or in chunks, and mounts from other repositories. Used by container-registry.ts. */
import { demandWritable } from "./lock-checks.ts";
import type { RegistryContent } from "./registry-content.ts";
import { digestInvalid, rangeInvalid, uploadUnknown } from "./registry-errors.ts";
import {
  inRepository,
  type RegistryAnswer,
  type RegistryOperation,
  type RegistryRequest,
} from "./registry-operation.ts";
import { digestOf, repositoryName } from "./repository-name.ts";

const START = /^\/v2\/(.+)\/blobs\/uploads\/?$/;
const UPLOAD = /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/;

const needsPush = ({ parts }: RegistryRequest) => inRepository(repositoryName(parts[0] ?? ""), "pull", "push");

/** Everything under `blobs/uploads`. */
export const UPLOAD_OPERATIONS: readonly RegistryOperation[] = [
  {
    methods: ["POST"],
    path: START,
    needs(request) {
      const from = request.query.get("from");
      const mounts = request.query.has("mount") && from !== null;
      return [...needsPush(request), ...(mounts ? inRepository(repositoryName(from), "pull") : [])];
    },
    async answer(request) {
      const { content, parts, query } = request;
      const name = repositoryName(parts[0] ?? "");
      demandWritable(content, name);
      const from = query.get("from");
      const mounted = query.get("mount");
      if (mounted !== null && from !== null) {
        const digest = digestOf(mounted);
        if (content.hasBlob(repositoryName(from), digest)) {
          content.addBlob(name, digest);
          return created(name, digest);
        }
      }
      const whole = query.get("digest");
      const id = content.startUpload(name);
      return whole === null ? under(name, id, 0, 202) : finish(request, name, id, digestOf(whole));
    },
  },
  {
    methods: ["PATCH"],
    path: UPLOAD,
    needs: needsPush,
    async answer(request) {
      const { name, id } = uploadOf(request);
      await append(request, id);
      return under(name, id, sizeOf(request.content, id), 202);
    },
  },
  {
    methods: ["PUT"],
    path: UPLOAD,
    needs: needsPush,
    answer(request) {
      const { name, id } = uploadOf(request);
      return finish(request, name, id, digestOf(request.query.get("digest") ?? ""));
    },
  },
  {
    methods: ["GET", "HEAD"],
    path: UPLOAD,
    needs: needsPush,
    answer(request) {
      const { name, id } = uploadOf(request);
      return under(name, id, sizeOf(request.content, id), 204);
    },
  },
  {
    methods: ["DELETE"],
    path: UPLOAD,
    needs: needsPush,
    answer(request) {
      const { id } = uploadOf(request);
      request.content.endUpload(id);
      return { status: 204 };
    },
  },
];

function uploadOf({ content, parts }: RegistryRequest) {
  const [name, id] = [repositoryName(parts[0] ?? ""), parts[1] ?? ""];
  if (!content.hasUpload(name, id)) throw uploadUnknown();
  return { name, id };
}

function sizeOf(content: RegistryContent, id: string): number {
  const size = content.files.uploadSize(id);
  if (size === null) throw uploadUnknown();
  return size;
}

/** @throws RegistryError 416 when the chunk does not go on where the upload stands */
async function append({ content, header, body }: RegistryRequest, id: string): Promise<void> {
  const range = header("content-range");
  if (range !== undefined) {
    const [, start, end] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(range) ?? [];
    const length = header("content-length");
    const announced = Number(end) - Number(start) + 1;
    if (Number(start) !== sizeOf(content, id) || (length !== undefined && announced !== Number(length))) {
      throw rangeInvalid();
    }
  }
  await content.files.append(id, body);
}

async function finish(request: RegistryRequest, name: string, id: string, digest: string): Promise<RegistryAnswer> {
  const { content } = request;
  await append(request, id);
  if (!(await content.files.finish(id, digest))) {
    // What came cannot become that blob any more.
    content.endUpload(id);
    throw digestInvalid("content does not match digest");
  }
  content.addBlob(name, digest);
  content.endUpload(id);
  return created(name, digest);
}

function created(name: string, digest: string): RegistryAnswer {
  return {
    status: 201,
    headers: { "content-length": 0, "docker-content-digest": digest, location: `/v2/${name}/blobs/${digest}` },
  };
}

/** @param size bytes so far; an empty upload says `0-0` too */
function under(name: string, id: string, size: number, status: number): RegistryAnswer {
  const state = Buffer.from(JSON.stringify({ Name: name, UUID: id, Offset: size })).toString("base64url");
  return {
    status,
    headers: {
      "content-length": 0,
      "docker-upload-uuid": id,
      location: `/v2/${name}/blobs/uploads/${id}?_nouploadcache=false&_state=${state}`,
      range: `0-${Math.max(0, size - 1)}`,
    },
  };
}
