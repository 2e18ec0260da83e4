/** The app's settings: environment → typed Config. Read once by functions/main.ts; a wrong setting stops the start. */
import { z } from "zod";
import { CLOUD_NAMES, type CloudName, KEY_VAULT_NAME, STORAGE_ACCOUNT_NAME } from "./cloud.ts";
import type { AppIdentity } from "./connectors/app-identity.ts";
import { type OidcIssuer, oidcIssuersSchema } from "./oidc-issuers.ts";
import { MAX_PURGE_ITEMS, type PurgeSettings, purgeRegistriesSchema } from "./purge-registries.ts";

const commaList = <I extends z.ZodType<string, string>>(item: I) =>
  z
    .string()
    .transform((text) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    )
    .pipe(z.array(item));

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "expected a whole number")
    .transform(Number)
    .pipe(z.number().min(least).max(most));

/** Only what decisions compare with denies anything: an alias here would deny nothing, in silence. */
const DENIED_ID =
  /^(?:\/subscriptions\/[0-9a-f-]{36}(?:\/[-\w.()]+)*\/?|https:\/\/[a-z0-9-]+\.[a-z0-9.-]+(?:\/secrets\/[A-Za-z0-9-]+)?\/?)$/i;

/** One entry per setting; README lists them with their defaults. */
export const settingsSchema = z.object({
  LATCHKEY_CLOUD: z.enum(CLOUD_NAMES).default("public").describe("Azure cloud of the app and its connectors"),
  LATCHKEY_STATE_ACCOUNT: z
    .string()
    .regex(STORAGE_ACCOUNT_NAME, "expected a storage account name")
    .describe("storage account of the app's own tables and blobs"),
  LATCHKEY_KEY_VAULT: z
    .string()
    .max(24)
    .regex(KEY_VAULT_NAME, "expected a key vault name")
    .describe("key vault that holds the connectors' secrets"),
  LATCHKEY_TENANT_IDS: commaList(z.guid())
    .refine((ids) => ids.length > 0, "expected at least one tenant id")
    .describe("tenants whose callers may sign in, comma separated"),
  LATCHKEY_API_CLIENT_ID: z.guid().describe("client id of the app registration that callers ask tokens for"),
  LATCHKEY_V1_AUDIENCES: commaList(z.url())
    .default([])
    .describe("App ID URIs taken as audience of v1 tokens, comma separated"),
  LATCHKEY_OIDC_ISSUERS: oidcIssuersSchema.describe("issuers beside Entra whose callers are taken, as JSON"),
  LATCHKEY_DENIED_RESOURCES: commaList(
    z.string().max(1024).regex(DENIED_ID, "expected an ARM id or a vault or secret URI"),
  )
    .default([])
    .describe("canonical ids that are never lent, with all below them, comma separated"),
  LATCHKEY_TOKEN_AUDIENCES: commaList(z.string().regex(/^[!-~]{1,200}$/))
    .default([])
    .describe("audiences that azure-generic lends tokens for beside arm, storage and key-vault, comma separated"),
  LATCHKEY_APP_IDENTITY_CLIENT_ID: z
    .guid()
    .toLowerCase()
    .nullable()
    .default(null)
    .describe("client id of the app's user-assigned identity, whose tokens workload-identity connectors sign in with"),
  LATCHKEY_ENABLE_IMPLICIT_AUTH: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: connectors may sign in as the app itself"),
  LATCHKEY_MAX_ACTIVE_LEASES: wholeNumber(1, 10_000)
    .default(1_000)
    .describe("active leases that one caller may hold, 1 to 10000; exact, whatever runs beside"),
  LATCHKEY_MAX_ISSUES_PER_SECOND: wholeNumber(1, 10_000)
    .default(20)
    .describe("credentials a second that one caller gets from one process, 1 to 10000; five times as many at once"),
  LATCHKEY_PURGE_REGISTRIES: purgeRegistriesSchema.describe(
    "clusters that use each registry, and its own bounds on a purge, as JSON by login server",
  ),
  LATCHKEY_PURGE_MAX_ITEMS: wholeNumber(1, MAX_PURGE_ITEMS)
    .default(50_000)
    .describe("images and tags that one purge may take away, 1 to 10000000"),
  LATCHKEY_PURGE_MAX_SHARE_PERCENT: wholeNumber(1, 100)
    .default(100)
    .describe("percent of the images that a purge looks at and may take away, 1 to 100"),
});

