/** What a connector is: its request, its record and what may be shown of it. Pure. */
import { z } from "zod";
import { CLOUD_NAMES } from "../cloud.ts";
import { nameSchema } from "../names.ts";
import { lineSchema } from "../plain-text.ts";
import { utc } from "../time.ts";
import {
  AUTH_METHODS,
  type ConnectorConfiguration,
  configurationSchema,
  METHOD_SCHEMAS,
  SECRET_KINDS,
  type SecretKind,
} from "./auth-methods.ts";
import { checkSchema } from "./check.ts";
import { durationText, endOf, secondsLeft, stateNow } from "./connector-life.ts";
import { RESOURCE_TYPES } from "./resource-type.ts";

/** Form of a connector's id. */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What is shown instead of a secret. */
export const HIDDEN = "[HIDDEN]";

const principalSchema = z
  .string()
  .regex(
    /^(group:[0-9a-f-]{36}|(user|app):[0-9a-f-]{36}\/[0-9a-f-]{36}|github:[0-9]{1,20}|workload:[a-z0-9][a-z0-9-]{0,62}\/[!#-[\]-~]{1,200})$/,
    "expected group:<oid>, user:<tenant>/<oid>, app:<tenant>/<oid>, github:<repository id> or workload:<issuer>/<sub>",
  );

/** What every registration says, whatever its method. */
export const connectorSchemas = {
  // A name that looks like an id could answer for another connector's.
  name: nameSchema.refine((name) => !UUID.test(name), "not in the form of an id"),
  cloud: z.enum(CLOUD_NAMES).default("public"),
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
};

/** Body of `POST /connectors`. */
export const connectorRequestSchema = z
  .discriminatedUnion("authMethod", [
    z.strictObject({ authMethod: z.literal("implicit"), ...METHOD_SCHEMAS.implicit, ...connectorSchemas }),
    z.strictObject({
      authMethod: z.literal("service-principal"),
      ...METHOD_SCHEMAS["service-principal"],
      ...connectorSchemas,
    }),
    z.strictObject({ authMethod: z.literal("access-token"), ...METHOD_SCHEMAS["access-token"], ...connectorSchemas }),
    z.strictObject({
      authMethod: z.literal("managed-identity"),
      ...METHOD_SCHEMAS["managed-identity"],
      ...connectorSchemas,
    }),
    z.strictObject({
      authMethod: z.literal("workload-identity"),
      ...METHOD_SCHEMAS["workload-identity"],
      ...connectorSchemas,
    }),
  ])
  .meta({ id: "ConnectorRequest" });
/** A checked registration request. */
export type ConnectorRequest = z.output<typeof connectorRequestSchema>;

/** The configuration of a request with a null for what its method is not told. */
export function configurationOf({ configuration }: Pick<ConnectorRequest, "configuration">): ConnectorConfiguration {
  return { tenantId: null, clientId: null, ...configuration };
}

/** The one secret of a request; null for methods without. */
export function secretOf({
  secrets,
}: Pick<ConnectorRequest, "secrets">): { readonly kind: SecretKind; readonly value: string } | null {
  const given: Partial<Record<SecretKind, string | undefined>> = secrets;
  for (const kind of SECRET_KINDS) {
    const value = given[kind];
    if (value !== undefined) return { kind, value };
  }
  return null;
}

/** `unverified`: stored with `verify=false` and not looked at since. */
export const CONNECTOR_STATES = ["unverified", "healthy", "degraded", "failed", "expired", "disabled"] as const;
/** What the last verification found. */
export type ConnectorState = (typeof CONNECTOR_STATES)[number];

/** Where the secret of a connector is: in the key vault, never in a table. */
export type StoredSecret = {
  readonly kind: SecretKind;
  readonly name: string;
  readonly version: string;
  /** When a certificate or token ends by itself; null: it does not say. */
  readonly endsAt: string | null;
};
/** A connector as it is stored. `expiresAt` is what was asked for; when it really ends says endOf (connector-life.ts). */
export type Connector = Pick<ConnectorRequest, keyof typeof connectorSchemas | "authMethod"> & {
  readonly id: string;
  readonly configuration: ConnectorConfiguration;
  /** Null for methods that have none. */
  readonly secret: StoredSecret | null;
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
      state: z.enum(["ok", "degraded", "error"]),
      resources: z.array(z.string()).describe("display names of what can be seen"),
      error: verificationErrorSchema.nullable(),
      checks: z.array(checkSchema).default([]).describe("what was looked at, one by one"),
      unprobed: z
        .int()
        .min(0)
        .default(0)
        .describe("how many more there are that were not looked at; an account that was not listed counts as one"),
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
    type: z.literal("azure"),
    authMethod: z.enum(AUTH_METHODS),
    cloud: z.enum(CLOUD_NAMES),
    configuration: configurationSchema,
    secrets: z.partialRecord(z.enum(SECRET_KINDS), z.literal(HIDDEN)),
    secretId: z.string().nullable().describe("name of the secret in the key vault; null: the method has none"),
    resourceTypes: z.array(z.enum(RESOURCE_TYPES)),
    resourceId: z.string().nullable(),
    resourceName: z.string().describe("<multiple>, or the only resource that it may reach"),
    labels: z.record(z.string(), z.string()),
    owner: z.string(),
    workspace: z.literal("default"),
    visibility: z.enum(["private", "shared"]),
    shared: z.boolean().describe("whether everybody who may call sees it"),
    users: z.array(z.string()),
    state: z.enum(CONNECTOR_STATES),
    checkedAt: z.iso.datetime().nullable(),
    expiresAt: z.iso.datetime().nullable(),
    expiresIn: z.string().nullable().describe("time left as people read it, e.g. 42m25s; null: nothing ends it"),
    sessionDuration: z.null().describe("no method of today has one"),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Connector" });
/** See connectorViewSchema. */
export type ConnectorView = z.output<typeof connectorViewSchema>;

/** Only what is named here is shown: never a secret, nor which version of it serves. @param now for what is left of its life */
export function viewOf(connector: Connector, now: Date): ConnectorView {
  const left = secondsLeft(connector, now);
  return {
    id: connector.id,
    name: connector.name,
    type: "azure",
    authMethod: connector.authMethod,
    cloud: connector.cloud,
    configuration: connector.configuration,
    secrets: connector.secret === null ? {} : { [connector.secret.kind]: HIDDEN },
    secretId: connector.secret?.name ?? null,
    resourceTypes: connector.resourceTypes,
    resourceId: connector.resourceId,
    resourceName: connector.resourceId ?? "<multiple>",
    labels: connector.labels,
    owner: connector.owner,
    workspace: "default",
    visibility: connector.visibility,
    shared: connector.visibility === "shared",
    users: connector.users,
    state: stateNow(connector, now),
    checkedAt: connector.checkedAt,
    expiresAt: endOf(connector),
    expiresIn: left === null ? null : durationText(left),
    sessionDuration: null,
    createdAt: connector.createdAt,
    updatedAt: connector.updatedAt,
  };
}
