/** What a cluster of the seed holds at its first start. Called by kubernetes.ts. */
import type { z } from "zod";
import type { Seed } from "../../seed.ts";
import type { clusterSchema } from "../../seed-resources.ts";
import { principalIdOf } from "../authorization.ts";
import { registryPlaces } from "../registry/registry-directory.ts";
import { seedImageDigest } from "../registry/seed-images.ts";
import { resourceOfKind } from "./api-resources.ts";
import { DEFAULT_ROLES } from "./default-roles.ts";
import type { ClusterState } from "./kube-object.ts";
import { newObject } from "./object-operations.ts";

/** Namespaces that AKS makes itself. */
const SYSTEM_NAMESPACES = ["default", "kube-node-lease", "kube-public", "kube-system"];
const RBAC_GROUP = "rbac.authorization.k8s.io";
/** Marks what every cluster is made with. */
const BOOTSTRAPPED = { labels: { "kubernetes.io/bootstrapping": "rbac-defaults" } };
const NODE = "aks-nodepool1-12345678-vmss000000";

type Contents = NonNullable<z.infer<typeof clusterSchema>["contents"]>;
type Maker = { readonly now: () => Date; readonly newId: () => string };

/** @throws Error when it names a principal that the seed has not: the local system must not start half-made */
export function clusterContents(seed: Seed, contents: Contents, deps: Maker): ClusterState {
  const state: ClusterState = { revision: 1, objects: [], signingKey: null };
  const add = (kind: string, namespace: string, name: string, body: Readonly<Record<string, unknown>> = {}) => {
    state.objects.push(newObject(resourceOfKind(kind), namespace, name, body, { deps, revision: state.revision }));
  };
  for (const { name, rules, group } of DEFAULT_ROLES) {
    add("ClusterRole", "", name, { metadata: BOOTSTRAPPED, rules });
    if (group === undefined) continue;
    const subjects = [{ kind: "Group", apiGroup: RBAC_GROUP, name: group }];
    add("ClusterRoleBinding", "", name, { metadata: BOOTSTRAPPED, roleRef: roleRef("ClusterRole", name), subjects });
  }
  for (const name of [...SYSTEM_NAMESPACES, ...Object.keys(contents)]) {
    if (state.objects.some((one) => one.kind === "Namespace" && one.metadata.name === name)) continue;
    add("Namespace", "", name);
    add("ServiceAccount", name, "default");
  }
  for (const [namespace, inside] of Object.entries(contents)) {
    for (const name of inside.serviceAccounts) add("ServiceAccount", namespace, name);
    for (const [name, values] of Object.entries(inside.secrets)) {
      const data = Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
      add("Secret", namespace, name, { data: Object.fromEntries(data), type: "Opaque" });
    }
    for (const { name, image } of inside.pods)
      add("Pod", namespace, name, podOf(name, image, imageIdOf(seed, image), deps.now()));
    for (const { name, image, replicas } of inside.deployments) {
      const template = { metadata: { labels: { app: name } }, spec: specOf(image, "Always") };
      const spec = { replicas, selector: { matchLabels: { app: name } }, template };
      add("Deployment", namespace, name, { metadata: { labels: { app: name } }, spec });
    }
    for (const { name, image, schedule } of inside.cronJobs) {
      const jobTemplate = { spec: { template: { spec: specOf(image, "Never") } } };
      add("CronJob", namespace, name, { spec: { schedule, jobTemplate } });
    }
    for (const [name, rules] of Object.entries(inside.roles)) {
      add("Role", namespace, name, {
        rules: rules.map(({ groups, resources, names, verbs }) => ({
          apiGroups: groups,
          resources,
          ...(names === undefined ? {} : { resourceNames: names }),
          verbs,
        })),
      });
    }
    for (const { name, role, clusterRole, serviceAccounts, principals } of inside.roleBindings) {
      add("RoleBinding", namespace, name, {
        roleRef: clusterRole === undefined ? roleRef("Role", role ?? "") : roleRef("ClusterRole", clusterRole),
        subjects: [
          ...serviceAccounts.map((account) => ({ kind: "ServiceAccount", name: account, namespace })),
          ...principals.map((principal) => subjectOf(seed, principal)),
        ],
      });
    }
  }
  return state;
}

const roleRef = (kind: string, name: string) => ({ apiGroup: RBAC_GROUP, kind, name });

/** People by their sign-in name, applications and groups by their object id, as AKS knows them. */
function subjectOf(seed: Seed, principal: string) {
  const id = principalIdOf(seed, principal);
  if (seed.groups.some((group) => group.id === id)) return { kind: "Group", apiGroup: RBAC_GROUP, name: id };
  const user = seed.users.find(({ objectId }) => objectId === id);
  return { kind: "User", apiGroup: RBAC_GROUP, name: user?.name ?? id };
}

/** One container. */
function specOf(image: string, restartPolicy: string) {
  const container = { name: "main", image, imagePullPolicy: "IfNotPresent", resources: {} };
  return { containers: [container], restartPolicy, serviceAccountName: "default" };
}

/** As containerd names what it pulled; empty where the seed's registries have no such image. */
function imageIdOf(seed: Seed, image: string): string {
  const [, host = "", repository = "", tag = ""] = /^([^/]+)\/([^:]+):(.+)$/.exec(image) ?? [];
  const images = registryPlaces(seed).find(({ loginServer }) => loginServer === host)?.images[repository] ?? [];
  return images.includes(tag) ? `${host}/${repository}@${seedImageDigest(repository, tag)}` : "";
}

/** A pod that runs one container. */
function podOf(name: string, image: string, imageID: string, now: Date) {
  const startedAt = now.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    metadata: { labels: { app: name } },
    spec: { ...specOf(image, "Always"), nodeName: NODE },
    status: {
      phase: "Running",
      startTime: startedAt,
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: startedAt }],
      containerStatuses: [
        {
          name: "main",
          image,
          imageID,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt } },
          lastState: {},
        },
      ],
    },
  };
}
