/** Registries of the local Azure as the product's own client meets them. Used by the contract tests of their tokens. */
import { decodeJwt } from "jose";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createRegistryTokens } from "../../shared/azure/registry-tokens.ts";
import { registry } from "./fakes-registry.ts";
import type { LocalAzure } from "./local-azure.ts";
import { signInOf } from "./product-parts.ts";

/** In legacy mode; zenml-connector may read, write and delete there. */
export const LEGACY = registry({
  registry: "demozenmlcontainerregistry",
  loginServer: "demozenmlcontainerregistry.azurecr.io",
});
/** In ABAC mode; research-connector reads there, and its AcrPush is not heeded. It takes no tokens for ARM. */
export const ABAC = registry({
  registry: "researchabacregistry",
  loginServer: "researchabacregistry.azurecr.io",
  mode: "abac",
  takesArmTokens: false,
});
/** What a token to read the repository zenml holds. */
export const PULL = [{ type: "repository", name: "zenml", actions: ["metadata_read", "pull"] }];

export const now = () => new Date();
/** The product's client in a process that has just started. */
export const openTokens = () => createRegistryTokens({ identities: createConnectorIdentities(), now });
export const legacy = (azure: LocalAzure, signIn = signInOf(azure, "zenml-connector")) => ({
  registry: LEGACY,
  signIn,
});
export const abac = (azure: LocalAzure, signIn = signInOf(azure, "research-connector")) => ({ registry: ABAC, signIn });

/** What a token holds, with actions in order. */
export function accessIn(token: string) {
  const { access } = decodeJwt<{ access: { name: string; actions: string[] }[] }>(token);
  return access.map((one) => ({ ...one, actions: [...one.actions].sort() }));
}
