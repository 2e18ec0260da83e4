/** Which repositories a credential is for: the patterns of a grant → exact names. Used by the forms of registries. */
import type { OpenedRegistry } from "../connectors/ports.ts";
import { DeniedError, NotFoundError } from "../errors.ts";
import { isExactRepository, MAX_REPOSITORIES, matchesRepository, repositoriesSchema, type Scope } from "../scope.ts";
import type { ListRepositories } from "./ports.ts";

/** Most names that are looked through for `prefix/*`: a handful of pages, which a caller can wait for. */
export const MAX_LISTED_REPOSITORIES = 5_000;

/** What this needs. */
export type ResolveRepositoriesDeps = { readonly listRepositories: ListRepositories };

/**
 * Exact names, sorted, each once; nothing is asked of Azure when the scope has no pattern.
 * @param scope as policy filled it up: names, `prefix/*`, `*`
 * @throws DeniedError DENIED when it names none, SCOPE_TOO_WIDE for more than MAX_REPOSITORIES; NotFoundError
 * RESOURCE_NOT_FOUND when no repository is meant; what ListRepositories throws
 */
export async function resolveRepositories(
  deps: ResolveRepositoriesDeps,
  opened: Pick<OpenedRegistry, "registry" | "signIn">,
  scope: Scope,
): Promise<readonly string[]> {
  const asked = scope.repositories ?? [];
  if (asked.length === 0) throw new DeniedError("DENIED", "The grant names no repository of this registry.");
  const patterns = asked.filter((item) => !isExactRepository(item));
  const names = new Set(asked.filter(isExactRepository));
  if (patterns.length > 0) {
    const listed = await deps.listRepositories(opened, MAX_LISTED_REPOSITORIES + 1);
    if (listed.length > MAX_LISTED_REPOSITORIES) throw tooMany();
    for (const name of listed) {
      if (isRepository(name) && patterns.some((pattern) => matchesRepository(pattern, name))) names.add(name);
    }
  }
  if (names.size > MAX_REPOSITORIES) throw tooMany();
  if (names.size === 0) {
    throw new NotFoundError(
      "RESOURCE_NOT_FOUND",
      "The registry has no repository that the grant names. Name the repository that you are about to make.",
    );
  }
  return [...names].sort();
}

/** What a registry lists is not ours: a name that is none could mean something else in a token's scope. */
function isRepository(name: string): boolean {
  return repositoriesSchema.safeParse([name]).success;
}

function tooMany(): DeniedError {
  return new DeniedError(
    "SCOPE_TOO_WIDE",
    `The grant covers more repositories than one credential can name (${MAX_REPOSITORIES}). Name the repositories in the request.`,
  );
}
