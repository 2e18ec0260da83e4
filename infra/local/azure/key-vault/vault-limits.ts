/** Limits of Key Vault secrets, as the service documents them; used where requests are checked. */

/** Most bytes of a secret's value (25 KB). Source: "About Azure Key Vault secrets". */
export const MAX_VALUE_BYTES = 25_600;
/** Most characters of `contentType`. Source: same. */
export const MAX_CONTENT_TYPE_LENGTH = 255;
/** Most tags of one version. Source: same. */
export const MAX_TAGS = 15;
/** Most characters of a tag's name or value. Source: same. */
export const MAX_TAG_LENGTH = 512;
/** Days a deleted secret can be recovered: the default of a new vault. Source: "soft-delete overview". */
export const RECOVERABLE_DAYS = 90;
/** What that retention is called in `attributes.recoveryLevel`. */
export const RECOVERY_LEVEL = "Recoverable+Purgeable";
/** Names of secrets. Source: "Azure Key Vault keys, secrets, and certificates overview"; a leading digit is accepted. */
export const SECRET_NAME = /^[0-9A-Za-z-]{1,127}$/;
/** Latest time that an attribute can hold: seconds, int32. Source: azure-rest-api-specs, secrets.json. */
export const MAX_TIME_SECONDS = 2_147_483_647;

/**
 * Versions of the data plane that have what is emulated, oldest first.
 * Source: azure-rest-api-specs, specification/keyvault/data-plane.
 */
export const VAULT_API_VERSIONS: readonly string[] = [
  "2016-10-01",
  "7.0",
  "7.1",
  "7.2",
  "7.3",
  "7.4",
  "7.5",
  "7.6",
  "2025-07-01",
  "2026-04-01",
];
