/** What registries, clusters, vaults and storage accounts of seed.yaml look like. A part of the schema of seed.ts. */
import { z } from "zod";

/** One version of a secret; without `version` it gets an id of its own. */
const secretVersion = z.strictObject({
  version: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  value: z.string(),
  contentType: z.string().optional(),
  enabled: z.boolean().default(true),
  notBefore: z.iso.datetime().optional(),
  expires: z.iso.datetime().optional(),
});

/** A storage account. */
export const storageAccountSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]{3,24}$/),
  containers: z.array(z.string()),
  /** That of its group if left out. */
  location: z.string().optional(),
  hierarchicalNamespace: z.boolean().default(false),
  sharedKeyAccess: z.boolean().default(false),
  key: z.base64().optional(),
});

/** A key vault. */
export const keyVaultSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$/),
  /** Who may do what with its secrets, by principal name; without the list, Azure roles decide. */
  accessPolicies: z.array(z.strictObject({ principal: z.string(), secrets: z.array(z.string()) })).optional(),
  /** Versions of each, oldest first. */
  secrets: z.record(z.string(), z.array(secretVersion).min(1)),
});

/** A container registry. */
export const registrySchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9]{5,50}$/),
  /** What Azure puts behind the name in the host name of a registry whose name need not be unique. */
  domainNameLabel: z
    .string()
    .regex(/^[a-z0-9]{16}$/)
    .optional(),
  /** `abac`: only the repository roles count. */
  mode: z.enum(["legacy", "abac"]).default("legacy"),
  tier: z.enum(["Basic", "Standard", "Premium"]).default("Standard"),
  adminUser: z.boolean().default(false),
  /** Whether it takes tokens that were made for ARM. */
  takesArmTokens: z.boolean().default(true),
  /** Images that are there at the first start: tags by repository. */
  images: z.record(z.string(), z.array(z.string()).min(1)).default({}),
});

/** A word in a path of an API server. */
const kubernetesName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const words = z.array(z.string());
/** A namespace of a cluster with what is in it at the first start. */
const namespaceSchema = z.strictObject({
  serviceAccounts: z.array(kubernetesName).default([]),
  pods: z.array(z.strictObject({ name: kubernetesName, image: z.string() })).default([]),
  /** Each of one container. Nothing runs them: pods that they would have stand beside them. */
  deployments: z
    .array(z.strictObject({ name: kubernetesName, image: z.string(), replicas: z.int().min(0) }))
    .default([]),
  cronJobs: z.array(z.strictObject({ name: kubernetesName, image: z.string(), schedule: z.string() })).default([]),
  /** Values by key, in the clear. */
  secrets: z.record(kubernetesName, z.record(z.string(), z.string())).default({}),
  /** Rules by name of the role. `names`: of the objects alone that have one of these. */
  roles: z
    .record(
      z.string(),
      z.array(z.strictObject({ groups: words.default([""]), resources: words, names: words.optional(), verbs: words })),
    )
    .default({}),
  /** Each gives a role of the namespace, or a cluster role, to its ServiceAccounts and to principals of Entra by name. */
  roleBindings: z
    .array(
      z
        .strictObject({
          name: z.string(),
          role: z.string().optional(),
          clusterRole: z.string().optional(),
          serviceAccounts: z.array(kubernetesName).default([]),
          principals: words.default([]),
        })
        .refine(({ role, clusterRole }) => (role === undefined) !== (clusterRole === undefined), {
          error: "either role or clusterRole",
        }),
    )
    .default([]),
});

/** An AKS cluster. */
export const clusterSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w-]{0,61}[A-Za-z0-9]$/),
  /** Whether people sign in with Entra, and whether Azure roles then decide inside the cluster. */
  entra: z.enum(["none", "kubernetes-rbac", "azure-rbac"]),
  localAccounts: z.boolean().default(true),
  running: z.boolean().default(true),
  private: z.boolean().default(false),
  /** Namespaces beside those that every cluster has. */
  contents: z.record(kubernetesName, namespaceSchema).default({}),
});
