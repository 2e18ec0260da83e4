/** What a caller may see in Azure Resource Manager, decided by role assignments. Used by every handler of arm.ts. */
import { createHash } from "node:crypto";
import type { Seed } from "../../seed.ts";
import { covers, type RoleAssignment, roleAssignmentsOf } from "../authorization.ts";
import type { Authorization } from "../ports.ts";
import type { ArmCaller } from "./arm-caller.ts";
import { authorizationFailed } from "./arm-errors.ts";

/** A role assignment as ARM names it. */
export type NamedAssignment = {
  readonly id: string;
  readonly subscriptionId: string;
  readonly principalId: string;
  readonly principalType: "User" | "Group" | "ServicePrincipal";
  readonly roleDefinitionId: string;
  readonly scope: string;
};

/** Decisions for one seed. */
export type ArmRights = {
  /** Whether the action is allowed at the scope. */
  allows(caller: ArmCaller, action: string, scope: string): boolean;
  /** Those of the caller and its groups at the scope or above it. */
  assignments(caller: ArmCaller, scope: string): readonly RoleAssignment[];
  /** Everybody's, where the caller may read them. */
  readableAssignments(caller: ArmCaller): readonly NamedAssignment[];
  /** @throws ArmError 403 AuthorizationFailed unless the action is allowed at the scope */
  demand(caller: ArmCaller, action: string, scope: string): void;
  /** Whether any role assignment of the caller stands at the scope, above it or below it. */
  touches(caller: ArmCaller, scope: string): boolean;
  /**
   * The members of a collection that the caller may see. Azure trims a list to what each member's own scope allows
   * (a service principal with rights on one resource group lists a whole subscription and gets that group's members:
   * virtualkubelet's predecessor aci-connector-k8s relied on it, pull request 19), and refuses only a caller with no
   * right anywhere under the scope.
   * @throws ArmError 403 AuthorizationFailed
   */
  trim<T extends { readonly id: string }>(
    caller: ArmCaller,
    action: string,
    scope: string,
    members: readonly T[],
  ): readonly T[];
};

/** @throws Error when a role assignment of the seed names what is not there */
export function createArmRights(seed: Seed, authorization: Authorization): ArmRights {
  const assignments = roleAssignmentsOf(seed);
  const groupId = (name: string) => seed.groups.find((group) => group.name === name)?.id ?? name;
  const principals = (caller: ArmCaller) => {
    const user = seed.users.find((candidate) => candidate.objectId === caller.objectId);
    return new Set([caller.objectId, ...caller.principal.groups, ...(user?.groups ?? []).map(groupId)]);
  };
  const touches = (caller: ArmCaller, scope: string) => {
    const ids = principals(caller);
    return assignments.some(
      (assignment) =>
        ids.has(assignment.principalId) && (covers(assignment.scope, scope) || covers(scope, assignment.scope)),
    );
  };
  const allows = (caller: ArmCaller, action: string, scope: string) =>
    authorization.allows(caller.principal, "actions", action, scope);
  const typeOf = (principalId: string) => {
    if (seed.users.some(({ objectId }) => objectId === principalId)) return "User";
    return seed.groups.some(({ id }) => id === principalId) ? "Group" : "ServicePrincipal";
  };
  const named = assignments.map(({ principalId, role, scope }): NamedAssignment => {
    const subscription = scope.split("/").slice(0, 3).join("/");
    const providers = "providers/Microsoft.Authorization";
    return {
      id: `${scope}/${providers}/roleAssignments/${guidOf(principalId, role.id, scope)}`,
      subscriptionId: subscription.slice("/subscriptions/".length),
      principalId,
      principalType: typeOf(principalId),
      roleDefinitionId: `${subscription}/${providers}/roleDefinitions/${role.id}`,
      scope,
    };
  });
  return {
    allows,
    touches,
    assignments(caller, scope) {
      const ids = principals(caller);
      return assignments.filter((assignment) => ids.has(assignment.principalId) && covers(assignment.scope, scope));
    },
    readableAssignments: (caller) =>
      named.filter(({ scope }) => allows(caller, "Microsoft.Authorization/roleAssignments/read", scope)),
    demand(caller, action, scope) {
      if (!allows(caller, action, scope)) throw authorizationFailed(caller, action, scope);
    },
    trim(caller, action, scope, members) {
      if (!touches(caller, scope)) throw authorizationFailed(caller, action, scope);
      return members.filter((member) => allows(caller, action, member.id));
    },
  };
}

/** The id of an assignment, equal at every start. */
function guidOf(...parts: readonly string[]): string {
  const hex = createHash("sha256").update(parts.join("#")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
