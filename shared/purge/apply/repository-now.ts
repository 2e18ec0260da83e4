/** A repository as it is listed now, of which only that is kept which the lines ahead are compared with. Used by freshness.ts. */
import pMap from "p-map";
import { UpstreamError } from "../../errors.ts";
import { isShort } from "../plan/list-repository.ts";
import { bodySays } from "../plan/media-kinds.ts";
import type { RegistryContent } from "../ports.ts";
import type { ListedManifest, ListedTag, ManifestEntry, ManifestFacts } from "../registry-items.ts";
import { keyOfDigest, signedKey } from "../signature-tag.ts";
import { type ApplyItem, itemKey } from "./apply-items.ts";

/** The registry's clock may be this far behind ours: what is younger than the plan by its times may be new. Milliseconds. */
const NEW_MARGIN_MS = 5 * 60 * 1000;
/** Bodies of new manifests that are read at once. */
const READ_AT_ONCE = 8;
/** Times that a repository is listed whose lists show less than it holds: something may have been pushed meanwhile. */
const LIST_TRIES = 3;

/** What there is now. */
export type RepositoryNow = {
  /** When the listing began and ended, milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** It was made for lines up to this place. */
  readonly covers: number;
  /** Those that lines name, with their tags. Of unknown time where the repository is locked: none is as it was planned. */
  readonly manifests: ReadonlyMap<string, ListedManifest & { readonly tags: readonly ListedTag[] }>;
  /** Tags that lines name; of unknown time where only the image's own entry has them. */
  readonly tags: ReadonlyMap<string, ListedTag>;
  /** Digests that something newer than the plan needs or refers to. */
  readonly needed: ReadonlySet<string>;
  /** Something newer than the plan, or hidden, cannot be read: it may need anything. */
  readonly isUncertain: boolean;
};

/** How a repository is listed. */
export type ListNow = {
  readonly content: RegistryContent;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly repository: string;
  /** Lines ahead of this repository. */
  readonly items: readonly ApplyItem[];
  /** When the plan was begun, milliseconds since 1970. */
  readonly plannedAt: number;
  /** Whether a digest is known to be none that is new: it is a line's whose turn comes, or it was deleted after `startedAt`. */
  isOurs(digest: string, startedAt: number): boolean;
  /** Whether this run has deleted anything yet: a registry's counts may follow its lists late. */
  readonly hasDeleted: boolean;
  /** What was read of this repository already. */
  readonly known: Map<string, ManifestFacts>;
};

/** Tags and manifests are listed side by side. @throws as RegistryContent */
export async function listNow(deps: ListNow): Promise<RepositoryNow> {
  for (let tries = 1; ; tries++) {
    const { isWhole, ...listed } = await listOnce(deps);
    if (isWhole) return listed;
    // What is hidden may need anything.
    if (tries === LIST_TRIES) return { ...listed, isUncertain: true };
  }
}

async function listOnce(deps: ListNow): Promise<RepositoryNow & { readonly isWhole: boolean }> {
  const startedAt = deps.now().getTime();
  const { items, plannedAt } = deps;
  const digests = new Set(items.flatMap(({ line }) => [line.digest, ...line.after]));
  const names = new Set(items.flatMap(({ line }) => line.seen.tags.map(([name]) => name)));
  const isNew = (updatedAt: number | null) => updatedAt === null || updatedAt > plannedAt - NEW_MARGIN_MS;

  const seen = { manifests: 0, tags: 0, named: 0 };
  const tags = new Map<string, ListedTag>();
  const tagsOf = new Map<string, ListedTag[]>();
  const signed = new Map<string, string>();
  const takeTag = (tag: ListedTag) => {
    seen.tags += 1;
    if (names.has(tag.name)) tags.set(tag.name, tag);
    if (digests.has(tag.digest)) addTo(tagsOf, tag.digest, tag);
    // No margin here: a signature that the plan has seen may be left behind by a rule's own word.
    const key = tag.updatedAt === null || tag.updatedAt > plannedAt ? signedKey(tag.name) : null;
    if (key !== null) signed.set(key, tag.digest);
  };
  const listed = new Map<string, ManifestEntry>();
  const fresh = new Map<string, ListedManifest>();
  const takeManifest = (manifest: ManifestEntry) => {
    seen.manifests += 1;
    seen.named += manifest.tagNames.length;
    if (digests.has(manifest.digest)) listed.set(manifest.digest, manifest);
    if (isNew(manifest.updatedAt)) fresh.set(manifest.digest, manifest);
  };
  await Promise.all([
    takeAll(deps.content.tags(deps.repository, deps.signal), takeTag),
    takeAll(deps.content.manifests(deps.repository, deps.signal), takeManifest),
  ]);
  // Behind the lists: what is deleted meanwhile, mostly by this run, makes it less.
  const whole = await deps.content.repository(deps.repository, deps.signal);
  for (const { digest, tagNames } of listed.values()) {
    const shown = new Set(tagsOf.get(digest)?.map(({ name }) => name));
    for (const name of tagNames) {
      if (shown.has(name)) continue;
      const tag: ListedTag = { name, digest, updatedAt: null, isLocked: true };
      addTo(tagsOf, digest, tag);
      if (names.has(name) && !tags.has(name)) tags.set(name, tag);
    }
  }

  const newcomers = [...fresh.values()].filter(({ digest }) => !deps.isOurs(digest, startedAt));
  const { needed, isUncertain } = await readNeeds(deps, newcomers);
  for (const digest of digests) {
    const by = signed.get(keyOfDigest(digest));
    if (by !== undefined && !deps.isOurs(by, startedAt)) needed.add(digest);
  }
  const locked = whole?.isLocked ? { updatedAt: null } : {};
  return {
    isWhole: deps.hasDeleted || !isShort(whole, seen),
    startedAt,
    endedAt: deps.now().getTime(),
    covers: items.at(-1)?.end ?? 0,
    manifests: new Map(
      [...listed].map(([digest, manifest]) => [digest, { ...manifest, ...locked, tags: tagsOf.get(digest) ?? [] }]),
    ),
    tags,
    needed,
    isUncertain,
  };
}

async function takeAll<T>(pages: AsyncIterable<readonly T[]>, take: (item: T) => void): Promise<void> {
  for await (const page of pages) for (const item of page) take(item);
}

/** What new manifests name. One that is a line's own is compared as that. */
async function readNeeds(deps: ListNow, newcomers: readonly ListedManifest[]) {
  const { content, repository, signal, known } = deps;
  const needed = new Set<string>();
  let isUncertain = false;
  const read = async ({ digest, mediaType }: ListedManifest) => {
    if (bodySays(mediaType) === "nothing") return;
    try {
      const facts = known.get(digest) ?? (await content.facts(repository, digest, signal));
      if (facts === null) {
        // Listed, and not there: a replica that lags behind the list says so too.
        isUncertain = true;
        return;
      }
      known.set(digest, facts);
      for (const other of facts.children) needed.add(other);
      if (facts.subject !== null) needed.add(facts.subject);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      isUncertain = true;
    }
  };
  await pMap(newcomers, read, { concurrency: READ_AT_ONCE });
  return { needed, isUncertain };
}

/** Lines by the digests that they wait for. */
export function followersOf(items: readonly ApplyItem[]): ReadonlyMap<string, readonly ApplyItem[]> {
  const followers = new Map<string, ApplyItem[]>();
  for (const item of items) {
    for (const digest of item.line.after) {
      addTo(followers, itemKey(item.line.repository, digest), item);
    }
  }
  return followers;
}

function addTo<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
