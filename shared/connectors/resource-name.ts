/** Names of resources: every accepted form → what is meant. Pure; says nothing about whether it exists. */
import { STORAGE_ACCOUNT_NAME } from "../cloud.ts";
import { InputError } from "../errors.ts";

/** A blob container by its place in ARM. */
export type BlobContainerId = {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly account: string;
  readonly container: string;
};
/** What a name says: one container for certain, or every container of that name within the connector. */
export type BlobContainerName =
  | { readonly kind: "id"; readonly id: BlobContainerId }
  | { readonly kind: "alias"; readonly container: string };

/** A resource group's name does not end with a full stop: `..` would climb in a URL. */
const ARM_ID =
  /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([-\w.()]{0,89}[-\w()])\/providers\/Microsoft\.Storage\/storageAccounts\/([a-z0-9]{3,24})\/blobServices\/default\/containers\/([^/]{1,63})$/i;
/** `az://c`, `abfs://c` or `c`. */
const ALIAS = /^(?:(?:az|abfs):\/\/)?([^/]{3,63})$/;
/** Azure's grammar: 3 to 63 of a-z, 0-9 and single hyphens; letters or digits at both ends. */
const CONTAINER = /^[a-z0-9](?:-?[a-z0-9]){2,62}$/;

/**
 * Reads an ARM id (compared without case), `az://c`, `abfs://c` or `c`.
 * @throws InputError INVALID_REQUEST
 */
export function parseBlobContainerName(text: string): BlobContainerName {
  const name = readBlobContainerName(text);
  if (name !== null) return name;
  throw new InputError(
    "INVALID_REQUEST",
    "The resourceId is not the name of a blob container. Give its ARM id (/subscriptions/…/blobServices/default/containers/NAME), az://NAME, abfs://NAME or NAME.",
    { problems: [{ path: "/resourceId", expected: "an ARM id, az://NAME, abfs://NAME or NAME" }] },
  );
}

/** As parseBlobContainerName; null for text that names none. */
export function readBlobContainerName(text: string): BlobContainerName | null {
  const arm = ARM_ID.exec(text);
  if (arm !== null) {
    const [, subscriptionId = "", resourceGroup = "", account = "", container = ""] = arm;
    const id = {
      subscriptionId: subscriptionId.toLowerCase(),
      resourceGroup,
      account: account.toLowerCase(),
      container: container.toLowerCase(),
    };
    return isContainerName(id.container) ? { kind: "id", id } : null;
  }
  const alias = ALIAS.exec(text)?.[1];
  return alias !== undefined && isContainerName(alias) ? { kind: "alias", container: alias } : null;
}

function isContainerName(text: string): boolean {
  return text.length <= 63 && CONTAINER.test(text);
}

/** The canonical id, in ARM's own case. */
export function blobContainerArmId(id: BlobContainerId): string {
  return `/subscriptions/${id.subscriptionId}/resourceGroups/${id.resourceGroup}/providers/Microsoft.Storage/storageAccounts/${id.account}/blobServices/default/containers/${id.container}`;
}

const ACCOUNT_ARM_ID =
  /^\/subscriptions\/[0-9a-f-]{36}\/resourceGroups\/[-\w.()]{0,89}[-\w()]\/providers\/Microsoft\.Storage\/storageAccounts\/[a-z0-9]{3,24}$/i;

/** Reads the ARM id (compared without case) or the name of a storage account. @throws InputError INVALID_REQUEST */
export function parseStorageAccountName(text: string): { readonly kind: "id" | "name"; readonly text: string } {
  if (ACCOUNT_ARM_ID.test(text)) return { kind: "id", text };
  if (STORAGE_ACCOUNT_NAME.test(text)) return { kind: "name", text };
  throw new InputError("INVALID_REQUEST", "The storageAccount is neither the ARM id nor the name of one.", {
    problems: [{ path: "/storageAccount", expected: "an ARM id or a name of 3 to 24 lower-case letters and digits" }],
  });
}

/** The canonical id of a storage account, in ARM's own case. */
export function storageAccountArmId(id: Omit<BlobContainerId, "container">): string {
  return `/subscriptions/${id.subscriptionId}/resourceGroups/${id.resourceGroup}/providers/Microsoft.Storage/storageAccounts/${id.account}`;
}

/** The name that people see. */
export function blobContainerDisplayName(id: Pick<BlobContainerId, "container">): string {
  return `az://${id.container}`;
}

/** ARM compares resource ids and their parts without case. */
export function sameText(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** Whether what a caller wrote means the container with this canonical id; false for text that names none. */
export function meansBlobContainer(text: string, canonicalId: string): boolean {
  const canonical = readBlobContainerName(canonicalId);
  const meant = readBlobContainerName(text);
  if (canonical?.kind !== "id" || meant === null) return false;
  return meant.kind === "id"
    ? sameText(blobContainerArmId(meant.id), canonicalId)
    : meant.container === canonical.id.container;
}
