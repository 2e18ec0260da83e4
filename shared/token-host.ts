/**
 * Which host a token of a connector may be sent to at all: the widest rule. shared/azure keeps it in three steps, each
 * within the one before: `mayReceiveToken` (any of the cloud's hosts) for vaults and blobs of customers; `sameOrigin` of
 * client-options.ts (one host) for ARM and for the app's own stores, whose hosts are known; `refuseOtherHosts` of
 * arm-list.ts for the links to next pages, which are refused as broken lists before a request is made of them. Pure.
 */
import { type CloudName, cloudOf, KEY_VAULT_NAME, STORAGE_ACCOUNT_NAME } from "./cloud.ts";

/** Azure's own grammar for registry names: 5 to 50 letters and digits; since 2025 with a short hash behind a hyphen. */
const REGISTRY_NAME = /^[a-z0-9]{5,50}(?:-[a-z0-9]{1,20})?$/;
const VAULT_NAME_LENGTH = { least: 3, most: 24 };
/**
 * Scheme, host, and what ends it. The text is read as it stands, not as a parser mends it: what would have to be mended
 * (a backslash, a tab, an encoded dot, a name in another script) is refused. ARM itself writes `:443` into links to its
 * next pages; it is the same place.
 */
const ORIGIN = /^https:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::443)?(?=[/?]|$)/i;
/** Printable ASCII without what parsers read differently. */
const PLAIN = /^[!#-;=?-[\]_a-z~]*$/;

/** Whether a request with a connector's token may go to this URL: ARM, or a named store, vault or registry of the cloud. */
export function mayReceiveToken(url: string, cloud: CloudName): boolean {
  const host = PLAIN.test(url) ? ORIGIN.exec(url)?.[1]?.toLowerCase() : undefined;
  if (host === undefined) return false;
  const { resourceManager, blobSuffix, tableSuffix, keyVaultSuffix, registrySuffix } = cloudOf(cloud);
  if (host === new URL(resourceManager).host) return true;
  const dot = host.indexOf(".");
  const name = host.slice(0, dot);
  switch (host.slice(dot + 1)) {
    case blobSuffix:
    case tableSuffix:
      return STORAGE_ACCOUNT_NAME.test(name);
    case keyVaultSuffix:
      return (
        name.length >= VAULT_NAME_LENGTH.least && name.length <= VAULT_NAME_LENGTH.most && KEY_VAULT_NAME.test(name)
      );
    case registrySuffix:
      return REGISTRY_NAME.test(name);
    default:
      return false;
  }
}
