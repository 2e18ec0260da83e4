/** Container registries as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { REGISTRY_TYPE } from "../connectors/arm-id.ts";
import type { AzureView, Registry } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, placeOf, READER, readResources } from "./arm-list.ts";
import { callAsConnector } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-containerregistry"));

/** @param registrySuffix of the cloud, for a registry whose host name ARM leaves out while it is being made */
export function openRegistries(arm: ArmSignIn, registrySuffix: string): Pick<AzureView, "registries"> {
  const { credential, options } = arm;
  return {
    registries: (subscriptionId, resourceGroup) =>
      callAsConnector(`list the registries of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { ContainerRegistryManagementClient } = await armModule();
        const { registries } = new ContainerRegistryManagementClient(credential, subscriptionId, options);
        const list = () =>
          resourceGroup === null
            ? registries.list({ abortSignal })
            : registries.listByResourceGroup(resourceGroup, { abortSignal });
        return (await readResources(arm, list, abortSignal)).map((registry) => {
          const { name, ...place } = placeOf(REGISTRY_TYPE, registry.id);
          const armTokens = registry.policies?.azureADAuthenticationAsArmPolicy?.status;
          return {
            ...place,
            registry: name,
            tier: tierOf(registry.sku?.tier ?? registry.sku?.name),
            loginServer: (registry.loginServer ?? `${name}.${registrySuffix}`).toLowerCase(),
            // Absent means legacy: only newer versions of the API know the other.
            mode: registry.roleAssignmentMode === "AbacRepositoryPermissions" ? "abac" : "legacy",
            adminUserEnabled: registry.adminUserEnabled === true,
            takesArmTokens: armTokens?.toLowerCase() !== "disabled",
          };
        });
      }),
  };
}

/** An unknown tier is treated as the smallest. */
function tierOf(tier: string | undefined): Registry["tier"] {
  return tier === "Premium" || tier === "Standard" ? tier : "Basic";
}