/** Settings of the Functions host and of the platform, as far as the app looks at them. */
const hostSettingsSchema = z.object({
  // Where the host keeps its keys and state.
  AzureWebJobsStorage: z.string().default(""),
  AzureWebJobsStorage__accountName: z.string().default(""),
  // Whose identity the app takes for its own, by the identity library's own setting.
  AZURE_CLIENT_ID: z.string().toLowerCase().optional(),
  // Where App Service gives tokens of managed identities; absent when there are none.
  IDENTITY_ENDPOINT: z.string().optional(),
  IDENTITY_HEADER: z.string().optional(),
});

/** Settings in the form that the app uses. */
export type Config = {
  readonly cloud: CloudName;
  readonly stateAccount: string;
  /** The app's and its host's storage accounts: never lent. */
  readonly ownAccounts: readonly string[];
  readonly keyVault: string;
  /** Canonical ids that are never lent, with all below them. */
  readonly deniedResources: readonly string[];
  readonly appIdentity: AppIdentity;
  /** Audiences of lent tokens beside those that every cloud has. */
  readonly tokenAudiences: readonly string[];
  /** Of one caller. */
  readonly limits: { readonly maxActiveLeases: number; readonly maxIssuesPerSecond: number };
  readonly purge: PurgeSettings;
  readonly callers: {
    readonly tenantIds: readonly string[];
    readonly apiClientId: string;
    readonly v1Audiences: readonly string[];
    /** Issuers beside Entra. */
    readonly oidcIssuers: readonly OidcIssuer[];
  };
};

/**
 * @param environment an empty value counts as absent: the Functions host leaves both
 * @throws Error naming every wrong setting at once, never a value
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = settingsSchema.safeParse(present);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`Settings are missing or wrong:\n  ${problems.join("\n  ")}`);
  }
  const settings = result.data;
  const host = hostSettingsSchema.parse(present);
  const assertionClientId = settings.LATCHKEY_APP_IDENTITY_CLIENT_ID;
  const hostAccount = /(?:^|;)AccountName=([a-z0-9]+)/i.exec(host.AzureWebJobsStorage)?.[1];
  return {
    cloud: settings.LATCHKEY_CLOUD,
    stateAccount: settings.LATCHKEY_STATE_ACCOUNT,
    ownAccounts: [settings.LATCHKEY_STATE_ACCOUNT, host.AzureWebJobsStorage__accountName, hostAccount ?? ""].filter(
      (name) => name !== "",
    ),
    keyVault: settings.LATCHKEY_KEY_VAULT,
    deniedResources: settings.LATCHKEY_DENIED_RESOURCES,
    appIdentity: {
      appClientId: host.AZURE_CLIENT_ID ?? null,
      ownClientIds: [host.AZURE_CLIENT_ID, assertionClientId].filter((id) => typeof id === "string"),
      assertionClientId,
      hasManagedIdentities: host.IDENTITY_ENDPOINT !== undefined && host.IDENTITY_HEADER !== undefined,
      allowsImplicit: settings.LATCHKEY_ENABLE_IMPLICIT_AUTH === "true",
    },
    tokenAudiences: settings.LATCHKEY_TOKEN_AUDIENCES,
    limits: {
      maxActiveLeases: settings.LATCHKEY_MAX_ACTIVE_LEASES,
      maxIssuesPerSecond: settings.LATCHKEY_MAX_ISSUES_PER_SECOND,
    },
    purge: {
      registries: settings.LATCHKEY_PURGE_REGISTRIES,
      maxItems: settings.LATCHKEY_PURGE_MAX_ITEMS,
      maxSharePercent: settings.LATCHKEY_PURGE_MAX_SHARE_PERCENT,
    },
    callers: {
      tenantIds: settings.LATCHKEY_TENANT_IDS.map((id) => id.toLowerCase()),
      apiClientId: settings.LATCHKEY_API_CLIENT_ID.toLowerCase(),
      v1Audiences: settings.LATCHKEY_V1_AUDIENCES,
      oidcIssuers: settings.LATCHKEY_OIDC_ISSUERS,
    },
  };
}
