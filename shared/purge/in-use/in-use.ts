/** What clusters use of a registry, and whether an image is among it. Used by prepare.ts, which writes it down, by the plan, and while applying. */
import { z } from "zod";
import { matchesRepository } from "../../scope.ts";
import type { UsedImage } from "./image-reference.ts";

/** Images that are in use. Each answer is the id of a cluster that uses it; null: none does. */
export type InUse = {
  usesTag(repository: string, tag: string): string | null;
  /** In this repository, or under a name that is none of the registry's. */
  usesDigest(repository: string, digest: string): string | null;
  /** All of the repository, known or not. The two others say so too. */
  keepsRepository(repository: string): string | null;
  /** As readInUseLines reads it. */
  lines(): Iterable<InUseLine>;
};

/** One line of the blob. `pattern`: every repository that it matches is kept whole. A digest alone: in every repository. */
const lineSchema = z.union([
  z.strictObject({
    cluster: z.string(),
    repository: z.string(),
    tag: z.string().nullable(),
    digest: z.string().nullable(),
  }),
  z.strictObject({ cluster: z.string(), pattern: z.string() }),
  z.strictObject({ cluster: z.string(), digest: z.string() }),
]);
/** See lineSchema. */
export type InUseLine = z.output<typeof lineSchema>;

/** Collects what is in use. */
export type InUseMaker = {
  addImage(image: UsedImage, cluster: string): void;
  /** A name, `prefix/*` or `*`. */
  addPattern(pattern: string, cluster: string): void;
  readonly inUse: InUse;
};

/** Nothing is in use, until it is added. What is named again and again is held once, with the cluster that came first. */
export function inUseMaker(): InUseMaker {
  const tags = new Map<string, Map<string, string>>();
  const digests = new Map<string, Map<string, string>>();
  const anywhere = new Map<string, string>();
  const patterns = new Map<string, string>();
  const put = (into: Map<string, Map<string, string>>, repository: string, item: string, cluster: string) => {
    const items = into.get(repository) ?? new Map<string, string>();
    if (!items.has(item)) items.set(item, cluster);
    into.set(repository, items);
  };
  const addPattern = (pattern: string, cluster: string) => {
    if (!patterns.has(pattern)) patterns.set(pattern, cluster);
  };
  const keepsRepository = (repository: string) => {
    for (const [pattern, cluster] of patterns) if (matchesRepository(pattern, repository)) return cluster;
    return null;
  };
  return {
    addImage(image, cluster) {
      if (image.kind === "whole") return addPattern(image.repository, cluster);
      if (image.kind === "anywhere") {
        if (!anywhere.has(image.digest)) anywhere.set(image.digest, cluster);
        return;
      }
      if (image.tag !== null) put(tags, image.repository, image.tag, cluster);
      if (image.digest !== null) put(digests, image.repository, image.digest, cluster);
    },
    addPattern,
    inUse: {
      usesTag: (repository, tag) => tags.get(repository)?.get(tag) ?? keepsRepository(repository),
      usesDigest: (repository, digest) =>
        digests.get(repository)?.get(digest) ?? anywhere.get(digest) ?? keepsRepository(repository),
      keepsRepository,
      *lines() {
        for (const [pattern, cluster] of patterns) yield { cluster, pattern };
        for (const [digest, cluster] of anywhere) yield { cluster, digest };
        for (const [repository, items] of tags) {
          for (const [tag, cluster] of items) yield { cluster, repository, tag, digest: null };
        }
        for (const [repository, items] of digests) {
          for (const [digest, cluster] of items) yield { cluster, repository, tag: null, digest };
        }
      },
    },
  };
}

/**
 * What was written down.
 * @throws Error when a line is not as InUse.lines makes it: what it says may be in use
 */
export async function readInUseLines(lines: AsyncIterable<{ readonly value: unknown }>): Promise<InUse> {
  const maker = inUseMaker();
  for await (const { value } of lines) {
    const line = lineSchema.parse(value);
    if ("pattern" in line) maker.addPattern(line.pattern, line.cluster);
    else if (!("repository" in line)) maker.addImage({ kind: "anywhere", digest: line.digest }, line.cluster);
    else maker.addImage({ kind: "image", ...line }, line.cluster);
  }
  return maker.inUse;
}
