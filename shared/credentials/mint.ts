/** Makes the credential of an allowed request, by resource type. Nothing is recorded here. Used by issue and renew. */
import type { ResourceType } from "../connectors/ports.ts";
import { type MintTokenDeps, mintToken } from "./arm-token.ts";
import { type MintBlobDeps, mintBlobSas } from "./blob-container.ts";
import { type MintClusterAccessDeps, mintClusterAccess } from "./cluster-access.ts";
import { type MintSecretDeps, mintSecret } from "./key-vault-secret.ts";
import type { Minted, MintRequest } from "./minted.ts";
import { type MintRegistryTokenDeps, mintRegistryToken } from "./registry-token.ts";

/** What making credentials needs. */
export type MintDeps = MintBlobDeps & MintSecretDeps & MintTokenDeps & MintRegistryTokenDeps & MintClusterAccessDeps;

/** How each type's credential is made. */
const MINTS: Readonly<Record<ResourceType, (deps: MintDeps, request: MintRequest, now: Date) => Promise<Minted>>> = {
  "blob-container": mintBlobSas,
  "key-vault-secret": mintSecret,
  "azure-generic": mintToken,
  "docker-registry": mintRegistryToken,
  "kubernetes-cluster": mintClusterAccess,
};

/** @throws what the type's own function throws */
export function mint(deps: MintDeps, resourceType: ResourceType, request: MintRequest, now: Date): Promise<Minted> {
  return MINTS[resourceType](deps, request, now);
}
