/** Ids of resources in ARM: their parts, and the grammar of those that people write. Pure. */
import type { ArmPlace } from "./ports.ts";

/** A resource by its place; its name is the last part of its id. */
export type ArmResourceId = ArmPlace & { readonly name: string };

/** Types as ARM names them. */
export const STORAGE_ACCOUNT_TYPE = "Microsoft.Storage/storageAccounts";
/** Container registries. */
export const REGISTRY_TYPE = "Microsoft.ContainerRegistry/registries";
/** AKS clusters. */
export const CLUSTER_TYPE = "Microsoft.ContainerService/managedClusters";
/** Key vaults. */
export const VAULT_TYPE = "Microsoft.KeyVault/vaults";
/** User-assigned managed identities. */
export const IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities";

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A resource group's name does not end with a full stop: `..` would climb in a URL. */
const RESOURCE_GROUP = /^[-\w.()]{0,89}[-\w()]$/;

/**
 * The parts of an id of this type as ARM answers it; null for any other text. Only the subscription is changed, to lower
 * case: names are as ARM says.
 * @param type of the resource, e.g. `Microsoft.Storage/storageAccounts`; compared, like all fixed parts, without case
 */
export function splitArmId(type: string, id: string): ArmResourceId | null {
  const parts = id.split("/");
  const [root, subscriptions, subscriptionId, resourceGroups, resourceGroup, providers, namespace, kind, name] = parts;
  const isFixed =
    root === "" &&
    subscriptions?.toLowerCase() === "subscriptions" &&
    resourceGroups?.toLowerCase() === "resourcegroups" &&
    providers?.toLowerCase() === "providers" &&
    `${namespace}/${kind}`.toLowerCase() === type.toLowerCase();
  if (!isFixed || parts.length !== 9 || !subscriptionId || !resourceGroup || !name) return null;
  return { subscriptionId: subscriptionId.toLowerCase(), resourceGroup, name };
}

/** As splitArmId, for text of a caller: each part has the grammar that Azure gives it, so that the id fits into a URL as it is. */
export function readArmId(type: string, text: string, namePattern: RegExp): ArmResourceId | null {
  const id = text.length > MAX_ARM_ID ? null : splitArmId(type, text);
  if (id === null || !GUID.test(id.subscriptionId) || !isResourceGroup(id.resourceGroup)) return null;
  return namePattern.test(id.name) ? id : null;
}
/** Longest id of a resource that is not inside another, in characters; ARM's own bound on all ids is near it. */
const MAX_ARM_ID = 1024;

/** Whether a text can be the name of a resource group. */
export function isResourceGroup(text: string): boolean {
  return RESOURCE_GROUP.test(text);
}

/** The id in ARM's own words. */
export function armIdOf(type: string, { subscriptionId, resourceGroup, name }: ArmResourceId): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}`;
}
