/** A registry in memory with the deletion semantics of a real one, and stores in memory: what purge tests run against. */
import { createHash } from "node:crypto";
import { NotFoundError, UpstreamError } from "../../shared/errors.ts";
import type { FactsStore, LinesStore, RegistryContent } from "../../shared/purge/ports.ts";
import type {
  BlobPart,
  ListedManifest,
  ListedTag,
  ManifestFacts,
  RepositoryEntry,
} from "../../shared/purge/registry-items.ts";

export const OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** `sha256:` of a word, so that a test can name digests by words. */
export const digestOf = (word: string): string => `sha256:${createHash("sha256").update(word).digest("hex")}`;

/** What is put into the registry; what is left out is an OCI image of time 0 without tags. */
export type PushedManifest = {
  /** Default: the digest of a counter. */
  readonly digest?: string;
  readonly mediaType?: string | null;
  readonly tags?: readonly string[];
  readonly children?: readonly string[];
  readonly subject?: string | null;
  readonly parts?: readonly BlobPart[];
  /** Of the manifest and its tags, milliseconds since 1970. */
  readonly updatedAt?: number | null;
  readonly sizeBytes?: number | null;
  readonly isLocked?: boolean;
};
type Held = ListedManifest & { readonly facts: ManifestFacts };
type Repository = { readonly manifests: Map<string, Held>; readonly tags: Map<string, ListedTag> };

/** A call of RegistryContent: its name, the repository, the digest or tag. */
export type RegistryCall = {
  readonly operation: keyof RegistryContent;
  readonly repository: string;
  readonly item: string;
};

/** The registry refused it, as registry clients tell it. */
export const refusal = (status: number, code: string | null = null): UpstreamError =>
  new UpstreamError("UPSTREAM_REFUSED", "The registry refused it.", {
    retryable: status >= 500,
    failure: { name: "RestError", status, code },
  });

/**
 * An empty registry. Deleting a manifest takes its tags and, again and again, all manifests that refer to it; what is locked
 * (the manifest, or one of its tags; the tag alone for a tag) is refused with 405.
 */
