/** What is asked of a registry's token service, and whether a token holds exactly that. Pure. Used by registry-tokens.ts. */
import { decodeJwt } from "jose";
import { z } from "zod";
import type { RegistryAccess } from "../credentials/docker-registry.ts";
import type { EndingToken } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import { repositoriesSchema } from "../scope.ts";

/**
 * What each right is to a registry. Listing tags takes `metadata_read`, which pulling alone does not give; who pushes
 * looks first whether a layer is there. Source: the ACR documentation on repository permissions.
 */
const ACTIONS = {
  read: ["pull", "metadata_read"],
  write: ["pull", "push"],
  delete: ["delete"],
} as const satisfies Readonly<Record<RegistryAccess, readonly string[]>>;

/** The scope of a token that may list the names of all repositories. */
export const CATALOG_SCOPE = "registry:catalog:*";

/** Actions for some rights, sorted, each once. */
export function actionsOf(access: readonly RegistryAccess[]): readonly string[] {
  return [...new Set(access.flatMap((right) => [...ACTIONS[right]]))].sort();
}

/**
 * The scope of a token for these repositories: one part for each, by spaces, as the service takes them in one field.
 * @throws Error for what is no name: it could be read as another scope
 */
export function repositoriesScope(repositories: readonly string[], access: readonly RegistryAccess[]): string {
  const actions = actionsOf(access);
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
  const asked: ReadonlySet<string> = new Set(actionsOf(rights));
  const granted = grantedSchema.safeParse(access).data;
  const byName = new Map(granted?.map(({ name, actions }) => [name, new Set(actions)]));
  const isWithin =
    granted !== undefined &&
    byName.size === granted.length &&
    granted.every(({ name, actions }) => repositories.includes(name) && actions.every((action) => asked.has(action)));
  if (!isWithin) throw refused("The registry gave a token for something else than was asked for. Nothing was lent.");
  return repositories.flatMap((repository) => {
    const given = byName.get(repository);
    const missing = rights.filter((right) => ACTIONS[right].some((action) => given?.has(action) !== true));
    return missing.map((right) => ({ repository, right }));
  });
}

function refused(detail: string): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", detail, { retryable: false });
}
