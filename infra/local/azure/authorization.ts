/** Azure RBAC over the role assignments of the seed file; used by ARM, Key Vault and the storage guard. */
import { identitiesOf, keyVaultsOf, type Seed, storageAccountsOf, tenantOf } from "../seed.ts";
import { BUILT_IN_ROLES, type RoleDefinition } from "./built-in-roles.ts";
import { CUSTOM_ROLES } from "./custom-roles.ts";
import type { Authorization, Principal } from "./ports.ts";

/** A role assignment with ids in the place of names. */
export type RoleAssignment = {
  /** Object id of a user, a group or a service principal. */
  readonly principalId: string;
  readonly role: RoleDefinition;
  /** ARM id that the assignment stands at. */
  readonly scope: string;
};

/**
 * The role assignments of a seed, names resolved. `/` in the file stands for every subscription of it.
 * @throws Error when a principal, role or scope is not in the seed: the local system must not start half-made.
 */
export function roleAssignmentsOf(seed: Seed): RoleAssignment[] {
  return seed.roleAssignments.flatMap((assignment) => {
    const principalId = principalIdOf(seed, assignment.principal);
    const role = [...BUILT_IN_ROLES, ...CUSTOM_ROLES].find((candidate) => candidate.name === assignment.role);
    if (!role) throw new Error(`seed: role assignment names the unknown role "${assignment.role}"`);
    return scopesOf(seed, assignment.scope).map((scope) => ({ principalId, role, scope }));
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

function principalIdOf(seed: Seed, name: string): string {
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

function scopesOf(seed: Seed, scope: string): string[] {
  if (scope === "/") return seed.subscriptions.map((subscription) => `/subscriptions/${subscription.id}`);
  const [root, groupName, resourceName, partName, ...rest] = scope.split("/");
  if (root !== "" || !groupName || rest.length > 0 || scope.endsWith("/")) {
    throw new Error(
      `seed: "${scope}" is no scope; write /, /group, /group/resource, /group/account/container or /group/vault/secret`,
    );
  }
  if (resourceName === undefined) return [groupIdOf(seed, groupName)];
  const inGroup = ({ group }: { group: { name: string } }) => same(group.name, groupName);
  const accounts = storageAccountsOf(seed).filter((entry) => inGroup(entry) && same(entry.account.name, resourceName));
  const vaults = keyVaultsOf(seed).filter((entry) => inGroup(entry) && same(entry.vault.name, resourceName));
  if (partName === undefined) {
    return [
      exactlyOne(
        [...accounts, ...vaults].map((entry) => entry.id),
        `scope "${scope}"`,
      ),
    ];
  }
  const containers = accounts
    .filter((entry) => entry.account.containers.includes(partName))
    .map((entry) => `${entry.id}/blobServices/default/containers/${partName}`);
  const secrets = vaults
    .filter((entry) => Object.hasOwn(entry.vault.secrets, partName))
    .map((entry) => `${entry.id}/secrets/${partName}`);
  return [exactlyOne([...containers, ...secrets], `scope "${scope}"`)];
}

function groupIdOf(seed: Seed, name: string): string {
  const found = seed.subscriptions.flatMap((subscription) =>
    subscription.resourceGroups
      .filter((group) => same(group.name, name))
      .map((group) => `/subscriptions/${subscription.id}/resourceGroups/${group.name}`),
  );
  return exactlyOne(found, `scope "/${name}"`);
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