export function fakeRegistry(options: { servesReferrers?: boolean; pageSize?: number; newestFirst?: boolean } = {}) {
  const { servesReferrers = true, pageSize = 1_000, newestFirst = false } = options;
  const repositories = new Map<string, Repository>();
  const calls: RegistryCall[] = [];
  /** Set it to fail calls: what it returns is thrown, null lets the call pass; it may wait. */
  const faults: { on: (call: RegistryCall) => Promise<Error | null> | Error | null } = { on: () => null };
  /** What lists leave out: digests, and tags. */
  const hidden = { digests: new Set<string>(), tags: new Set<string>() };
  /** Bodies that the registry says are not there, although it lists them. */
  const absent = new Set<string>();
  /** What the registry says of repositories in place of what is so. */
  const entries = new Map<string, RepositoryEntry | null>();
  let pushed = 0;

  const at = (name: string): Repository => {
    const found = repositories.get(name) ?? { manifests: new Map(), tags: new Map() };
    repositories.set(name, found);
    return found;
  };
  const begin = async (operation: keyof RegistryContent, repository: string, item: string, signal: AbortSignal) => {
    signal.throwIfAborted();
    calls.push({ operation, repository, item });
    const fault = await faults.on({ operation, repository, item });
    signal.throwIfAborted();
    if (fault !== null) throw fault;
  };
  async function* pages<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
    const all = newestFirst ? [...items].reverse() : items;
    for (let from = 0; from < all.length; from += pageSize) yield all.slice(from, from + pageSize);
  }
  const tagsOf = ({ tags }: Repository, digest: string) => [...tags.values()].filter((tag) => tag.digest === digest);
  const referrersOf = ({ manifests }: Repository, digest: string) =>
    [...manifests.values()].filter(({ facts }) => facts.subject === digest).map((held) => held.digest);
  const cascade = (repository: Repository, first: string) => {
    const rest = [first];
    for (let digest = rest.pop(); digest !== undefined; digest = rest.pop()) {
      if (!repository.manifests.delete(digest)) continue;
      for (const tag of tagsOf(repository, digest)) repository.tags.delete(tag.name);
      rest.push(...referrersOf(repository, digest));
    }
  };

  const content: RegistryContent = {
    async *repositories(signal) {
      await begin("repositories", "", "", signal);
      yield* pages([...repositories.keys()].sort());
    },
    async repository(name, signal) {
      await begin("repository", name, "", signal);
      const said = entries.get(name);
      const found = repositories.get(name);
      if (said !== undefined || found === undefined) return said ?? null;
      return { manifestCount: found.manifests.size, tagCount: found.tags.size, isLocked: false };
    },
    async *tags(name, signal) {
      await begin("tags", name, "", signal);
      yield* pages([...(repositories.get(name)?.tags.values() ?? [])].filter((tag) => !hidden.tags.has(tag.name)));
    },
    async *manifests(name, signal) {
      await begin("manifests", name, "", signal);
      const { manifests = new Map<string, Held>(), tags = new Map<string, ListedTag>() } = repositories.get(name) ?? {};
      const listed = [...manifests.values()].filter(({ digest }) => !hidden.digests.has(digest));
      const tagNames = Map.groupBy(tags.values(), ({ digest }) => digest);
      yield* pages(
        listed.map(({ facts: _, ...one }) => ({
          ...one,
          tagNames: (tagNames.get(one.digest) ?? []).map((tag) => tag.name),
        })),
      );
    },
    async facts(name, digest, signal) {
      await begin("facts", name, digest, signal);
      return absent.has(digest) ? null : (repositories.get(name)?.manifests.get(digest)?.facts ?? null);
    },
    async referrers(name, digest, signal) {
      await begin("referrers", name, digest, signal);
      return servesReferrers ? referrersOf(at(name), digest) : null;
    },
    async deleteManifest(name, digest, signal) {
      await begin("deleteManifest", name, digest, signal);
      const repository = at(name);
      const held = repository.manifests.get(digest);
      if (held === undefined) return false;
      if (held.isLocked || tagsOf(repository, digest).some((tag) => tag.isLocked)) throw refusal(405, "UNSUPPORTED");
      cascade(repository, digest);
      return true;
    },
    async deleteTag(name, tag, signal) {
      await begin("deleteTag", name, tag, signal);
      if (repositories.get(name)?.tags.get(tag)?.isLocked) throw refusal(405, "UNSUPPORTED");
      return at(name).tags.delete(tag);
    },
    async setManifestLock(name, digest, isLocked, signal) {
      await begin("setManifestLock", name, digest, signal);
      const held = at(name).manifests.get(digest);
      if (held === undefined) throw refusal(404, "MANIFEST_UNKNOWN");
      at(name).manifests.set(digest, { ...held, isLocked });
    },
    async setTagLock(name, tag, isLocked, signal) {
      await begin("setTagLock", name, tag, signal);
      const held = at(name).tags.get(tag);
      if (held === undefined) throw refusal(404, "TAG_UNKNOWN");
      at(name).tags.set(tag, { ...held, isLocked });
    },
  };

  return {
    content,
    /** Every call in order, failed ones too; a listing is one call. */
    calls,
    faults,
    hidden,
    absent,
    entries,
    /** Puts a manifest with its tags into it. Its digest. */
    push(repository: string, manifest: PushedManifest = {}): string {
      const { digest = digestOf(`pushed ${pushed++}`), mediaType = OCI_IMAGE, updatedAt = 0 } = manifest;
      const facts: ManifestFacts = {
        digest,
        mediaType: mediaType ?? OCI_IMAGE,
        subject: manifest.subject ?? null,
        children: manifest.children ?? [],
        parts: manifest.parts ?? [],
      };
      const { sizeBytes = 100, isLocked = false } = manifest;
      at(repository).manifests.set(digest, { digest, mediaType, updatedAt, sizeBytes, isLocked, facts });
      for (const name of manifest.tags ?? []) this.tag(repository, name, digest, updatedAt);
      return digest;
    },
    /** Sets or moves a tag. */
    tag(repository: string, name: string, digest: string, updatedAt: number | null = 0, isLocked = false): void {
      at(repository).tags.set(name, { name, digest, updatedAt, isLocked });
    },
    /** What is there: digests and tags. */
    has(repository: string, digest: string): boolean {
      return repositories.get(repository)?.manifests.has(digest) ?? false;
    },
    digests: (repository: string): readonly string[] => [...(repositories.get(repository)?.manifests.keys() ?? [])],
    tagNames: (repository: string): readonly string[] => [...(repositories.get(repository)?.tags.keys() ?? [])],
    /** How often an operation was called. */
    count: (operation: keyof RegistryContent): number => calls.filter((call) => call.operation === operation).length,
  };
}
export type FakeRegistry = ReturnType<typeof fakeRegistry>;

/** Facts in memory; `writes` counts how often a repository's were replaced. */
export function fakeFacts(): FactsStore & { readonly kept: Map<string, readonly ManifestFacts[]>; writes: number } {
  const kept = new Map<string, readonly ManifestFacts[]>();
  return {
    kept,
    writes: 0,
    async *read(loginServer, repository) {
      yield* kept.get(`${loginServer}/${repository}`) ?? [];
    },
    async write(loginServer, repository, facts) {
      this.writes += 1;
      kept.set(`${loginServer}/${repository}`, [...facts]);
    },
  };
}

/** Blobs of lines in memory, as the JSON that a real one holds; places are numbers of lines. */
export function fakeLines(): LinesStore & { readonly blobs: Map<string, readonly string[]> } {
  const blobs = new Map<string, readonly string[]>();
  const of = (name: string) => {
    const lines = blobs.get(name);
    if (lines === undefined) throw new NotFoundError("NOT_FOUND", "There is no such blob.");
    return lines;
  };
  return {
    blobs,
    async write(name, lines) {
      const texts: string[] = [];
      for await (const line of lines) texts.push(JSON.stringify(line));
      blobs.set(name, texts);
    },
    async join(name, parts) {
      blobs.set(name, parts.flatMap(of));
    },
    async *read(name, from) {
      const lines = of(name);
      for (const [index, line] of lines.entries()) {
        if (index >= from) yield { value: JSON.parse(line), end: index + 1 };
      }
    },
    async remove(name) {
      blobs.delete(name);
    },
    async removeUnder(prefix) {
      for (const name of blobs.keys()) if (name.startsWith(prefix)) blobs.delete(name);
    },
  };
}
