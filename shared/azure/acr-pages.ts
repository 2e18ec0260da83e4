/** What a registry's lists say: names, tags, manifests, referrers; and what it says of a repository. Pure. Used by acr-content.ts. */
import { z } from "zod";
import type { ListedTag, ManifestEntry, RepositoryEntry } from "../purge/registry-items.ts";
import { repositoryNameSchema } from "../scope.ts";

/** Source: the OCI image specification, descriptors; these two algorithms are registered there. */
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
/** Source: the OCI distribution specification, "Pulling manifests". */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** ISO 8601 with a zone; the service writes seven digits of a second. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
/** Longest media type: RFC 6838, two names of 127 characters. */
const MAX_MEDIA_TYPE_LENGTH = 255;

/** A digest. */
export const digestSchema = z.string().regex(DIGEST);
/** A tag. */
export const tagSchema = z.string().regex(TAG);

/**
 * Milliseconds since 1970 of a time as the service writes it; null for anything else, and for times before 1970: that is
 * how a time is written that was never set.
 */
export function timeOf(text: unknown): number | null {
  const match = typeof text === "string" ? TIME.exec(text) : null;
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction = "", zone] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}Z`;
  const time = Date.parse(local);
  // Days that are not in the calendar are rolled over by some parsers.
  if (Number.isNaN(time) || new Date(time).toISOString() !== local) return null;
  const at = zone === "Z" ? time : time - offsetOf(zone ?? "");
  return at > 0 ? at : null;
}

/** Of `+02:00`, in milliseconds. */
function offsetOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -1 : 1) * minutes * 60_000;
}

// What is missing or not readable is unknown; it is for the purge to keep what it does not know.
const time = z.unknown().transform(timeOf);
const mediaType = z.string().min(1).max(MAX_MEDIA_TYPE_LENGTH).nullable().catch(null).default(null);
const size = z.number().int().nonnegative().nullable().catch(null).default(null);
/** Only what says that it may be deleted and written is free: ACR keeps what has either of these locks. */
const isLocked = z
  .object({ deleteEnabled: z.literal(true), writeEnabled: z.literal(true) })
  .transform(() => false)
  .catch(true)
  .default(true);
// No list at all stands for none, where the answer says by itself what it is about.
const listOf = <T>(entry: z.ZodType<T>) =>
  z
    .array(entry)
    .nullish()
    .transform((entries): readonly T[] => entries ?? []);
/** Which of the two locks are off. */
export type LockFlags = { readonly deleteEnabled: boolean; readonly writeEnabled: boolean };
const lockFlags = z.object({ deleteEnabled: z.boolean(), writeEnabled: z.boolean() });
const lockable = z.object({ changeableAttributes: lockFlags });
const itemBody = z.union([z.object({ tag: lockable }), z.object({ manifest: lockable })]);

const tagEntry = z
  .object({ name: tagSchema, digest: digestSchema, lastUpdateTime: time, changeableAttributes: isLocked })
  .transform(
    (entry): ListedTag => ({
      name: entry.name,
      digest: entry.digest,
      updatedAt: entry.lastUpdateTime,
      isLocked: entry.changeableAttributes,
    }),
  );
const manifestEntry = z
  .object({
    digest: digestSchema,
    mediaType,
    lastUpdateTime: time,
    imageSize: size,
    tags: listOf(tagSchema),
    changeableAttributes: isLocked,
  })
  .transform(
    (entry): ManifestEntry => ({
      digest: entry.digest,
      mediaType: entry.mediaType,
      updatedAt: entry.lastUpdateTime,
      sizeBytes: entry.imageSize,
      isLocked: entry.changeableAttributes,
      tagNames: entry.tags,
    }),
  );

const namesPage = z.object({ repositories: z.array(repositoryNameSchema).nullable() });
const tagsPage = z.object({ imageName: z.string(), tags: listOf(tagEntry) });
const manifestsPage = z.object({ imageName: z.string(), manifests: listOf(manifestEntry) });
const count = z
  .number()
  .int()
  .nonnegative()
  .nullish()
  .transform((told) => told ?? null);
const repositoryBody = z.object({
  imageName: z.string(),
  manifestCount: count,
  tagCount: count,
  changeableAttributes: isLocked,
});
const referrersPage = z.object({ manifests: z.array(z.object({ digest: digestSchema })) });

/** Names of repositories; null for no such page. */
export function readNames(page: unknown): readonly string[] | null {
  const read = namesPage.safeParse(page).data;
  return read === undefined ? null : (read.repositories ?? []);
}

/** Tags of a repository; null for no page of that repository. */
export function readTags(page: unknown, repository: string): readonly ListedTag[] | null {
  const read = tagsPage.safeParse(page).data;
  return read?.imageName === repository ? read.tags : null;
}

/** Manifests of a repository; null for no page of that repository. */
export function readManifests(page: unknown, repository: string): readonly ManifestEntry[] | null {
  const read = manifestsPage.safeParse(page).data;
  return read?.imageName === repository ? read.manifests : null;
}

/** A repository as a whole, with counts as far as they are told; null for no such answer. */
export function readRepository(body: unknown, repository: string): RepositoryEntry | null {
  const read = repositoryBody.safeParse(body).data;
  if (read?.imageName !== repository) return null;
  const { manifestCount, tagCount, changeableAttributes } = read;
  return { manifestCount, tagCount, isLocked: changeableAttributes };
}

/** The locks of a tag or manifest that was asked for by itself; null where they are not told. */
export function readLocks(body: unknown): LockFlags | null {
  const read = itemBody.safeParse(body).data;
  if (read === undefined) return null;
  return ("tag" in read ? read.tag : read.manifest).changeableAttributes;
}

/** Digests of what refers to a manifest; null for no such page. */
export function readReferrers(page: unknown): readonly string[] | null {
  return referrersPage.safeParse(page).data?.manifests.map(({ digest }) => digest) ?? null;
}
