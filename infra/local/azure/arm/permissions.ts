/** What the caller may do at a scope, as Microsoft.Authorization tells it. Registered by arm.ts. */
import { PERMISSIONS_API_VERSIONS } from "./api-versions.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";

const SUFFIX = "/providers/Microsoft.Authorization/permissions";
/** The first version that tells data actions. */
const DATA_ACTIONS_SINCE = "2022-04-01";

/**
 * The scopes: a subscription, a group, a resource, and what is inside one, by pairs of type and name. Whether there is
 * such a resource does not matter: assignments are found by their scope alone.
 */
const SCOPES = ["", "/resourceGroups/:group"].concat(
  [1, 2, 3].map((pairs) => {
    const names = Array.from({ length: pairs }, (_, index) => `/:type${index}/:name${index}`).join("");
    return `/resourceGroups/:group/providers/:namespace${names}`;
  }),
);

/**
 * One entry for each role assignment of the caller that reaches the scope, by group or not; none for a caller without.
 * Source: azure-rest-api-specs, Microsoft.Authorization, Permissions_ListForResource.
 */
export function permissionOperations({ rights }: { readonly rights: ArmRights }): ArmOperation[] {
  return SCOPES.map((scope) => ({
    method: "GET" as const,
    apiVersions: PERMISSIONS_API_VERSIONS,
    path: `/subscriptions/:subscription${scope}${SUFFIX}`,
    answer: (request: ArmRequest) => {
      const at = request.path.replace(/\/+$/, "").slice(0, -SUFFIX.length);
      const value = rights.assignments(request.caller, decodeURIComponent(at)).map(({ role }) => ({
        actions: role.actions,
        notActions: role.notActions,
        ...(request.apiVersion >= DATA_ACTIONS_SINCE
          ? { dataActions: role.dataActions, notDataActions: role.notDataActions }
          : {}),
      }));
      return { status: 200, body: { value } };
    },
  }));
}
