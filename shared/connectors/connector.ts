/** What a connector is: its request, its record and what may be shown of it. Pure. */
import { z } from "zod";
import { CLOUD_NAMES, STORAGE_ACCOUNT_NAME } from "../cloud.ts";
import { nameSchema } from "../names.ts";
import { lineSchema } from "../plain-text.ts";
import { utc } from "../time.ts";

/** Form of a connector's id. */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What is shown instead of a secret. */
export const HIDDEN = "[HIDDEN]";

/** Resource types that are served. */
export const RESOURCE_TYPES = ["blob-container", "key-vault-secret", "azure-generic"] as const;
/** One resource type. */
export type ResourceType = (typeof RESOURCE_TYPES)[number];

const configurationSchema = z.strictObject({
  tenantId: z.guid().toLowerCase(),
  clientId: z.guid().toLowerCase(),
  subscriptionId: z.guid().toLowerCase().nullable().default(null),
  resourceGroup: z
    .string()
    .regex(/^[-\w.()]{1,89}[-\w()]$|^[-\w()]$/, "expected a resource group name")
    .nullable()
    .default(null),
  storageAccount: z.string().regex(STORAGE_ACCOUNT_NAME, "expected a storage account name").nullable().default(null),
});
const principalSchema = z
  .string()
  .regex(
    /^(group:[0-9a-f-]{36}|(user|app):[0-9a-f-]{36}\/[0-9a-f-]{36})$/,
    "expected group:<oid>, user:<tenant>/<oid> or app:<tenant>/<oid>",
  );

/** Body of `POST /connectors`. */
export const connectorRequestSchema = z
  .strictObject({
    // A name that looks like an id could answer for another connector's.
    name: nameSchema.refine((name) => !UUID.test(name), "not in the form of an id"),
    authMethod: z.literal("service-principal"),
    cloud: z.enum(CLOUD_NAMES).default("public"),
    configuration: configurationSchema,
    secrets: z.strictObject({ clientSecret: z.string().min(1).max(1024) }),
    resourceTypes: z
      .array(z.enum(RESOURCE_TYPES))
      .max(RESOURCE_TYPES.length)
      .refine((types) => new Set(types).size === types.length, "each type once")
      .default([])
      .describe("empty: every type that the auth method and the other limits leave"),
    resourceId: z.string().min(1).max(1024).nullable().default(null).describe("the only resource it may reach"),
    labels: z
      .record(z.string().regex(/^[\w.-]{1,63}$/, "1 to 63 letters, digits, _ . -"), lineSchema(0, 255))
      .refine((labels) => Object.keys(labels).length <= 32, "at most 32 labels")
      .default({}),
    visibility: z.enum(["private", "shared"]).default("private"),
    users: z.array(principalSchema).max(100).default([]),
    expiresAt: z.iso
      .datetime({ abort: true })
      .overwrite((time) => utc(new Date(time)))
      .nullable()
      .default(null),
  })
  .meta({ id: "ConnectorRequest" });
/** A checked registration request. */
export type ConnectorRequest = z.output<typeof connectorRequestSchema>;
/** Where the connector signs in, and its limits. */
export type ConnectorConfiguration = ConnectorRequest["configuration"];

/** `unverified`: stored with `verify=false` and not looked at since. */
export const CONNECTOR_STATES = ["unverified", "healthy", "degraded", "failed", "expired", "disabled"] as const;
/** What the last verification found. */
export type ConnectorState = (typeof CONNECTOR_STATES)[number];

/** A connector as it is stored. Its secret is in the key vault under `secretName`, at `secretVersion`. */
export type Connector = Omit<ConnectorRequest, "secrets"> & {
  readonly id: string;
  readonly secretName: string;
  readonly secretVersion: string;
  readonly owner: string;
  readonly state: ConnectorState;
  readonly checkedAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
};

const verificationErrorSchema = z.object({ code: z.string(), message: z.string(), remedy: z.string() });
/** What a verification found, by resource type. */
export const verificationSchema = z.object({
  checkedAt: z.iso.datetime(),
  state: z.enum(["healthy", "degraded", "failed"]),
  resourceTypes: z.array(
    z.object({
      resourceType: z.enum(RESOURCE_TYPES),
      state: z.enum(["ok", "error"]),
      resources: z.array(z.string()).describe("display names of what can be reached"),
      error: verificationErrorSchema.nullable(),
    }),
  ),
});
/** Result of a verification. */
export type Verification = z.output<typeof verificationSchema>;

/** A connector as the API shows it. */
export const connectorViewSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    authMethod: z.literal("service-principal"),
    cloud: z.enum(CLOUD_NAMES),
    configuration: configurationSchema,
    secrets: z.object({ clientSecret: z.literal(HIDDEN) }),
    resourceTypes: z.array(z.enum(RESOURCE_TYPES)),
    resourceId: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    owner: z.string(),
    visibility: z.enum(["private", "shared"]),
    users: z.array(z.string()),
    state: z.enum(CONNECTOR_STATES),
    checkedAt: z.iso.datetime().nullable(),
    expiresAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Connector" });
/** See connectorViewSchema. */
export type ConnectorView = z.output<typeof connectorViewSchema>;

/** Only what is named here is shown: where the secret lies stays inside. */
export function viewOf(connector: Connector): ConnectorView {
  return {
    id: connector.id,
    name: connector.name,
    authMethod: connector.authMethod,
    cloud: connector.cloud,
    configuration: connector.configuration,
    secrets: { clientSecret: HIDDEN },
    resourceTypes: connector.resourceTypes,
    resourceId: connector.resourceId,
    labels: connector.labels,
    owner: connector.owner,
    visibility: connector.visibility,
    users: connector.users,
    state: connector.state,
    checkedAt: connector.checkedAt,
    expiresAt: connector.expiresAt,
    createdAt: connector.createdAt,
    updatedAt: connector.updatedAt,
  };
}
