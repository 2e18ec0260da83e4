/** Nobody gives away by a role or a binding what he does not have himself. Called by cluster-requests.ts. */
import type { ApiResource } from "./api-resources.ts";
import { ApiError } from "./api-status.ts";
import { judge } from "./authorize.ts";
import type { WantedObject } from "./object-bodies.ts";
import { matchesPath, matchesResource, type PolicyRule, rulesFor, rulesIn, rulesOfRole } from "./rbac.ts";
import type { ResourceRequest } from "./request-info.ts";
import type { UserInfo } from "./user-info.ts";

const ROLES = new Set(["Role", "ClusterRole"]);
const BINDINGS = new Set(["RoleBinding", "ClusterRoleBinding"]);

/**
 * Source: kubernetes, pkg/registry/rbac: `escalate` and `bind` allow it without having the rights.
 * @throws ApiError 403
 */
export function demandNoEscalation(
  user: UserInfo,
  resource: ApiResource,
  asked: ResourceRequest,
  wanted: WantedObject,
  deps: Parameters<typeof judge>[2],
): void {
  const isRole = ROLES.has(resource.kind);
  if (!isRole && !BINDINGS.has(resource.kind)) return;
  const reference = roleRefOf(wanted.body);
  const verb = isRole ? "escalate" : "bind";
  const target = isRole ? resource.plural : `${reference.kind.toLowerCase()}s`;
  const name = isRole ? wanted.name : reference.name;
  if (judge(user, { ...asked, verb, resource: target, name }, deps).allowed) return;
  const { state } = deps.cluster;
  const given = isRole ? rulesIn(wanted.body) : rulesOfRole(state, reference, asked.namespace);
  const own = rulesFor(state, user, asked.namespace).map(({ rule }) => rule);
  const missing = given.filter((rule) => !isCovered(rule, own));
  if (missing.length === 0) return;
  const lines = missing.map(
    ({ apiGroups, resources, verbs }) =>
      `{APIGroups:${JSON.stringify(apiGroups)}, Resources:${JSON.stringify(resources)}, Verbs:${JSON.stringify(verbs)}}`,
  );
  throw new ApiError(
    403,
    "Forbidden",
    `${resource.plural}.${resource.group} "${wanted.name}" is forbidden: user "${user.username}" (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}`,
    { name: wanted.name, group: resource.group, kind: resource.plural },
  );
}

/** Whether each single right of a rule is in one of the others. */
function isCovered(rule: PolicyRule, own: readonly PolicyRule[]): boolean {
  const names = rule.resourceNames.length > 0 ? rule.resourceNames : [undefined];
  return rule.verbs.every((verb) => {
    const withVerb = own.filter(({ verbs }) => verbs.includes("*") || verbs.includes(verb));
    return (
      rule.nonResourceURLs.every((path) =>
        withVerb.some(({ nonResourceURLs }) => nonResourceURLs.some((pattern) => matchesPath(pattern, path))),
      ) &&
      rule.apiGroups.every((group) =>
        rule.resources.every((whole) => names.every((name) => withVerb.some((one) => grants(one, group, whole, name)))),
      )
    );
  });
}

function grants(rule: PolicyRule, group: string, whole: string, name: string | undefined): boolean {
  const [resource = "", subresource = ""] = whole.split("/");
  return (
    (rule.apiGroups.includes("*") || rule.apiGroups.includes(group)) &&
    matchesResource(rule.resources, resource, subresource) &&
    (rule.resourceNames.length === 0 || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

function roleRefOf({ roleRef }: WantedObject["body"]): { readonly kind: string; readonly name: string } {
  const of = (member: string) =>
    typeof roleRef === "object" && roleRef !== null ? String(Reflect.get(roleRef, member) ?? "") : "";
  return { kind: of("kind"), name: of("name") };
}
