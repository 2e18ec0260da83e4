/** The roles and bindings that every cluster has from the start. Called by cluster-contents.ts. */
import type { PolicyRule } from "./rbac.ts";
import { AUTHENTICATED_GROUP, MASTERS_GROUP } from "./user-info.ts";

/** A cluster role with the group that a binding of the same name gives it to, if any. */
export type DefaultRole = {
  readonly name: string;
  readonly rules: readonly Partial<PolicyRule>[];
  readonly group?: string;
};

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const rule = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]) => ({
  apiGroups: [...apiGroups],
  resources: [...resources],
  verbs: [...verbs],
});

const APPS = [
  "daemonsets",
  "deployments",
  "deployments/scale",
  "replicasets",
  "replicasets/scale",
  "statefulsets",
  "statefulsets/scale",
];
const NETWORKING = ["ingresses", "networkpolicies"];

/** Source: kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go; `scale` and `status` of fewer kinds. */
const VIEW = [
  rule(
    [""],
    [
      "bindings",
      "configmaps",
      "endpoints",
      "events",
      "limitranges",
      "namespaces",
      "namespaces/status",
      "persistentvolumeclaims",
      "persistentvolumeclaims/status",
      "pods",
      "pods/log",
      "pods/status",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "replicationcontrollers/status",
      "resourcequotas",
      "resourcequotas/status",
      "serviceaccounts",
      "services",
      "services/status",
    ],
    READ,
  ),
  rule(["apps"], [...APPS, "controllerrevisions"], READ),
  rule(["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
  rule(["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
  rule(["discovery.k8s.io"], ["endpointslices"], READ),
  rule(["networking.k8s.io"], NETWORKING, READ),
  rule(["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
];
const EDIT = [
  ...VIEW,
  rule([""], ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
  rule([""], ["serviceaccounts"], ["impersonate"]),
  rule([""], ["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], WRITE),
  rule([""], ["pods/eviction", "serviceaccounts/token"], ["create"]),
  rule(
    [""],
    [
      "configmaps",
      "events",
      "persistentvolumeclaims",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "secrets",
      "serviceaccounts",
      "services",
      "services/proxy",
    ],
    WRITE,
  ),
  rule(["apps"], [...APPS, "deployments/rollback"], WRITE),
  rule(["autoscaling"], ["horizontalpodautoscalers"], WRITE),
  rule(["batch"], ["cronjobs", "jobs"], WRITE),
  rule(["coordination.k8s.io"], ["leases"], [...READ, ...WRITE]),
  rule(["networking.k8s.io"], NETWORKING, WRITE),
  rule(["policy"], ["poddisruptionbudgets"], WRITE),
];
const ADMIN = [
  ...EDIT,
  rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
  rule(["rbac.authorization.k8s.io"], ["rolebindings", "roles"], [...READ, ...WRITE]),
];
const DISCOVERY_PATHS = [
  "/api",
  "/api/*",
  "/apis",
  "/apis/*",
  "/healthz",
  "/livez",
  "/openapi",
  "/openapi/*",
  "/readyz",
  "/version",
  "/version/",
];

/** Every role that a cluster is made with. */
export const DEFAULT_ROLES: readonly DefaultRole[] = [
  {
    name: "cluster-admin",
    rules: [rule(["*"], ["*"], ["*"]), { nonResourceURLs: ["*"], verbs: ["*"] }],
    group: MASTERS_GROUP,
  },
  { name: "admin", rules: ADMIN },
  { name: "edit", rules: EDIT },
  { name: "view", rules: VIEW },
  {
    name: "system:basic-user",
    rules: [
      rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
      rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
    ],
    group: AUTHENTICATED_GROUP,
  },
  {
    name: "system:discovery",
    rules: [{ nonResourceURLs: DISCOVERY_PATHS, verbs: ["get"] }],
    group: AUTHENTICATED_GROUP,
  },
];
