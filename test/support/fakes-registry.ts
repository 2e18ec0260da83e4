/** A registry as ARM describes it. Used by the unit tests of the forms of registries. */
import type { OpenedRegistry, Registry } from "../../shared/connectors/ports.ts";
import { SUBSCRIPTION, signIn } from "./fakes.ts";

/** In legacy mode, without anything special. */
export function registry(changes: Partial<Registry> = {}): Registry {
  return {
    subscriptionId: SUBSCRIPTION,
    resourceGroup: "demo",
    registry: "demozenmlregistry",
    tier: "Standard",
    loginServer: "demozenmlregistry.azurecr.io",
    mode: "legacy",
    adminUserEnabled: false,
    takesArmTokens: true,
    ...changes,
  };
}

/** The same, opened through a connector. */
export function openedRegistry(changes: Partial<OpenedRegistry> = {}): OpenedRegistry {
  const found = changes.registry ?? registry();
  return {
    connector: { id: "id-1", name: "azure", expiresAt: null },
    resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/demo/providers/Microsoft.ContainerRegistry/registries/${found.registry}`,
    displayName: found.loginServer,
    signIn: signIn(),
    registry: found,
    ...changes,
  };
}
