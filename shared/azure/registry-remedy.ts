/** What to do when a registry refuses: the least role. Used by registry-tokens.ts and acr-access.ts. */
import { ACCESS_NEEDS } from "../connectors/access-needs.ts";
import type { RegistryAccess } from "../credentials/docker-registry.ts";
import type { RegistrySignIn } from "./registry-calls.ts";

/** The least roles that list the names of repositories. Source: the ACR documentation on repository permissions. */
export const CATALOG_LISTERS = { legacy: "AcrPull", abac: "Container Registry Repository Catalog Lister" } as const;

/** The least roles that give these rights; a larger one that is among them gives the smaller ones' rights too. */
export function rolesFor({ registry: { mode } }: RegistrySignIn, access: readonly RegistryAccess[]): readonly string[] {
  return [...new Set(access.map((right) => ACCESS_NEEDS[`docker-registry ${mode}`][right].role.name))];
}

/** For a person. */
export function giveRole({ registry: { registry } }: RegistrySignIn, roles: readonly string[]): string {
  return `Give the connector's identity the role ${roles.join(" and the role ")} at the registry ${registry}; where it has that, look whether the registry's firewall lets this service in.`;
}
