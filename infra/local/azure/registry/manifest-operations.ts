/** Manifests of a repository, and what refers to them. Used by container-registry.ts. */
import { createHash } from "node:crypto";
import { demandReadable, demandWritable } from "./lock-checks.ts";
import { MEDIA, platformBlob, readManifest, readPlatform } from "./manifest-content.ts";
import { readWhole } from "./read-whole.ts";
import { digestInvalid, disallowed, manifestBlobUnknown, manifestUnknown, RegistryError } from "./registry-errors.ts";
import { MAX_CONFIG_BYTES } from "./registry-migration.ts";
import { inRepository, json, type RegistryOperation, type RegistryRequest } from "./registry-operation.ts";
import { digestOf, reference, repositoryName } from "./repository-name.ts";

/** Bytes: 4 MiB. Source: OCI distribution specification 1.1, "Pushing Manifests"; the SDKs read no more either. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const OCI_TYPES: readonly string[] = [MEDIA.ociManifest, MEDIA.ociIndex];

const nameOf = ({ parts }: RegistryRequest) => repositoryName(parts[0] ?? "");
const wantedOf = ({ parts }: RegistryRequest) => reference(parts[1] ?? "");

/** Everything under `manifests` and `referrers`. */
export const MANIFEST_OPERATIONS: readonly RegistryOperation[] = [
  {
    methods: ["GET", "HEAD"],
    path: PATH,
    needs: (request) => inRepository(nameOf(request), "pull"),
    answer(request, method) {
      const [name, wanted] = [nameOf(request), wantedOf(request)];
      const found = request.content.manifest(name, wanted);
      if (found === null)
        throw manifestUnknown("digest" in wanted ? { Name: name, Revision: wanted.digest } : { Tag: wanted.tag });
      demandReadable(request.content, name, found.digest, "tag" in wanted ? wanted.tag : undefined);
      if (!accepts(request.header("accept"), found.mediaType)) {
        // Newer types are not sent to clients that do not say that they know them; the older ones are.
        const message = "OCI manifest found, but accept header does not support OCI manifests";
        throw new RegistryError(404, "MANIFEST_UNKNOWN", message);
      }
      const headers = {
        "content-length": found.content.length,
        "content-type": found.mediaType,
        "docker-content-digest": found.digest,
        etag: `"${found.digest}"`,
      };
      return { status: 200, headers, ...(method === "GET" && { body: found.content }) };
    },
  },
  {
    methods: ["PUT"],
    path: PATH,
    needs: (request) => inRepository(nameOf(request), "pull", "push"),
    async answer(request) {
      const { content: store } = request;
      const [name, wanted] = [nameOf(request), wantedOf(request)];
      const content = await readWhole(request.body, MAX_MANIFEST_BYTES);
      const says = readManifest(content, request.header("content-type"));
      const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      if ("digest" in wanted && wanted.digest !== digest) throw digestInvalid("manifest does not match digest");
      for (const blob of says.blobs) if (!store.hasBlob(name, blob)) throw manifestBlobUnknown(blob);
      for (const child of says.manifests) if (!store.hasManifest(name, child)) throw manifestBlobUnknown(child);
      const blob = platformBlob(says);
      const platform = readPlatform(blob === null ? null : store.files.small(blob, MAX_CONFIG_BYTES));
      demandWritable(store, name, "tag" in wanted ? wanted.tag : undefined);
      store.putManifest(name, { digest, content, says, platform }, "tag" in wanted ? wanted.tag : undefined);
      return {
        status: 201,
        headers: {
          "content-length": 0,
          "docker-content-digest": digest,
          location: `/v2/${name}/manifests/${digest}`,
          ...(says.subject !== "" && { "oci-subject": says.subject }),
        },
      };
    },
  },
  {
    methods: ["DELETE"],
    path: PATH,
    needs: (request) => inRepository(nameOf(request), "delete"),
    answer(request) {
      const [name, wanted] = [nameOf(request), wantedOf(request)];
      // A tag is taken away at /acr/v1; here whole images are deleted.
      if ("tag" in wanted) throw digestInvalid("a manifest is deleted by its digest");
      const deletion = request.content.removeManifest(name, wanted.digest);
      if (deletion === "unknown") throw manifestUnknown({ Name: name, Revision: wanted.digest });
      if (deletion === "locked") throw disallowed();
      return { status: 202, headers: { "content-length": 0 } };
    },
  },
  {
    methods: ["GET"],
    path: /^\/v2\/(.+)\/referrers\/([^/]+)$/,
    needs: (request) => inRepository(nameOf(request), "pull"),
    answer({ content, parts, query }) {
      const [name, digest] = [repositoryName(parts[0] ?? ""), digestOf(parts[1] ?? "")];
      demandReadable(content, name);
      const wanted = query.get("artifactType");
      const manifests = content
        .referrers(name, digest)
        .filter(({ artifactType }) => wanted === null || artifactType === wanted)
        .map((one) => ({
          mediaType: one.mediaType,
          digest: one.digest,
          size: one.content.length,
          ...(one.artifactType !== "" && { artifactType: one.artifactType }),
          ...annotationsOf(one.content),
        }));
      return json(
        { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests },
        { "content-type": MEDIA.ociIndex, ...(wanted !== null && { "oci-filters-applied": "artifactType" }) },
      );
    },
  },
];

/** Types of OCI have to be named; wildcards do not count. Source: distribution 2.8, registry/handlers/manifests.go. */
function accepts(header: string | undefined, mediaType: string): boolean {
  if (!OCI_TYPES.includes(mediaType)) return true;
  return (header ?? "").split(",").some((one) => one.split(";")[0]?.trim().toLowerCase() === mediaType);
}

/** Stored manifests were parsed when they came. */
function annotationsOf(content: Buffer): { readonly annotations?: unknown } {
  const document: unknown = JSON.parse(content.toString("utf8"));
  const annotations = typeof document === "object" && document !== null ? Reflect.get(document, "annotations") : null;
  return typeof annotations === "object" && annotations !== null ? { annotations } : {};
}
