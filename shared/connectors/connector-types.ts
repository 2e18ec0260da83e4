/** What kinds of connectors there are, for forms and tables of clients: methods with their schemas, resource types with their names. Pure. */
import { z } from "zod";
import { AUTH_METHODS, type AuthMethod, METHOD_SCHEMAS, unsupportedText } from "./auth-methods.ts";
import { RESOURCE_TYPES, type ResourceType } from "./resource-type.ts";

const resourceTypeSchema = z.object({
  resourceType: z.enum(RESOURCE_TYPES),
  name: z.string(),
  description: z.string(),
  resourceNames: z.array(z.string()).describe("forms of a name; the first is the one that people are shown"),
});
const jsonSchema = z.record(z.string(), z.unknown());
const authMethodSchema = z.object({
  authMethod: z.enum(AUTH_METHODS),
  name: z.string(),
  description: z.string(),
  configuration: jsonSchema.describe("JSON Schema of `configuration`"),
  secrets: jsonSchema.describe("JSON Schema of `secrets`"),
  resourceTypes: z.array(z.enum(RESOURCE_TYPES)).describe("those that it serves"),
  unsupported: z.array(z.object({ resourceType: z.enum(RESOURCE_TYPES), message: z.string() })),
  warnings: z.array(z.string()),
});
/** One kind of connector, as the API shows it. */
export const connectorTypeSchema = z
  .object({
    name: z.string(),
    type: z.literal("azure"),
    description: z.string(),
    resourceTypes: z.array(resourceTypeSchema),
    authMethods: z.array(authMethodSchema),
    local: z.boolean().describe("a client can use it"),
    remote: z.boolean().describe("this service can use it"),
    warnings: z.array(z.string()),
  })
  .meta({ id: "ConnectorType" });
/** See connectorTypeSchema. */
export type ConnectorType = z.output<typeof connectorTypeSchema>;

const RESOURCES: Readonly<Record<ResourceType, Omit<z.output<typeof resourceTypeSchema>, "resourceType">>> = {
  "azure-generic": {
    name: "Azure subscription",
    description: "Access tokens for any service of Azure, for what has no type of its own.",
    resourceNames: ["SUBSCRIPTION-NAME", "SUBSCRIPTION-ID", "/subscriptions/ID"],
  },
  "blob-container": {
    name: "Azure blob container",
    description:
      "Signatures for one container. Looked for in the storage account, else the resource group, else the subscription that the connector is limited to, else everywhere.",
    resourceNames: ["az://CONTAINER", "abfs://CONTAINER", "CONTAINER", "ARM id"],
  },
  "kubernetes-cluster": {
    name: "AKS cluster",
    description: "Clusters of the resource group or subscription that the connector is limited to, else everywhere.",
    resourceNames: ["RESOURCE-GROUP/CLUSTER", "CLUSTER", "ARM id"],
  },
  "docker-registry": {
    name: "Azure container registry",
    description: "Registries of the resource group or subscription that the connector is limited to, else everywhere.",
    resourceNames: ["REGISTRY.azurecr.io", "https://REGISTRY.azurecr.io", "REGISTRY", "ARM id"],
  },
  "key-vault-secret": {
    name: "Azure Key Vault secret",
    description: "Values of single secrets. Vaults are listed, what is in them is not.",
    resourceNames: ["https://VAULT.vault.azure.net/secrets/NAME", "https://VAULT.vault.azure.net/secrets/NAME/VERSION"],
  },
};

const METHODS: Readonly<
  Record<AuthMethod, { readonly name: string; readonly description: string; readonly warnings: readonly string[] }>
> = {
  implicit: {
    name: "Implicit authentication",
    description:
      "The identity that this service itself runs as. Off unless LATCHKEY_ENABLE_IMPLICIT_AUTH is true, and then only for connectors that an administrator registers.",
    warnings: [
      "Whoever uses the connector can do what the service's own identity can do. Use it for trials, and a service principal or a managed identity of its own for production.",
    ],
  },
  "service-principal": {
    name: "Azure service principal",
    description: "An app registration with a client secret or a certificate. Serves every resource type.",
    warnings: [],
  },
  "access-token": {
    name: "Azure access token",
    description:
      "A token for Azure Resource Manager that somebody got elsewhere, for example to share access for an hour.",
    warnings: [
      "The token expires, usually after about an hour, and the connector with it: give it a new one with PATCH. Use a service principal for longer.",
      "It serves no blob containers and no vault secrets, and registries only where they take tokens of Azure Resource Manager.",
    ],
  },
  "managed-identity": {
    name: "Azure managed identity",
    description: "A user-assigned identity that is attached to this service. Needs no secret.",
    warnings: [],
  },
  "workload-identity": {
    name: "Azure workload identity",
    description:
      "An app registration whose federated credential names this service's own identity. Needs no secret; for another tenant the registration must be multitenant and known there.",
    warnings: [],
  },
};

/** Of what clients configure by themselves from a sign-in of their machine. */
const AUTO_CONFIGURATION = [
  "Auto-configuration on a client can only take a temporary access token: it expires and cannot be renewed here.",
  "Such a token does not work for blob containers. Register a service principal to reach every resource type.",
];

/** Every kind of connector. */
export function connectorTypes(): readonly ConnectorType[] {
  return [
    {
      name: "Azure Service Connector",
      type: "azure",
      description: "Signs in to Microsoft Azure and lends scoped, short-lived credentials for what it reaches there.",
      resourceTypes: RESOURCE_TYPES.map((resourceType) => ({ resourceType, ...RESOURCES[resourceType] })),
      authMethods: AUTH_METHODS.map(describeMethod),
      local: true,
      remote: true,
      warnings: [...AUTO_CONFIGURATION],
    },
  ];
}

function describeMethod(authMethod: AuthMethod): ConnectorType["authMethods"][number] {
  const { name, description, warnings } = METHODS[authMethod];
  const { configuration, secrets } = METHOD_SCHEMAS[authMethod];
  const unsupported = RESOURCE_TYPES.flatMap((resourceType) => {
    const message = unsupportedText(authMethod, resourceType);
    return message === null ? [] : [{ resourceType, message }];
  });
  const isServed = (type: ResourceType) => !unsupported.some(({ resourceType }) => resourceType === type);
  return {
    authMethod,
    name,
    description,
    configuration: requestSchemaOf(configuration),
    secrets: requestSchemaOf(secrets),
    resourceTypes: RESOURCE_TYPES.filter(isServed),
    unsupported,
    warnings: [...warnings],
  };
}

/** As a request may be written: defaults may be left out. */
function requestSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: "input" }) };
}
