/** Azure RBAC over the role assignments of the seed file; used by ARM, Key Vault and the storage guard. */
import { placed } from "../placed-resources.ts";
import { identitiesOf, type Seed, tenantOf } from "../seed.ts";
import { BUILT_IN_ROLES } from "./built-in-roles.ts";
import { CUSTOM_ROLES } from "./custom-roles.ts";
import type { Authorization, Principal } from "./ports.ts";
import type { RoleDefinition } from "./role-definition.ts";

/** A role assignment with ids in the place of names. */
export type RoleAssignment = {
  /** Object id of a user, a group or a service principal. */
  readonly principalId: string;
  readonly role: RoleDefinition;
  /** ARM id that the assignment stands at. */
  readonly scope: string;
};

/**
 * The role assignments of a seed, names resolved.
 * @throws Error when a principal, role or scope is not in the seed: the local system must not start half-made.
 */
export function roleAssignmentsOf(seed: Seed): RoleAssignment[] {
  return seed.roleAssignments.map((assignment) => {
    const principalId = principalIdOf(seed, assignment.principal);
    const role = [...BUILT_IN_ROLES, ...CUSTOM_ROLES].find((candidate) => candidate.name === assignment.role);
    if (!role) throw new Error(`seed: role assignment names the unknown role "${assignment.role}"`);
    return { principalId, role, scope: scopeOf(seed, assignment.scope) };
  });
}

/**
 * Decides as Azure RBAC does: one assignment at the scope or above it must allow the operation and not take it back.
 * The groups of a user are those of the seed, as Azure asks its directory, plus those that the caller passes.
 * @throws Error as `roleAssignmentsOf`
 */
export function createAuthorization(seed: Seed): Authorization {
  const assignments = roleAssignmentsOf(seed);
  const groupsOfUser = new Map(
    seed.users.map((user) => [user.objectId.toLowerCase(), user.groups.map((group) => principalIdOf(seed, group))]),
  );
  return {
    allows(principal, plane, operation, scope) {
      const ids = idsOf(principal, groupsOfUser);
      return assignments.some(
        (assignment) =>
          ids.has(assignment.principalId.toLowerCase()) &&
          covers(assignment.scope, scope) &&
          roleAllows(assignment.role, plane, operation),
      );
    },
  };
}

/** Whether a role allows an operation: named in its list and not in the `not` list of the same role. */
export function roleAllows(role: RoleDefinition, plane: "actions" | "dataActions", operation: string): boolean {
  const granted = plane === "actions" ? role.actions : role.dataActions;
  const excluded = plane === "actions" ? role.notActions : role.notDataActions;
  return (
    granted.some((pattern) => matches(pattern, operation)) && !excluded.some((pattern) => matches(pattern, operation))
  );
}

/** Whether an assignment at `assigned` counts at `asked`: the same resource or one above it, by whole path segments. */
export function covers(assigned: string, asked: string): boolean {
  const above = normalized(assigned);
  const below = normalized(asked);
  return below === above || below.startsWith(`${above}/`);
}

function idsOf(principal: Principal, groupsOfUser: ReadonlyMap<string, readonly string[]>): Set<string> {
  const known = groupsOfUser.get(principal.objectId.toLowerCase()) ?? [];
  return new Set([principal.objectId, ...principal.groups, ...known].map((id) => id.toLowerCase()));
}

function normalized(scope: string): string {
  return scope.toLowerCase().replace(/\/+$/, "");
}

/** `*` stands for any run of characters, slashes included; the rest is compared without regard to case. */
function matches(pattern: string, operation: string): boolean {
  const expression = pattern
    .split("*")
    .map((literal) => literal.replace(/[.\\+?^${}()|[\]]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${expression}$`, "is").test(operation);
}

/**
 * Object id of the user, group, application or managed identity of that name.
 * @throws Error when there is none or more than one
 */
export function principalIdOf(seed: Seed, name: string): string {
  const found = [
    ...seed.users.filter((user) => user.name === name).map((user) => user.objectId),
    ...seed.groups.filter((group) => group.name === name).map((group) => group.id),
    ...seed.applications.filter((application) => application.name === name).map((application) => application.objectId),
    // A service principal in another tenant: the application's name, `@`, that tenant's domain.
    ...seed.applications.flatMap((application) =>
      application.tenants
        .filter(({ tenant }) => name === `${application.name}@${tenantOf(seed, { tenant }).domain}`)
        .map(({ objectId }) => objectId),
    ),
    ...identitiesOf(seed)
      .filter(({ identity }) => identity.name === name)
      .map(({ identity }) => identity.principalId),
  ];
  return exactlyOne(found, `principal "${name}"`);
}

/** Types of resources that a scope can name. */
const RESOURCE_TYPES: Readonly<Record<string, (group: ResourceGroup) => readonly { readonly name: string }[]>> = {
  "Microsoft.Storage/storageAccounts": (group) => group.storageAccounts,
  "Microsoft.ContainerRegistry/registries": (group) => group.registries,
  "Microsoft.ContainerService/managedClusters": (group) => group.clusters,
  "Microsoft.KeyVault/vaults": (group) => group.keyVaults,
  "Microsoft.ManagedIdentity/userAssignedIdentities": (group) => group.identities,
};
type ResourceGroup = Seed["subscriptions"][number]["resourceGroups"][number];

/** The ARM id of `[subscription:]/[group[/resource[/container or secret]]]`; without the subscription, of the first. */
function scopeOf(seed: Seed, scope: string): string {
  const [, subscriptionName, path = ""] = /^(?:([^/:]+):)?(\/.*)$/.exec(scope) ?? [];
  const [root, groupName, resourceName, partName, ...rest] = path.split("/");
  if (root !== "" || groupName === undefined || rest.length > 0 || (path.endsWith("/") && path !== "/")) {
    throw new Error(
      `seed: "${scope}" is no scope; write /, /group, /group/resource, /group/account/container or /group/vault/secret, behind "subscription:" for all but the first`,
    );
  }
  const subscriptions = seed.subscriptions.filter(({ name }, index) =>
    subscriptionName === undefined ? index === 0 : name === subscriptionName,
  );
  const only = (found: readonly string[]) => exactlyOne(found, `scope "${scope}"`);
  if (path === "/") return only(subscriptions.map(({ id }) => `/subscriptions/${id}`));
  const inScope = { ...seed, subscriptions };
  if (resourceName === undefined) {
    return only(
      subscriptions.flatMap(({ id, resourceGroups }) =>
        resourceGroups
          .filter((group) => same(group.name, groupName))
          .map((group) => `/subscriptions/${id}/resourceGroups/${group.name}`),
      ),
    );
  }
  const resources = Object.entries(RESOURCE_TYPES)
    .flatMap(([type, of]) => placed(inScope, type, of))
    .filter(({ name, group }) => same(group.name, groupName) && same(name, resourceName));
  if (partName === undefined) return only(resources.map(({ id }) => id));
  return only(
    resources.flatMap(({ id, group, name }) => [
      ...group.storageAccounts
        .filter((account) => account.name === name && account.containers.includes(partName))
        .map(() => `${id}/blobServices/default/containers/${partName}`),
      ...group.keyVaults
        .filter((vault) => vault.name === name && Object.hasOwn(vault.secrets, partName))
        .map(() => `${id}/secrets/${partName}`),
    ]),
  );
}

function exactlyOne(found: readonly string[], what: string): string {
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new Error(`seed: ${what} is ${first === undefined ? "unknown" : "ambiguous"}`);
  }
  return first;
}

function same(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
