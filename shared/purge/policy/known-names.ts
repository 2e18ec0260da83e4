/** Names of the repositories and tags that there are, as far as a save can wait for them. Used by policy-warnings.ts, for warnings alone. */
import pMap from "p-map";
import { compilePattern } from "../pattern/match.ts";
import { parsePattern } from "../pattern/parse.ts";
import type { OpenedRegistry, OpenRegistryContent, RegistryContent } from "../ports.ts";
import type { KnownNames } from "./lint.ts";

/** Names that a warning looks at; whether a pattern matches nothing there is can be said only of all of them. */
export const MAX_KNOWN = 2_000;
/** Milliseconds that a save waits for them. */
export const KNOWN_TIMEOUT_MS = 5_000;
/** Most repositories of one rule whose tags are listed: of more not all would be known, and only all say anything. */
export const MAX_TAGGED = 10;
/** Most repositories whose tags are listed in all, and how many at once. */
const MAX_LISTED = 40;
const LISTED_AT_ONCE = 4;

/** Repositories with tags of some; or why they are not known: they could not be read in time, or there are more. */
export type ListedNames = (KnownNames & { readonly repositories: readonly string[] }) | "unread" | "too-many";

/** What listing needs. */
export type KnownNamesDeps = {
  readonly openContent: OpenRegistryContent;
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (milliseconds: number) => AbortSignal;
};

/**
 * Never throws: a policy may be saved for a registry that does not answer now.
 * @param patterns of the repositories of rules that look at tags
 */
export async function knownNames(
  deps: KnownNamesDeps,
  opened: OpenedRegistry,
  patterns: readonly string[],
): Promise<ListedNames> {
  const signal = deps.timeout(KNOWN_TIMEOUT_MS);
  const content = deps.openContent(opened);
  const repositories = await inTime(signal, listRepositories(content, signal));
  if (repositories === null) return "unread";
  if (repositories.length > MAX_KNOWN) return "too-many";
  const tags = new Map<string, readonly string[]>();
  await inTime(signal, listTags(content, tellingOf(repositories, patterns), tags, signal));
  // What comes later changes nothing any more.
  return { repositories, tags: new Map(tags) };
}

/** Null: it failed, or the time is over. */
async function inTime<T>(signal: AbortSignal, reading: Promise<T>): Promise<T | null> {
  const over = new Promise<null>((done) => {
    if (signal.aborted) done(null);
    signal.addEventListener("abort", () => done(null), { once: true });
  });
  return Promise.race([reading.catch(() => null), over]);
}

/** All names; where there are too many, some more than MAX_KNOWN. */
async function listRepositories(content: RegistryContent, signal: AbortSignal): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of content.repositories(signal)) {
    names.push(...page);
    if (names.length > MAX_KNOWN) break;
  }
  return names;
}

/** Repositories of which each pattern that matches few is told of whole. */
function tellingOf(repositories: readonly string[], patterns: readonly string[]): readonly string[] {
  const telling = patterns.flatMap((pattern) => {
    const matched = repositories.filter(compilePattern(parsePattern(pattern)).matchesWhole);
    return matched.length > MAX_TAGGED ? [] : matched;
  });
  return [...new Set(telling)].slice(0, MAX_LISTED);
}

/** One that cannot be listed, or has too many, is left out. */
async function listTags(
  content: RegistryContent,
  repositories: readonly string[],
  into: Map<string, readonly string[]>,
  signal: AbortSignal,
): Promise<void> {
  const list = async (repository: string): Promise<void> => {
    const names: string[] = [];
    try {
      for await (const page of content.tags(repository, signal)) {
        names.push(...page.map(({ name }) => name));
        if (names.length > MAX_KNOWN) return;
      }
      into.set(repository, names);
    } catch {
      // Whether its tags match is not known then.
    }
  };
  await pMap(repositories, list, { concurrency: LISTED_AT_ONCE });
}
