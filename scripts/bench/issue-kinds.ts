/** The credentials that the benchmark asks for, and the connector and policy that allow them. Used by issue.ts. */
import type { LocalSystem } from "../../infra/local/system.ts";
import type { Client } from "../demo/latchkey-client.ts";

/** Connector of the benchmark. */
export const CONNECTOR = "bench";
const PLACE = { project: "bench", domain: "production" };
const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const SUBSCRIPTION_NAME = "ZenML Subscription";
/** Shortest life of a SAS, in seconds: leases end while the benchmark runs, as they do in life. */
const TTL_SECONDS = 60;

/** One kind of credential, as it is asked for. */
export type Kind = { readonly name: string; readonly path: string; readonly body: unknown };
/** The kinds; the first is the one that the targets are for. */
export const KINDS: readonly Kind[] = [
  kind("sas", {
    resourceType: "blob-container",
    resourceId: "az://demo-zenmlartifactstore",
    access: ["read", "list"],
    ttlSeconds: TTL_SECONDS,
  }),
  kind("secret", { resourceType: "key-vault-secret", resourceId: SECRET, access: ["read"] }),
  kind("token", {
    resourceType: "azure-generic",
    resourceId: SUBSCRIPTION_NAME,
    access: ["use"],
    scope: { audience: "arm" },
    form: "access-token",
  }),
];

function kind(name: string, body: object): Kind {
  return { name, path: `connectors/${CONNECTOR}/credentials`, body: { ...body, ...PLACE } };
}

/** Registers the connector and lets the users of the seed have all of it. @throws Error when the API refuses */
export async function setUp(
  admin: Client,
  { seed }: Pick<LocalSystem, "seed">,
  identity: { readonly clientId: string; readonly secret: string },
): Promise<void> {
  const [subscription] = seed.subscriptions;
  const users = seed.users.map(({ objectId }) => `user:${seed.tenant.id}/${objectId}`);
  const container = `/subscriptions/${subscription?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/demo-zenmlartifactstore`;
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
  ];
  const refused = answers.find(({ status }) => status >= 300);
  if (refused !== undefined) throw new Error(`set up: ${refused.status} ${JSON.stringify(refused.body)}`);
}
