/** Lists a repository: all of its tags and manifests, or not at all where there are too many. Used by gather.ts. */
import type { RegistryContent } from "./ports.ts";
import type { ListedManifest, ListedTag } from "./registry-items.ts";
import { type RepositoryItems, repositoryItems } from "./repository-items.ts";

/** Most manifests of a repository that is planned: about 1 KiB each is held while that is done. */
export const MAX_MANIFESTS_PER_REPOSITORY = 250_000;
/** Most tags. */
export const MAX_TAGS_PER_REPOSITORY = 500_000;

/**
 * Manifests first, so that what is pushed meanwhile is a tag of something unlisted, which stays.
 * @returns null when there are more than the limits
 * @throws as RegistryContent
 */
export async function listRepository(
  content: Pick<RegistryContent, "manifests" | "tags">,
  repository: string,
  signal: AbortSignal,
): Promise<RepositoryItems | null> {
  const manifests: ListedManifest[] = [];
  const mediaTypes = new Map<string, string>();
  for await (const page of content.manifests(repository, signal)) {
    for (const manifest of page) {
      const { mediaType } = manifest;
      // One text for all: each page has its own.
      const shared = mediaType === null ? null : (mediaTypes.get(mediaType) ?? mediaType);
      if (shared !== null) mediaTypes.set(shared, shared);
      manifests.push({ ...manifest, mediaType: shared });
    }
    if (manifests.length > MAX_MANIFESTS_PER_REPOSITORY) return null;
  }
  const tags: ListedTag[] = [];
  for await (const page of content.tags(repository, signal)) {
    tags.push(...page);
    if (tags.length > MAX_TAGS_PER_REPOSITORY) return null;
  }
  return repositoryItems(repository, manifests, tags);
}
