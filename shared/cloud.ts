/** Host names and audiences of an Azure cloud: the only place where they are written. */

/** Clouds by the name that connectors and settings use. */
export type CloudName = keyof typeof CLOUDS;

/** What differs between clouds. Suffixes have no leading dot. */
export type Cloud = {
  readonly authorityHost: string;
  readonly resourceManager: string;
  readonly blobSuffix: string;
  readonly tableSuffix: string;
  readonly keyVaultSuffix: string;
  /** What tokens of azure-generic are for, by the names that requests use. */
  readonly audiences: { readonly arm: string; readonly storage: string; readonly "key-vault": string };
  /** Issuer of v1 tokens is `<v1Issuer><tenant>/`. */
  readonly v1Issuer: string;
};

const CLOUDS = {
  public: {
    authorityHost: "https://login.microsoftonline.com",
    resourceManager: "https://management.azure.com",
    blobSuffix: "blob.core.windows.net",
    tableSuffix: "table.core.windows.net",
    keyVaultSuffix: "vault.azure.net",
    audiences: {
      arm: "https://management.azure.com",
      storage: "https://storage.azure.com",
      "key-vault": "https://vault.azure.net",
    },
    v1Issuer: "https://sts.windows.net/",
  },
} as const satisfies Record<string, Cloud>;

/** Names of the clouds that are served, for schemas. */
export const CLOUD_NAMES = Object.keys(CLOUDS) as [CloudName, ...CloudName[]];

/** Hosts and audiences of one cloud. */
export function cloudOf(name: CloudName): Cloud {
  return CLOUDS[name];
}

/** Azure's own grammar for storage account names: 3 to 24 lower-case letters and digits. */
export const STORAGE_ACCOUNT_NAME = /^[a-z0-9]{3,24}$/;
/** Azure's own grammar for vault names: 3 to 24 letters, digits and single hyphens, starting with a letter. */
export const KEY_VAULT_NAME = /^[A-Za-z](?:-?[A-Za-z0-9])+$/;

/** URL of a service of a named account. The name's grammar leaves no room for another host. */
export function accountUrl(name: string, suffix: string): string {
  return `https://${name}.${suffix}`;
}
