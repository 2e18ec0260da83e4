/** Whether a user may do what a request asks: masters, Kubernetes RBAC, then Azure's roles. Called by kubernetes.ts. */
import type { Authorization } from "../ports.ts";
import { ApiError } from "./api-status.ts";
import { azureAllows } from "./azure-rights.ts";
import type { ClusterState } from "./kube-object.ts";
import { ruleAllows, rulesFor } from "./rbac.ts";
import type { RequestInfo } from "./request-info.ts";
import { MASTERS_GROUP, type UserInfo } from "./user-info.ts";

/** A cluster as the check of rights knows it. */
export type JudgedCluster = {
  /** ARM id. */
  readonly id: string;
  readonly usesAzureRoles: boolean;
  readonly state: ClusterState;
};

/** The answer, with the reason that access reviews and refusals show. */
export type Verdict = { readonly allowed: boolean; readonly reason: string };

export function judge(
  user: UserInfo,
  asked: RequestInfo,
  { cluster, authorization }: { readonly cluster: JudgedCluster; readonly authorization: Authorization },
): Verdict {
  if (user.groups.includes(MASTERS_GROUP)) return { allowed: true, reason: "" };
  const namespace = asked.isResource ? asked.namespace : "";
  const granted = rulesFor(cluster.state, user, namespace).find(({ rule }) => ruleAllows(rule, asked));
  if (granted !== undefined) return { allowed: true, reason: granted.because };
  if (!cluster.usesAzureRoles) return { allowed: false, reason: "" };
  return azureAllows(authorization, user, asked, cluster.id);
}

/** @throws ApiError 403 when it is not allowed */
export function demand(user: UserInfo, asked: RequestInfo, deps: Parameters<typeof judge>[2]): void {
  const { allowed, reason } = judge(user, asked, deps);
  if (!allowed) throw forbidden(user, asked, reason);
}

/** Source of the texts: k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go. */
function forbidden({ username }: UserInfo, asked: RequestInfo, reason: string): ApiError {
  const why = reason === "" ? "" : `: ${reason}`;
  if (!asked.isResource) {
    const text = `forbidden: User "${username}" cannot ${asked.verb} path "${asked.path}"${why}`;
    return new ApiError(403, "Forbidden", text, {});
  }
  const { verb, group, namespace, resource, subresource, name } = asked;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const place = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const subject = group === "" ? resource : `${resource}.${group}`;
  const named = name === "" ? subject : `${subject} "${name}"`;
  return new ApiError(
    403,
    "Forbidden",
    `${named} is forbidden: User "${username}" cannot ${verb} resource "${whole}" in API group "${group}" ${place}${why}`,
    { ...(name === "" ? {} : { name }), ...(group === "" ? {} : { group }), kind: resource },
  );
}
