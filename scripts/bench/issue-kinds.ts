/** The credentials that the benchmark asks for, and the connector and policy that allow them. Used by issue.ts. */
import type { LocalSystem } from "../../infra/local/system.ts";
import type { Client } from "../demo/latchkey-client.ts";

/** Connector of the benchmark. */
export const CONNECTOR = "bench";
const PLACE = { project: "bench", domain: "production" };
const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const SUBSCRIPTION_NAME = "ZenML Subscription";
const REGISTRY = "demozenmlcontainerregistry.azurecr.io";
const CLUSTER = "demo-zenml-demos/demo-zenml-terraform-cluster";
/** Shortest life of a SAS, in seconds: leases end while the benchmark runs, as they do in life. */
const TTL_SECONDS = 60;

/** One kind of credential, as it is asked for. */
export type Kind = {
  readonly name: string;
  readonly path: string;
  readonly body: unknown;
  /** Calls of a warm issue beside its table writes, at most; null: they are only shown. */
  readonly target: number | null;
};
/** The kinds; the first is the one that memory is measured with. */
export const KINDS: readonly Kind[] = [
  kind("sas", 0, {
    resourceType: "blob-container",
    resourceId: "az://demo-zenmlartifactstore",
    access: ["read", "list"],
    ttlSeconds: TTL_SECONDS,
  }),
  kind("secret", null, { resourceType: "key-vault-secret", resourceId: SECRET, access: ["read"] }),
  kind("token", null, {
    resourceType: "azure-generic",
    resourceId: SUBSCRIPTION_NAME,
    access: ["use"],
    scope: { audience: "arm" },
    form: "access-token",
  }),
  // One call for the token itself; the exchange before it is spared while the refresh token lives.
  kind("registry", 1, {
    resourceType: "docker-registry",
    resourceId: REGISTRY,
    access: ["read"],
    scope: { repositories: ["vision/train"] },
  }),
  // A Secret, the token that is bound to it, and before both the connector's record: it must not have been deleted.
  kind("cluster", 3, {
    resourceType: "kubernetes-cluster",
    resourceId: CLUSTER,
    access: ["use"],
    scope: { namespace: "vision" },
    ttlSeconds: 600,
  }),
];

function kind(name: string, target: number | null, body: object): Kind {
  return { name, path: `connectors/${CONNECTOR}/credentials`, body: { ...body, ...PLACE }, target };
}

/** Registers the connector and lets the users of the seed have all of it. @throws Error when the API refuses */
export async function setUp(
  admin: Client,
  { seed }: Pick<LocalSystem, "seed">,
  identity: { readonly clientId: string; readonly secret: string },
): Promise<void> {
  const [subscription] = seed.subscriptions;
  const users = seed.users.map(({ objectId }) => `user:${seed.tenant.id}/${objectId}`);
  const group = `/subscriptions/${subscription?.id}/resourceGroups/demo-zenml-demos/providers`;
  const container = `${group}/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/demo-zenmlartifactstore`;
  const grant = { connector: CONNECTOR, ...PLACE };
  const answers = [
    await admin.call("POST", "connectors", {
      name: CONNECTOR,
      authMethod: "service-principal",
      configuration: { tenantId: seed.tenant.id, clientId: identity.clientId },
      secrets: { clientSecret: identity.secret },
    }),
    await admin.create("memberships/bench", { principals: users, ...PLACE }),
    await admin.create("grants/bench-sas", {
      ...grant,
      resourceId: container,
      access: ["read", "list"],
      maxTtlSeconds: 3600,
    }),
    await admin.create("grants/bench-secret", { ...grant, resourceId: SECRET, access: ["read"] }),
    await admin.create("grants/bench-token", {
      ...grant,
      resourceId: `/subscriptions/${subscription?.id}`,
      access: ["use"],
      scope: { audience: "arm" },
      forms: ["access-token"],
    }),
    await admin.create("grants/bench-registry", {
      ...grant,
      resourceId: `${group}/Microsoft.ContainerRegistry/registries/demozenmlcontainerregistry`,
      access: ["read"],
      scope: { repositories: ["vision/train"] },
    }),
    await admin.create("grants/bench-cluster", {
      ...grant,
      resourceId: `${group}/Microsoft.ContainerService/managedClusters/demo-zenml-terraform-cluster`,
      access: ["use"],
      scope: { namespace: "vision" },
    }),
  ];
  const refused = answers.find(({ status }) => status >= 300);
  if (refused !== undefined) throw new Error(`set up: ${refused.status} ${JSON.stringify(refused.body)}`);
}
