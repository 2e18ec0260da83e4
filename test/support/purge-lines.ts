/** Lines of plans made from what a registry in memory holds, for tests that need no planning. */
import type { PlanLine } from "../../shared/purge/plan-line.ts";
import type { ListedManifest, ListedTag } from "../../shared/purge/registry-items.ts";
import type { FakeRegistry } from "./fakes-purge.ts";

/** What a registry holds of a repository now. */
export async function readAll(registry: FakeRegistry, repository: string) {
  const { signal } = new AbortController();
  const manifests: ListedManifest[] = [];
  const tags: ListedTag[] = [];
  for await (const page of registry.content.manifests(repository, signal)) manifests.push(...page);
  for await (const page of registry.content.tags(repository, signal)) tags.push(...page);
  return { manifests, tags };
}

/** A line of what is there now. @param tags left out: all of them */
export async function lineOf(
  registry: FakeRegistry,
  repository: string,
  digest: string,
  changes: Partial<PlanLine> = {},
): Promise<PlanLine> {
  const { manifests, tags } = await readAll(registry, repository);
  const manifest = manifests.find((one) => one.digest === digest);
  if (manifest === undefined) throw new Error("There is no such manifest.");
  const own = tags.filter((tag) => tag.digest === digest);
  return {
    repository,
    digest,
    tags: own.map(({ name }) => name),
    action: "delete",
    rules: ["old"],
    reason: "matched",
    because: null,
    mediaType: manifest.mediaType,
    updatedAt: null,
    sizeBytes: manifest.sizeBytes,
    freedBytes: 10,
    isEstimate: false,
    after: [],
    seen: {
      manifestUpdatedAt: manifest.updatedAt ?? 0,
      isLocked: manifest.isLocked,
      tags: own.map(({ name, updatedAt, isLocked }) => [name, updatedAt ?? 0, isLocked]),
    },
    ...changes,
  };
}
