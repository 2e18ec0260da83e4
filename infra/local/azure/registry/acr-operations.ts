/** Azure's own operations on repositories, tags and manifests (`/acr/v1`). Used by container-registry.ts. */
import { readReferences } from "./manifest-content.ts";
import { readWhole } from "./read-whole.ts";
import type { ManifestAttributes, TagAttributes } from "./registry-attributes.ts";
import { badForm, disallowed, manifestUnknown, nameUnknown, RegistryError, tagUnknown } from "./registry-errors.ts";
import { changeableAttributes, type LockChanges, locksSchema } from "./registry-locks.ts";
import {
  inRepository,
  json,
  type RegistryAnswer,
  type RegistryOperation,
  type RegistryRequest,
} from "./registry-operation.ts";
import { cursorOf, linkTo, orderedPageOf } from "./registry-pages.ts";
import { timeText } from "./registry-time.ts";
import { digestOf, reference, repositoryName } from "./repository-name.ts";

/** Bytes of a body: four members are asked for. */
const MAX_BODY_BYTES = 16 * 1024;
/** No component of a name begins with an underscore: these are words of the service. */
const REPOSITORY = /^\/acr\/v1\/([^/_][^/]*(?:\/[^/_][^/]*)*)$/;
const TAGS = /^\/acr\/v1\/(.+)\/_tags$/;
const TAG = /^\/acr\/v1\/(.+)\/_tags\/([^/]+)$/;
const MANIFESTS = /^\/acr\/v1\/(.+)\/_manifests$/;
const MANIFEST = /^\/acr\/v1\/(.+)\/_manifests\/([^/]+)$/;

const nameOf = ({ parts }: RegistryRequest) => repositoryName(parts[0] ?? "");
const needs = (action: string) => (request: RegistryRequest) => inRepository(nameOf(request), action);
const accepted = (): RegistryAnswer => ({ status: 202, headers: { "content-length": 0 } });

/** Everything under `/acr/v1` but the catalog. */
export const ACR_OPERATIONS: readonly RegistryOperation[] = [
  { methods: ["GET"], path: REPOSITORY, needs: needs("metadata_read"), answer: showRepository },
  {
    methods: ["PATCH"],
    path: REPOSITORY,
    needs: needs("metadata_write"),
    async answer(request) {
      const changes = await changesOf(request);
      request.content.attributes.lockRepository(nameOf(request), changes);
      return showRepository(request);
    },
  },
  {
    methods: ["DELETE"],
    path: REPOSITORY,
    needs: needs("delete"),
    answer(request) {
      const name = nameOf(request);
      const deletion = request.content.removeRepository(name);
      if (deletion.outcome !== "deleted") throw deletion.outcome === "unknown" ? nameUnknown(name) : disallowed();
      return { ...json({ manifestsDeleted: deletion.manifests, tagsDeleted: deletion.tags }), status: 202 };
    },
  },
  {
    methods: ["GET"],
    path: TAGS,
    needs: needs("metadata_read"),
    answer(request) {
      const name = knownName(request);
      const page = orderedPageOf(request);
      const asked = request.query.get("digest");
      const digest = asked === null || asked === "" ? undefined : digestOf(asked);
      const found = request.content.attributes.tags(name, { ...page, limit: page.limit + 1 }, digest);
      const tags = found.slice(0, page.limit);
      const last = found.length > page.limit ? tags.at(-1) : undefined;
      const more = digest === undefined ? "" : `&digest=${encodeURIComponent(digest)}`;
      const path = `/acr/v1/${encodeURIComponent(name)}/_tags`;
      return json(
        { ...placeOf(request), tags: tags.map(tagBody) },
        last === undefined ? {} : linkTo(path, cursorOf(page, last), page.limit, orderOf(page.order), more),
      );
    },
  },
  { methods: ["GET"], path: TAG, needs: needs("metadata_read"), answer: showTag },
  {
    methods: ["PATCH"],
    path: TAG,
    needs: needs("metadata_write"),
    async answer(request) {
      const changes = await changesOf(request);
      request.content.attributes.lockTag(nameOf(request), tagNameOf(request), changes);
      return showTag(request);
    },
  },
  {
    methods: ["DELETE"],
    path: TAG,
    needs: needs("delete"),
    answer(request) {
      const name = knownName(request);
      const deletion = request.content.removeTag(name, tagNameOf(request));
      if (deletion === "unknown") throw tagUnknown();
      if (deletion === "locked") throw disallowed();
      return accepted();
    },
  },
  {
    methods: ["GET"],
    path: MANIFESTS,
    needs: needs("metadata_read"),
    answer(request) {
      const name = knownName(request);
      const page = orderedPageOf(request);
      const found = request.content.attributes.manifests(name, { ...page, limit: page.limit + 1 });
      const manifests = found.slice(0, page.limit);
      const last = found.length > page.limit ? manifests.at(-1) : undefined;
      const path = `/acr/v1/${encodeURIComponent(name)}/_manifests`;
      const cursor = last === undefined ? "" : cursorOf(page, { name: last.digest, updated: last.updated });
      return json(
        { ...placeOf(request), manifests: manifests.map((one) => manifestBody(one, request)) },
        last === undefined ? {} : linkTo(path, cursor, page.limit, orderOf(page.order)),
      );
    },
  },
  { methods: ["GET"], path: MANIFEST, needs: needs("metadata_read"), answer: showManifest },
  {
    methods: ["PATCH"],
    path: MANIFEST,
    needs: needs("metadata_write"),
    async answer(request) {
      const changes = await changesOf(request);
      request.content.attributes.lockManifest(nameOf(request), digestOf(request.parts[1] ?? ""), changes);
      return showManifest(request);
    },
  },
];

