/** What Azure roles allow inside a cluster with Azure RBAC: requests as data actions. Called by authorize.ts. */
import type { Authorization } from "../ports.ts";
import type { RequestInfo } from "./request-info.ts";
import type { UserInfo } from "./user-info.ts";

const PREFIX = "Microsoft.ContainerService/managedClusters";
/** Texts of AKS's authorizer. Source: kubeguard/guard, authz/providers/azure/rbac/checkaccessreqhelper.go. */
const ALLOWED = "Access allowed by Azure RBAC";
const REFUSED = "User does not have access to the resource in Azure. Update role assignment to allow access.";
const NO_OPINION = "Azure does not have opinion for this user.";

/** What verbs are called in data actions; all others are called as they are, with `/action`. */
const ACTIONS: Readonly<Record<string, string>> = {
  get: "read",
  list: "read",
  watch: "read",
  create: "write",
  update: "write",
  patch: "write",
  delete: "delete",
  deletecollection: "delete",
};
/** A wish for every verb is granted to whoever has all of these. */
const EVERY_ACTION = ["read", "write", "delete"];

/**
 * The answer of Azure for a user of Entra; for everybody else it has no opinion.
 * @param clusterId ARM id
 */
export function azureAllows(
  authorization: Authorization,
  user: UserInfo,
  asked: RequestInfo,
  clusterId: string,
): { readonly allowed: boolean; readonly reason: string } {
  const { objectId } = user;
  if (objectId === undefined) return { allowed: false, reason: NO_OPINION };
  const principal = { objectId, groups: user.groups };
  const scope = asked.isResource && asked.namespace !== "" ? `${clusterId}/namespaces/${asked.namespace}` : clusterId;
  const allowed = dataActionsOf(asked).every((action) => authorization.allows(principal, "dataActions", action, scope));
  return allowed ? { allowed, reason: ALLOWED } : { allowed, reason: REFUSED };
}

/** The data actions that a request needs, all of them. A subresource is not looked at, except `pods/exec`. */
export function dataActionsOf(asked: RequestInfo): string[] {
  const actions = asked.verb === "*" ? EVERY_ACTION : [ACTIONS[asked.verb] ?? `${asked.verb}/action`];
  if (!asked.isResource) return actions.map((action) => `${PREFIX}${asked.path}/${action}`);
  if (asked.resource === "pods" && asked.subresource === "exec") return [`${PREFIX}/pods/exec/action`];
  const group = asked.group === "" ? "" : `/${asked.group}`;
  return actions.map((action) => `${PREFIX}${group}/${asked.resource}/${action}`);
}
