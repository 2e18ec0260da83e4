/** Roles that the tenant of the seed has made itself, beside those that Azure has (used by authorization.ts). */
import type { RoleDefinition } from "./role-definition.ts";

/** Every custom role that the seed file may name. */
export const CUSTOM_ROLES: readonly RoleDefinition[] = [
  {
    // The smallest that may revoke: Storage Account Contributor could read the account's keys as well.
    id: "5b0d5f5e-6a0c-4d0e-9a52-1f6f3c1d7e21",
    name: "Latchkey Break-Glass",
    actions: ["Microsoft.Storage/storageAccounts/revokeUserDelegationKeys/action"],
    notActions: [],
    dataActions: [],
    notDataActions: [],
  },
];
