/** Kubernetes RBAC: what roles and bindings of a cluster allow a user. Called by authorize.ts and rbac-escalation.ts. */
import { z } from "zod";
import { resourceOfKind } from "./api-resources.ts";
import { type ClusterState, findObject, type KubeObject, objectsOf } from "./kube-object.ts";
import type { RequestInfo } from "./request-info.ts";
import { SERVICE_ACCOUNT_PREFIX, type UserInfo } from "./user-info.ts";

const words = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const ruleSchema = z.object({
  verbs: words,
  apiGroups: words,
  resources: words,
  resourceNames: words,
  nonResourceURLs: words,
});
const rulesSchema = z
  .array(ruleSchema)
  .nullish()
  .transform((list) => list ?? []);
const subjectSchema = z.object({ kind: z.string(), name: z.string(), namespace: z.string().nullish() });
const bindingSchema = z.object({
  subjects: z
    .array(subjectSchema)
    .nullish()
    .transform((list) => list ?? []),
  roleRef: z.object({ kind: z.string(), name: z.string() }),
});

/** A rule of a role; every list is there, empty or not. */
export type PolicyRule = z.infer<typeof ruleSchema>;
/** A rule that a user has, and the text by which the API server says whence. */
export type GrantedRule = { readonly rule: PolicyRule; readonly because: string };

const CLUSTER_ROLE = resourceOfKind("ClusterRole");
const ROLE = resourceOfKind("Role");
const CLUSTER_ROLE_BINDING = resourceOfKind("ClusterRoleBinding");
const ROLE_BINDING = resourceOfKind("RoleBinding");

/** Every rule that holds for the user in that namespace; of the whole cluster alone when it is empty. */
export function rulesFor(state: ClusterState, user: UserInfo, namespace: string): GrantedRule[] {
  const bindings = [
    ...objectsOf(state, CLUSTER_ROLE_BINDING, ""),
    ...(namespace === "" ? [] : objectsOf(state, ROLE_BINDING, namespace)),
  ];
  return bindings.flatMap((binding) => {
    const parsed = bindingSchema.safeParse(binding);
    if (!parsed.success) return [];
    const { subjects, roleRef } = parsed.data;
    const own = binding.metadata.namespace ?? "";
    const subject = subjects.find((one) => isSubject(one, user, own));
    if (subject === undefined) return [];
    const because = reason(binding, roleRef, subject);
    return rulesOfRole(state, roleRef, own).map((rule) => ({ rule, because }));
  });
}

/** The rules of the role that a binding names; none when there is no such role. */
export function rulesOfRole(
  state: ClusterState,
  { kind, name }: { readonly kind: string; readonly name: string },
  namespace: string,
): PolicyRule[] {
  const role =
    kind === "ClusterRole" ? findObject(state, CLUSTER_ROLE, "", name) : findObject(state, ROLE, namespace, name);
  return role === undefined ? [] : rulesIn(role);
}

/** The rules of a role object as far as they can be read. */
export function rulesIn(role: { readonly [member: string]: unknown }): PolicyRule[] {
  const parsed = rulesSchema.safeParse(role.rules);
  return parsed.success ? parsed.data : [];
}

/** Whether a rule allows a request. */
export function ruleAllows(rule: PolicyRule, asked: RequestInfo): boolean {
  if (!has(rule.verbs, asked.verb)) return false;
  if (!asked.isResource) return rule.nonResourceURLs.some((pattern) => matchesPath(pattern, asked.path));
  return (
    has(rule.apiGroups, asked.group) &&
    matchesResource(rule.resources, asked.resource, asked.subresource) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(asked.name))
  );
}

/** Source: k8s.io/kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go. */
export function matchesResource(patterns: readonly string[], resource: string, subresource: string): boolean {
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  return patterns.some(
    (pattern) => pattern === "*" || pattern === whole || (subresource !== "" && pattern === `*/${subresource}`),
  );
}

/** A `*` counts at the end alone. */
export function matchesPath(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}

const has = (list: readonly string[], value: string) => list.includes("*") || list.includes(value);

type Subject = z.infer<typeof subjectSchema>;
function isSubject({ kind, name, namespace }: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (kind) {
    case "User":
      return name === user.username;
    case "Group":
      return user.groups.includes(name);
    case "ServiceAccount":
      return user.username === `${SERVICE_ACCOUNT_PREFIX}${namespace || bindingNamespace}:${name}`;
    default:
      return false;
  }
}

function reason(binding: KubeObject, role: { kind: string; name: string }, subject: Subject): string {
  const { name, namespace } = binding.metadata;
  const place = namespace === undefined ? name : `${name}/${namespace}`;
  const who = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name;
  return `RBAC: allowed by ${binding.kind} "${place}" of ${role.kind} "${role.name}" to ${subject.kind} "${who}"`;
}
