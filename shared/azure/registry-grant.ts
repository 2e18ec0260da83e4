/** What is asked of a registry's token service, and whether a token holds exactly that. Pure. Used by registry-tokens.ts and acr-access.ts. */
import { decodeJwt } from "jose";
import { z } from "zod";
import type { RegistryAccess } from "../credentials/docker-registry.ts";
import type { EndingToken } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import { repositoriesSchema } from "../scope.ts";

/** What can be done with a repository, as tokens name it. Source: the ACR documentation on repository permissions. */
export type RepositoryAction = "pull" | "push" | "delete" | "metadata_read" | "metadata_write";

/**
 * What each right is to a registry. Listing tags takes `metadata_read`, which pulling alone does not give; who pushes
 * looks first whether a layer is there. Source: the ACR documentation on repository permissions.
 */
const ACTIONS = {
  read: ["pull", "metadata_read"],
  write: ["pull", "push"],
  delete: ["delete"],
} as const satisfies Readonly<Record<RegistryAccess, readonly RepositoryAction[]>>;

/** The scope of a token that may list the names of all repositories. */
export const CATALOG_SCOPE = "registry:catalog:*";

/** Actions for some rights, sorted, each once. */
export function actionsOf(access: readonly RegistryAccess[]): readonly RepositoryAction[] {
  return [...new Set(access.flatMap((right) => [...ACTIONS[right]]))].sort();
}

/**
 * The scope of a token for these repositories: one part for each, by spaces, as the service takes them in one field.
 * @throws Error for what is no name: it could be read as another scope
 */
export function repositoriesScope(repositories: readonly string[], access: readonly RegistryAccess[]): string {
  return actionsScope(repositories, actionsOf(access));
}

/** The same for actions. @throws Error for what is no name */
export function actionsScope(repositories: readonly string[], actions: readonly RepositoryAction[]): string {
  if (actions.length === 0 || !repositoriesSchema.safeParse(repositories).success) {
    throw new Error("Not what a token can be asked for.");
  }
  return repositories.map((name) => `repository:${name}:${actions.join(",")}`).join(" ");
}

/** What a token of a registry says of itself; `access` as it stands there. */
export type RegistryClaims = { readonly expiresAt: Date; readonly access: unknown };

const claimsSchema = z.object({
  exp: z.number().int().min(0).max(4_102_444_800),
  aud: z.string(),
  access: z.unknown().optional(),
});

/**
 * @param loginServer whom the token must be for
 * @throws UpstreamError UPSTREAM_REFUSED for what is no token, is another registry's, has ended or has no end: what does
 * not say when it ends is not lent
 */
export function readRegistryToken(token: string, loginServer: string, now: Date): EndingToken & RegistryClaims {
  const claims = claimsSchema.safeParse(decoded(token)).data;
  const isItsOwn = claims?.aud.toLowerCase() === loginServer;
  if (claims === undefined || !isItsOwn || claims.exp * 1000 <= now.getTime()) {
    throw refused("The registry gave no token that is for itself and says when it ends. Nothing was lent.");
  }
  return { token, expiresAt: new Date(claims.exp * 1000), access: claims.access };
}

/** Null for what is none: the cause may repeat the token and is dropped. */
function decoded(token: string): unknown {
  try {
    return decodeJwt(token);
  } catch {
    return null;
  }
}

const grantedSchema = z
  .array(z.object({ type: z.literal("repository"), name: z.string(), actions: z.array(z.string()) }))
  .nullish()
  .transform((granted) => granted ?? []);
const catalogSchema = z.tuple([
  z.object({ type: z.literal("registry"), name: z.literal("catalog"), actions: z.tuple([z.literal("*")]) }),
]);

/**
 * The rights that were asked for and not given, by repository; none when the token holds exactly what was asked for.
 * @param access the claim of the token
 * @throws UpstreamError UPSTREAM_REFUSED when it holds anything else, be it one action more
 */
export function missingRights(
  access: unknown,
  repositories: readonly string[],
  rights: readonly RegistryAccess[],
): readonly { readonly repository: string; readonly right: RegistryAccess }[] {
  const byName = grantedActions(access, repositories, actionsOf(rights));
  return repositories.flatMap((repository) => {
    const given = byName.get(repository);
    const missing = rights.filter((right) => ACTIONS[right].some((action) => given?.has(action) !== true));
    return missing.map((right) => ({ repository, right }));
  });
}

/**
 * The repositories in which a token does not hold the action; none when it holds exactly what was asked for.
 * @throws as missingRights
 */
export function repositoriesWithout(
  access: unknown,
  repositories: readonly string[],
  action: RepositoryAction,
): readonly string[] {
  const byName = grantedActions(access, repositories, [action]);
  return repositories.filter((name) => byName.get(name)?.has(action) !== true);
}

/** Whether a token lists the names of all repositories, and does nothing else. @throws as missingRights for anything else */
export function mayListCatalog(access: unknown): boolean {
  if (catalogSchema.safeParse(access).success) return true;
  grantedActions(access, [], []);
  return false;
}

/** @throws UpstreamError UPSTREAM_REFUSED */
function grantedActions(
  access: unknown,
  repositories: readonly string[],
  actions: readonly RepositoryAction[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const asked: ReadonlySet<string> = new Set(actions);
  const granted = grantedSchema.safeParse(access).data;
  const byName = new Map(granted?.map((one) => [one.name, new Set(one.actions)]));
  const isWithin =
    granted !== undefined &&
    byName.size === granted.length &&
    granted.every((one) => repositories.includes(one.name) && one.actions.every((action) => asked.has(action)));
  if (!isWithin) throw refused("The registry gave a token for something else than was asked for. Nothing was lent.");
  return byName;
}

function refused(detail: string): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", detail, { retryable: false });
}
