/** Host names and audiences of an Azure cloud: the only place where they are written. */

/** Clouds by the name that connectors and settings use. */
export type CloudName = keyof typeof CLOUDS;

/** What differs between clouds. Suffixes have no leading dot. */
export type Cloud = {
  readonly authorityHost: string;
  /** Other hosts of the same directory, to which the sign-in library may send what is meant for `authorityHost`. */
  readonly authorityAliases: readonly string[];
  readonly resourceManager: string;
  readonly blobSuffix: string;
  readonly tableSuffix: string;
  readonly keyVaultSuffix: string;
  readonly registrySuffix: string;
  /** Audience of tokens that registries exchange. Where registries have none of their own, ARM's. */
  readonly registryAudience: string;
  /** End of the host names of clusters' API servers, behind the region. */
  readonly clusterSuffix: string;
  /** What tokens of azure-generic are for, by the names that requests use. */
  readonly audiences: { readonly arm: string; readonly storage: string; readonly "key-vault": string };
  /** Audience of tokens that are exchanged for a sign-in of an app registration. */
  readonly exchangeAudience: string;
  /** Audience of ARM before it had its own: what the Azure CLI still asks tokens for. */
  readonly oldArmAudience: string;
  /** Issuer of v1 tokens is `<v1Issuer><tenant>/`. */
  readonly v1Issuer: string;
  /** Issuer of v2 tokens is `<v2Issuer>/<tenant>/v2.0`. */
  readonly v2Issuer: string;
};

// Sources: the cloud table of the Azure CLI, AzureAuthorityHosts of the identity library, the documents on storage,
// key vault, registries, outbound rules of AKS and workload identity federation of each cloud.
const CLOUDS = {
  public: {
    authorityHost: "https://login.microsoftonline.com",
    authorityAliases: ["https://login.windows.net", "https://login.microsoft.com", "https://sts.windows.net"],
    resourceManager: "https://management.azure.com",
    blobSuffix: "blob.core.windows.net",
    tableSuffix: "table.core.windows.net",
    keyVaultSuffix: "vault.azure.net",
    registrySuffix: "azurecr.io",
    registryAudience: "https://containerregistry.azure.net",
    clusterSuffix: "azmk8s.io",
    audiences: {
      arm: "https://management.azure.com",
      storage: "https://storage.azure.com",
      "key-vault": "https://vault.azure.net",
    },
    exchangeAudience: "api://AzureADTokenExchange",
    oldArmAudience: "https://management.core.windows.net",
    v1Issuer: "https://sts.windows.net/",
    v2Issuer: "https://login.microsoftonline.com",
  },
  "us-government": {
    authorityHost: "https://login.microsoftonline.us",
    authorityAliases: ["https://login.usgovcloudapi.net"],
    resourceManager: "https://management.usgovcloudapi.net",
    blobSuffix: "blob.core.usgovcloudapi.net",
    tableSuffix: "table.core.usgovcloudapi.net",
    keyVaultSuffix: "vault.usgovcloudapi.net",
    registrySuffix: "azurecr.us",
    registryAudience: "https://management.usgovcloudapi.net",
    clusterSuffix: "cx.aks.containerservice.azure.us",
    audiences: {
      arm: "https://management.usgovcloudapi.net",
      storage: "https://storage.azure.com",
      "key-vault": "https://vault.usgovcloudapi.net",
    },
    exchangeAudience: "api://AzureADTokenExchangeUSGov",
    oldArmAudience: "https://management.core.usgovcloudapi.net",
    v1Issuer: "https://sts.windows.net/",
    v2Issuer: "https://login.microsoftonline.us",
  },
  china: {
    authorityHost: "https://login.chinacloudapi.cn",
    authorityAliases: ["https://login.partner.microsoftonline.cn"],
    resourceManager: "https://management.chinacloudapi.cn",
    blobSuffix: "blob.core.chinacloudapi.cn",
    tableSuffix: "table.core.chinacloudapi.cn",
    keyVaultSuffix: "vault.azure.cn",
    registrySuffix: "azurecr.cn",
    registryAudience: "https://management.chinacloudapi.cn",
    clusterSuffix: "cx.prod.service.azk8s.cn",
    audiences: {
      arm: "https://management.chinacloudapi.cn",
      storage: "https://storage.azure.com",
      "key-vault": "https://vault.azure.cn",
    },
    exchangeAudience: "api://AzureADTokenExchangeChina",
    oldArmAudience: "https://management.core.chinacloudapi.cn",
    v1Issuer: "https://sts.chinacloudapi.cn/",
    v2Issuer: "https://login.partner.microsoftonline.cn",
  },
} as const satisfies Record<string, Cloud>;

/** The application that API servers of AKS clusters with Entra are, in every tenant. Source: the AKS documentation. */
export const AKS_SERVER_APP = "6dae42f8-4368-4678-94ff-3960e28e3630";

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
