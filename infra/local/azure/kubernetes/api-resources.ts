/** The resources of an API server, as discovery names them. Read by discovery.ts, request-info.ts and kubernetes.ts. */

/** A resource. What is `served` is kept and answered here; the rest is known by name, and answered with 501. */
export type ApiResource = {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly Subresource[];
  readonly isServed: boolean;
  /** Whether its objects are replaced and patched here too. */
  readonly isChanged: boolean;
  /** Whether it is nothing but a question to the server, which keeps nothing. */
  readonly isReview: boolean;
};

/** A part of a resource with its own path. */
export type Subresource = {
  readonly name: string;
  readonly kind: string;
  /** Group and version of what goes in and out, where they differ from the resource's own. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
};

/** What may be done to a resource that is kept. */
export const KEPT_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"] as const;

const RBAC = "rbac.authorization.k8s.io";

type Options = {
  readonly short?: readonly string[];
  readonly all?: boolean;
  readonly served?: boolean;
  readonly changed?: boolean;
  readonly cluster?: boolean;
  readonly subresources?: readonly Subresource[];
};
function resource(group: string, plural: string, kind: string, options: Options = {}): ApiResource {
  return {
    group,
    version: "v1",
    plural,
    singular: kind.toLowerCase(),
    kind,
    namespaced: options.cluster !== true,
    shortNames: options.short ?? [],
    categories: options.all === true ? ["all"] : [],
    subresources: options.subresources ?? [],
    isServed: options.served === true || options.changed === true,
    isChanged: options.changed === true,
    isReview: false,
  };
}
function review(group: string, plural: string, kind: string, served: boolean): ApiResource {
  return {
    ...resource(group, plural, kind, { cluster: plural !== "localsubjectaccessreviews", served }),
    isReview: true,
  };
}

const TOKEN: Subresource = {
  name: "token",
  kind: "TokenRequest",
  group: "authentication.k8s.io",
  version: "v1",
  verbs: ["create"],
};
const LOG: Subresource = { name: "log", kind: "Pod", verbs: ["get"] };
const POD_ACTIONS: readonly Subresource[] = ["attach", "exec", "portforward"].map((name) => ({
  name,
  kind: `Pod${{ attach: "Attach", exec: "Exec", portforward: "PortForward" }[name]}Options`,
  verbs: ["create", "get"],
}));
const PART_VERBS = ["get", "patch", "update"];
const status = (kind: string): Subresource => ({ name: "status", kind, verbs: PART_VERBS });
const SCALE: Subresource = { name: "scale", kind: "Scale", group: "autoscaling", version: "v1", verbs: PART_VERBS };
/** What makes pods, at most a number of them that is scaled. */
const maker = (group: string, plural: string, kind: string, short: readonly string[], isScaled = true) => {
  const subresources = isScaled ? [SCALE, status(kind)] : [status(kind)];
  return resource(group, plural, kind, { short, all: true, changed: true, subresources });
};

/** Every resource that is known, groups in the order in which AKS names them. */
export const API_RESOURCES: readonly ApiResource[] = [
  resource("", "configmaps", "ConfigMap", { short: ["cm"] }),
  resource("", "endpoints", "Endpoints", { short: ["ep"] }),
  resource("", "events", "Event", { short: ["ev"] }),
  resource("", "limitranges", "LimitRange", { short: ["limits"] }),
  resource("", "namespaces", "Namespace", {
    short: ["ns"],
    served: true,
    cluster: true,
    subresources: [status("Namespace")],
  }),
  resource("", "nodes", "Node", { short: ["no"], cluster: true }),
  resource("", "persistentvolumeclaims", "PersistentVolumeClaim", { short: ["pvc"] }),
  resource("", "persistentvolumes", "PersistentVolume", { short: ["pv"], cluster: true }),
  resource("", "pods", "Pod", {
    short: ["po"],
    all: true,
    served: true,
    subresources: [...POD_ACTIONS, LOG, status("Pod")],
  }),
  maker("", "replicationcontrollers", "ReplicationController", ["rc"]),
  resource("", "resourcequotas", "ResourceQuota", { short: ["quota"] }),
  resource("", "secrets", "Secret", { served: true }),
  resource("", "serviceaccounts", "ServiceAccount", { short: ["sa"], served: true, subresources: [TOKEN] }),
  resource("", "services", "Service", { short: ["svc"], all: true }),
  maker("apps", "daemonsets", "DaemonSet", ["ds"], false),
  maker("apps", "deployments", "Deployment", ["deploy"]),
  maker("apps", "replicasets", "ReplicaSet", ["rs"]),
  maker("apps", "statefulsets", "StatefulSet", ["sts"]),
  review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", true),
  review("authentication.k8s.io", "tokenreviews", "TokenReview", false),
  review("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", false),
  review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", true),
  review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", true),
  review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
  maker("batch", "cronjobs", "CronJob", ["cj"], false),
  maker("batch", "jobs", "Job", [], false),
  resource("networking.k8s.io", "ingresses", "Ingress", { short: ["ing"] }),
  resource("networking.k8s.io", "networkpolicies", "NetworkPolicy", { short: ["netpol"] }),
  resource(RBAC, "clusterrolebindings", "ClusterRoleBinding", { served: true, cluster: true }),
  resource(RBAC, "clusterroles", "ClusterRole", { served: true, cluster: true }),
  resource(RBAC, "rolebindings", "RoleBinding", { served: true }),
  resource(RBAC, "roles", "Role", { served: true }),
];

/** The resource of that name, or undefined. */
export function findApiResource(group: string, version: string, plural: string): ApiResource | undefined {
  return API_RESOURCES.find((one) => one.group === group && one.version === version && one.plural === plural);
}

/** The resource that objects of that kind belong to. @throws Error when there is none: only for kinds of this folder */
export function resourceOfKind(kind: string): ApiResource {
  const found = API_RESOURCES.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no resource of kind ${kind}`);
  return found;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}