function showRepository(request: RegistryRequest): RegistryAnswer {
  const name = nameOf(request);
  const found = request.content.attributes.repository(name);
  if (found === null) throw nameUnknown(name);
  const { manifestCount, tagCount } = found;
  const changeable = { ...changeableAttributes(found.locks), teleportEnabled: false };
  return json({
    ...placeOf(request),
    ...timesBody(found),
    manifestCount,
    tagCount,
    changeableAttributes: changeable,
  });
}

function showTag(request: RegistryRequest): RegistryAnswer {
  const found = request.content.attributes.tag(knownName(request), tagNameOf(request));
  if (found === null) throw tagUnknown();
  return json({ ...placeOf(request), tag: tagBody(found) });
}

function showManifest(request: RegistryRequest): RegistryAnswer {
  const [name, digest] = [knownName(request), digestOf(request.parts[1] ?? "")];
  const found = request.content.attributes.manifest(name, digest);
  const stored = request.content.manifest(name, { digest });
  if (found === null || stored === null) throw manifestUnknown({ Name: name, Revision: digest });
  const references = readReferences(stored.content).map((one) => ({
    digest: one.digest,
    ...platformBody(one.platform),
  }));
  return json({
    ...placeOf(request),
    manifest: { ...manifestBody(found, request), ...(references.length > 0 && { references }) },
  });
}

/** @throws RegistryError 404 */
function knownName(request: RegistryRequest): string {
  const name = nameOf(request);
  if (!request.content.hasRepository(name)) throw nameUnknown(name);
  return name;
}

/** @throws RegistryError 400 when it is a digest, or no tag either */
function tagNameOf({ parts }: RegistryRequest): string {
  const named = reference(parts[1] ?? "");
  if ("tag" in named) return named.tag;
  throw new RegistryError(400, "TAG_INVALID", "manifest tag did not match URI", { detail: named.digest });
}

/** @throws RegistryError 400 or 413 */
async function changesOf({ body }: RegistryRequest): Promise<LockChanges> {
  const text = (await readWhole(body, MAX_BODY_BYTES)).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badForm("The body is no JSON.");
  }
  const changes = locksSchema.safeParse(value);
  if (!changes.success) throw badForm("The body holds attributes that are no booleans.");
  return changes.data;
}

function orderOf(order: "name" | "timeasc" | "timedesc"): string {
  return order === "name" ? "" : order;
}

function placeOf(request: RegistryRequest) {
  return { registry: request.host, imageName: nameOf(request) };
}

function timesBody({ created, updated }: { readonly created: number; readonly updated: number }) {
  return { createdTime: timeText(created), lastUpdateTime: timeText(updated) };
}

/** No signature of the old kind (Docker content trust) can come here. */
function tagBody(tag: TagAttributes) {
  const { name, digest, locks } = tag;
  return { name, digest, ...timesBody(tag), signed: false, changeableAttributes: changeableAttributes(locks) };
}

/** Members in the order of the recordings; none where there is nothing to tell. */
function manifestBody(manifest: ManifestAttributes, { settings }: RegistryRequest) {
  const { digest, size, mediaType, configMediaType, artifactType, subject, tags, locks } = manifest;
  const isTold = settings.artifactFields;
  return {
    digest,
    imageSize: size,
    ...timesBody(manifest),
    ...platformBody(manifest),
    mediaType,
    ...(configMediaType !== "" && { configMediaType }),
    // No source shows these two: they are named as the manifest names them.
    ...(isTold && artifactType !== "" && artifactType !== configMediaType && { artifactType }),
    ...(isTold && subject !== "" && { subject: { digest: subject } }),
    ...(tags.length > 0 && { tags }),
    changeableAttributes: changeableAttributes(locks),
  };
}

function platformBody({ architecture, os }: { readonly architecture: string; readonly os: string }) {
  return { ...(architecture !== "" && { architecture }), ...(os !== "" && { os }) };
}
