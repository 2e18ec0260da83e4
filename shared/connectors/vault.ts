/** Key vaults as resources of ARM. Names of the secrets in them are in vault-secret.ts. Pure. */
import { armIdOf, VAULT_TYPE } from "./arm-id.ts";
import type { Vault } from "./ports.ts";

/** The canonical id, in ARM's own words. */
export function vaultArmId({ subscriptionId, resourceGroup, vault }: Omit<Vault, "hasRbac">): string {
  return armIdOf(VAULT_TYPE, { subscriptionId, resourceGroup, name: vault });
}
