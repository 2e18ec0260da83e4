/** What verifying needs, in memory: a view, stores that answer as told, and an ask to change. Used by the unit tests of verify. */
import type { AzureView, Permission } from "../../shared/connectors/ports.ts";
import type { Probe, Probes } from "../../shared/connectors/probe.ts";
import type { VerifyAsk } from "../../shared/connectors/verify.ts";
import { azureView, connectorRequest, OBJECT, OPEN_STORES, OWN_ACCOUNTS, OWN_VAULT, TENANT } from "./fakes.ts";

/** What one role assignment gives. */
export function permission(lists: Partial<Permission>): Permission {
  return { actions: [], notActions: [], dataActions: [], notDataActions: [], ...lists };
}

/** A store that says no. */
export function refusal(reason: Extract<Probe, { ok: false }>["reason"], code: string | null = null) {
  return async (): Promise<Probe> => ({ ok: false, reason, code });
}

/** An ask for blob containers, unless told otherwise, by a service principal without limits. */
export function verifyAsk(changes: {
  view?: Partial<AzureView>;
  probes?: Partial<Probes>;
  resourceId?: string;
  types?: VerifyAsk["types"];
  areTypesNamed?: boolean;
  authMethod?: VerifyAsk["authMethod"];
}): VerifyAsk {
  return {
    view: { ...azureView({}), ...changes.view },
    probes: { ...OPEN_STORES, ...changes.probes },
    who: { tenantId: TENANT, objectId: OBJECT, kind: "ServicePrincipal" },
    authMethod: changes.authMethod ?? "service-principal",
    reach: {
      configuration: connectorRequest().configuration,
      resourceId: changes.resourceId ?? null,
      ownAccounts: OWN_ACCOUNTS,
      cloud: "public",
      ownVaults: [OWN_VAULT],
    },
    types: changes.types ?? ["blob-container"],
    areTypesNamed: changes.areTypesNamed ?? true,
  };
}
