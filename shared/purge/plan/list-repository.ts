/** Lists a repository: all of its tags and manifests, or not at all where there are too many or some are hidden. Used by gather.ts and, to tell what is hidden, by repository-now.ts. */
import type { RegistryContent } from "../ports.ts";
import type { ListedManifest, ListedTag, RepositoryEntry } from "../registry-items.ts";
import { type RepositoryItems, repositoryItems } from "./repository-items.ts";

/** Most manifests of a repository that is planned: about 1 KiB each is held while that is done. */
export const MAX_MANIFESTS_PER_REPOSITORY = 250_000;
/** Most tags. */
export const MAX_TAGS_PER_REPOSITORY = 500_000;

/** Why a repository is not planned: there is too much of it, or more than its lists show. */
export type Unlisted = "TOO_LARGE" | "HIDDEN_ITEMS";

/** Times that a repository is listed whose lists show less than it holds: something may have been deleted meanwhile. */
const LIST_TRIES = 2;

/**
 * What lists leave out (`listEnabled: false`, a page that is lost) may be a tag that keeps its image, an index or a referrer:
 * where anything is missing, nothing of the repository is planned. A tag that an image's own entry alone has is one of
 * unknown time.
 * @throws as RegistryContent
 */
export async function listRepository(
  content: Pick<RegistryContent, "manifests" | "tags" | "repository">,
  repository: string,
  signal: AbortSignal,
): Promise<RepositoryItems | Unlisted> {
  for (let tries = 1; ; tries++) {
    // Before the lists: what is pushed meanwhile makes them longer.
    const whole = await content.repository(repository, signal);
    const listing = await listItems(content, repository, signal);
    if (listing === null) return "TOO_LARGE";
    const { manifests, tags, listed, named } = listing;
    const items = repositoryItems(repository, manifests, tags, whole?.isLocked);
    if (!isShort(whole, { manifests: items.listed, tags: listed, named })) return items;
    if (tries === LIST_TRIES) return "HIDDEN_ITEMS";
  }
}

/**
 * Whether a repository holds more than is listed of it, or may do so.
 * @param whole null: there is no such repository
 * @param listed manifests, tags, and tags that manifests have by their own entries
 */
export function isShort(
  whole: RepositoryEntry | null,
  listed: { readonly manifests: number; readonly tags: number; readonly named: number },
): boolean {
  const shownTags = Math.max(listed.tags, listed.named);
  // Said not to be there, and listed: how much it holds, and whether it is locked, nobody knows.
  if (whole === null) return listed.manifests > 0 || shownTags > 0;
  // What is not told says nothing: registries of Azure tell both.
  return (whole.manifestCount ?? 0) > listed.manifests || (whole.tagCount ?? 0) > shownTags;
}

/** Manifests first, so that what is pushed meanwhile is a tag of something unlisted, which stays. Null: too many. */
async function listItems(
  content: Pick<RegistryContent, "manifests" | "tags">,
  repository: string,
  signal: AbortSignal,
) {
  const manifests: ListedManifest[] = [];
  const mediaTypes = new Map<string, string>();
  /** Images by their tags, of those that the list of tags has not shown. */
  const unseen = new Map<string, string>();
  let named = 0;
  for await (const page of content.manifests(repository, signal)) {
    for (const { tagNames, ...manifest } of page) {
      const { mediaType } = manifest;
      // One text for all: each page has its own.
      const shared = mediaType === null ? null : (mediaTypes.get(mediaType) ?? mediaType);
      if (shared !== null) mediaTypes.set(shared, shared);
      manifests.push({ ...manifest, mediaType: shared });
      for (const name of tagNames) unseen.set(name, manifest.digest);
      named += tagNames.length;
    }
    if (manifests.length > MAX_MANIFESTS_PER_REPOSITORY) return null;
  }
  const tags: ListedTag[] = [];
  for await (const page of content.tags(repository, signal)) {
    for (const tag of page) if (unseen.get(tag.name) === tag.digest) unseen.delete(tag.name);
    tags.push(...page);
    if (tags.length > MAX_TAGS_PER_REPOSITORY) return null;
  }
  const listed = tags.length;
  for (const [name, digest] of unseen) tags.push({ name, digest, updatedAt: null, isLocked: true });
  return { manifests, tags, listed, named };
}
