/** Key Vault secrets: their names, and whether a connector may be used for one. Pure; decided before any token is asked for. */
import { accountUrl, CLOUD_NAMES, type CloudName, cloudOf, KEY_VAULT_NAME } from "../cloud.ts";
import { DeniedError, InputError } from "../errors.ts";
import type { ConnectorConfiguration } from "./auth-methods.ts";
import { sameText } from "./resource-name.ts";

/** A secret by its place. */
export type VaultSecretId = { readonly cloud: CloudName; readonly vault: string; readonly name: string };
/** What a URL says; no version = the latest. */
export type VaultSecretName = { readonly id: VaultSecretId; readonly version: string | null };

/** Anchored on both sides and plain ASCII: no user, port, query, fragment, escape, trailing dot or other script fits. */
const SECRET_URL =
  /^https:\/\/([0-9a-z-]{3,24})\.([0-9a-z.]{1,60})\/secrets\/([0-9a-z-]{1,127})(?:\/([0-9a-z]{1,127}))?$/i;

/**
 * Reads `https://VAULT.<suffix>/secrets/NAME` with or without a version.
 * @throws InputError INVALID_REQUEST
 */
export function parseVaultSecretName(text: string): VaultSecretName {
  const name = readVaultSecretName(text);
  if (name !== null) return name;
  throw new InputError(
    "INVALID_REQUEST",
    "The name is not that of a Key Vault secret. Give https://VAULT.vault.azure.net/secrets/NAME, with a version behind it or without.",
    { problems: [{ path: "/resourceId", expected: "https://VAULT.vault.azure.net/secrets/NAME" }] },
  );
}

/** As parseVaultSecretName; null for text that is no such URL. */
export function readVaultSecretName(text: string): VaultSecretName | null {
  const [, vault = "", suffix = "", name = "", version = null] = SECRET_URL.exec(text) ?? [];
  const cloud = CLOUD_NAMES.find((candidate) => cloudOf(candidate).keyVaultSuffix === suffix.toLowerCase());
  if (cloud === undefined || !KEY_VAULT_NAME.test(vault)) return null;
  const id = { cloud, vault: vault.toLowerCase(), name };
  // What the clients will make of the text must be what was read here.
  const url = URL.canParse(text) ? new URL(text) : null;
  return url?.origin === vaultUrl(id) ? { id, version } : null;
}

/** Where the secret's vault answers. The grammar of names leaves no room for another host. */
export function vaultUrl({ vault, cloud }: Pick<VaultSecretId, "vault" | "cloud">): string {
  return accountUrl(vault, cloudOf(cloud).keyVaultSuffix);
}

/** The canonical id: the URL without a version. */
export function vaultSecretUrl(id: VaultSecretId): string {
  return `${vaultUrl(id)}/secrets/${id.name}`;
}

/** Whether what a caller wrote means the secret with this canonical id, in whichever version. */
export function meansVaultSecret(text: string, canonicalId: string): boolean {
  const [meant, canonical] = [readVaultSecretName(text), readVaultSecretName(canonicalId)];
  if (meant === null || canonical === null || canonical.version !== null) return false;
  return sameText(vaultSecretUrl(meant.id), vaultSecretUrl(canonical.id));
}

/**
 * Vaults are not looked up in ARM, so a connector that is limited to a part of Azure cannot know whether a vault is in it.
 * @param ownVaults the service's own, which nobody is ever lent from
 * @throws DeniedError DENIED
 */
export function refuseUnreachableSecret(
  id: VaultSecretId,
  connector: {
    readonly cloud: CloudName;
    readonly configuration: ConnectorConfiguration;
    readonly resourceId: string | null;
  },
  ownVaults: readonly string[],
): void {
  if (ownVaults.some((own) => sameText(own, id.vault))) {
    throw new DeniedError(
      "DENIED",
      "This vault holds the service's own secrets, which are never lent. Use another vault.",
    );
  }
  if (id.cloud !== connector.cloud) {
    throw new DeniedError(
      "DENIED",
      "This vault is in another Azure cloud than the connector. Use a connector of that cloud.",
    );
  }
  if (connector.resourceId !== null) {
    if (meansVaultSecret(vaultSecretUrl(id), connector.resourceId)) return;
    throw new DeniedError(
      "DENIED",
      "The connector is limited to another resource. Use a connector that covers this secret.",
    );
  }
  const { subscriptionId, resourceGroup, storageAccount } = connector.configuration;
  if (subscriptionId === null && resourceGroup === null && storageAccount === null) return;
  throw new DeniedError(
    "DENIED",
    "The connector is limited to a subscription, resource group or storage account, and whether a vault lies in it is not looked up. Use a connector without limits, or one whose resourceId is this secret.",
  );
}
