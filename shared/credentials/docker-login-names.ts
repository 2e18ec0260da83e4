/** Names and rights of a registry's tokens and scope maps. Pure. Used by docker-login.ts. */
import { sha256 } from "../ids.ts";
import type { ScopeMap } from "./docker-login-ports.ts";
import { REGISTRY_ACCESS, type RegistryAccess } from "./docker-registry.ts";

/**
 * Digits of the hash in a name: 96 bits, so that nobody finds two contents of one name. Azure takes names of 5 to 50
 * letters, digits and hyphens for tokens. Source: the registry's REST API, tokens.
 */
const CONTENT_DIGITS = 24;
/** Source: Azure CLI, `az acr scope-map create --description`. */
const MAX_DESCRIPTION = 256;

/** What each right is in a scope map; pulling comes first in a push. Source: the ACR documentation, repository-scoped permissions. */
const ACTIONS: Readonly<Record<RegistryAccess, readonly string[]>> = {
  read: ["content/read", "metadata/read"],
  write: ["content/read", "content/write"],
  delete: ["content/delete"],
};
/** Different actions that one repository can have: those of all rights. */
export const ACTIONS_PER_REPOSITORY = new Set(Object.values(ACTIONS).flat()).size;
/** Most actions of one scope map, in every tier. Source: Azure subscription limits, Container Registry. */
export const MAX_SCOPE_MAP_ACTIONS = 500;

/** What logins are for. Those that are for the same share tokens and scope maps. */
export type Content = {
  /** The storage account of this installation: another one's tokens at the same registry are not ours. */
  readonly stateAccount: string;
  readonly connectorId: string;
  /** Canonical. */
  readonly registryId: string;
  readonly repositories: readonly string[];
  readonly access: readonly string[];
};

/** The beginning of the names of all tokens and scope maps for this: `latchkey-<24 hex digits>`. */
export function contentName({ stateAccount, connectorId, registryId, repositories, access }: Content): string {
  const parts = [stateAccount, connectorId, registryId.toLowerCase(), repositories.toSorted(), rightsOf(access)];
  return `latchkey-${sha256(JSON.stringify(parts)).slice(0, CONTENT_DIGITS)}`;
}

/** A scope map for this and nothing else. */
export function scopeMapOf(name: string, { repositories, access }: Pick<Content, "repositories" | "access">): ScopeMap {
  const rights = rightsOf(access);
  const kinds = [...new Set(rights.flatMap((right) => ACTIONS[right]))];
  const actions = repositories
    .toSorted()
    .flatMap((repository) => kinds.map((kind) => `repositories/${repository}/${kind}`));
  const description = `Latchkey: ${rights.join(", ")} for ${repositories.toSorted().join(", ")}`;
  return { name, description: description.slice(0, MAX_DESCRIPTION), actions };
}

/** In one order, whatever the request's was. */
function rightsOf(access: readonly string[]): readonly RegistryAccess[] {
  return REGISTRY_ACCESS.filter((right) => access.includes(right));
}
