/** Makes the credential of an allowed request, by resource type. Nothing is recorded here. Used by issue and renew. */
import type { LentType } from "../connectors/ports.ts";
import { type MintTokenDeps, mintToken } from "./arm-token.ts";
import { type MintBlobDeps, mintBlobSas } from "./blob-container.ts";
import { type MintSecretDeps, mintSecret } from "./key-vault-secret.ts";
import type { Minted, MintRequest } from "./minted.ts";

/** What making credentials needs. */
export type MintDeps = MintBlobDeps & MintSecretDeps & MintTokenDeps;

/** How each type's credential is made. */
const MINTS: Readonly<Record<LentType, (deps: MintDeps, request: MintRequest, now: Date) => Promise<Minted>>> = {
  "blob-container": mintBlobSas,
  "key-vault-secret": mintSecret,
  "azure-generic": mintToken,
};

/** @throws what the type's own function throws */
export function mint(deps: MintDeps, resourceType: LentType, request: MintRequest, now: Date): Promise<Minted> {
  return MINTS[resourceType](deps, request, now);
}
