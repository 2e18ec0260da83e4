/** How a connector signs in: the methods, what each is told, and which resource types it serves. Pure. */
import { z } from "zod";
import { STORAGE_ACCOUNT_NAME } from "../cloud.ts";
import type { ResourceType } from "./resource-type.ts";

/** In the order in which people are shown them. */
export const AUTH_METHODS = [
  "implicit",
  "service-principal",
  "access-token",
  "managed-identity",
  "workload-identity",
] as const;
/** One method. */
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** What a method may be told in secret; one secret for each connector. */
export const SECRET_KINDS = ["clientSecret", "certificate", "token"] as const;
/** See SECRET_KINDS. */
export type SecretKind = (typeof SECRET_KINDS)[number];

/** Longest PEM text of a key with its certificate chain: an RSA key of 4096 bits with four certificates has 12 KiB. */
const MAX_CERTIFICATE = 20_000;
/** Longest access token: one with the most groups that Entra puts into it has 8 KiB. */
const MAX_TOKEN = 16_384;

const limits = {
  subscriptionId: z.guid().toLowerCase().nullable().default(null),
  resourceGroup: z
    .string()
    .regex(/^[-\w.()]{1,89}[-\w()]$|^[-\w()]$/, "expected a resource group name")
    .nullable()
    .default(null),
  storageAccount: z.string().regex(STORAGE_ACCOUNT_NAME, "expected a storage account name").nullable().default(null),
};
const guid = z.guid().toLowerCase();
const noSecrets = z.strictObject({}).default({});

/** What a request says, by method. */
export const METHOD_SCHEMAS = {
  implicit: { configuration: z.strictObject(limits).prefault({}), secrets: noSecrets },
  "service-principal": {
    configuration: z.strictObject({ tenantId: guid, clientId: guid, ...limits }),
    secrets: z
      .strictObject({
        clientSecret: z.string().min(1).max(1024).optional(),
        certificate: z
          .string()
          .min(1)
          .max(MAX_CERTIFICATE)
          .optional()
          .describe("PEM: private key and certificate in one text"),
      })
      .refine(({ clientSecret, certificate }) => (clientSecret === undefined) !== (certificate === undefined), {
        message: "either clientSecret or certificate",
      })
      .describe("either clientSecret or certificate"),
  },
  "access-token": {
    configuration: z.strictObject(limits).prefault({}),
    secrets: z.strictObject({ token: z.string().min(1).max(MAX_TOKEN).describe("for Azure Resource Manager") }),
  },
  "managed-identity": {
    configuration: z.strictObject({
      clientId: guid.describe("client id of a user-assigned identity that is attached to the app"),
      ...limits,
    }),
    secrets: noSecrets,
  },
  "workload-identity": {
    configuration: z.strictObject({
      tenantId: guid,
      clientId: guid.describe("of the app registration whose federated credential names the app's own identity"),
      ...limits,
    }),
    secrets: noSecrets,
  },
} as const satisfies Readonly<Record<AuthMethod, { configuration: z.ZodType; secrets: z.ZodType }>>;

/** Where a connector signs in, and its limits: what its method is not told is null. */
export const configurationSchema = z.strictObject({
  tenantId: guid.nullable(),
  clientId: guid.nullable(),
  ...limits,
});
/** See configurationSchema. */
export type ConnectorConfiguration = z.output<typeof configurationSchema>;

/**
 * Why a method does not serve a resource type, in the words of the field's own tools; null when it does.
 * An access token is for one audience, which the stores of blobs and secrets do not take.
 */
export function unsupportedText(method: AuthMethod, type: ResourceType): string | null {
  if (method !== "access-token") return null;
  const store = NOT_BY_TOKEN[type];
  return store === undefined
    ? null
    : `connector authorization failure: the 'access-token' authentication method is not supported for ${store} resources`;
}
const NOT_BY_TOKEN: Partial<Record<ResourceType, string>> = {
  "blob-container": "blob storage",
  "key-vault-secret": "key vault",
};
