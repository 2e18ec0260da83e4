/** Names of AKS clusters: every accepted form → what is meant. Pure; says nothing about whether it exists. */
import { InputError } from "../errors.ts";
import { type ArmResourceId, armIdOf, CLUSTER_TYPE, isResourceGroup, readArmId } from "./arm-id.ts";
import type { Cluster } from "./ports.ts";

/** A cluster by its place in ARM. */
export type ClusterId = Pick<Cluster, "subscriptionId" | "resourceGroup" | "cluster">;
/** What a name says: one cluster for certain, or every cluster of that name, in that group if it is given. */
export type ClusterName =
  | { readonly kind: "id"; readonly id: ClusterId }
  | { readonly kind: "alias"; readonly resourceGroup: string | null; readonly cluster: string };

/** Azure's own grammar: 1 to 63 letters, digits, underscores and hyphens; a letter or digit at both ends. */
const NAME = /^[a-z0-9](?:[-\w]{0,61}[a-z0-9])?$/i;

/**
 * Reads an ARM id, `GROUP/NAME` or `NAME`; all are compared without case.
 * @throws InputError INVALID_REQUEST
 */
export function parseClusterName(text: string): ClusterName {
  const name = readClusterName(text);
  if (name !== null) return name;
  throw new InputError(
    "INVALID_REQUEST",
    "The resourceId is not the name of an AKS cluster. Give its ARM id (/subscriptions/…/managedClusters/NAME), RESOURCE-GROUP/NAME or NAME.",
    { problems: [{ path: "/resourceId", expected: "an ARM id, RESOURCE-GROUP/NAME or NAME" }] },
  );
}

/** As parseClusterName; null for text that names none. */
export function readClusterName(text: string): ClusterName | null {
  const arm = readArmId(CLUSTER_TYPE, text, NAME);
  if (arm !== null) return { kind: "id", id: idOf(arm) };
  const slash = text.indexOf("/");
  const cluster = text.slice(slash + 1);
  if (!NAME.test(cluster)) return null;
  if (slash === -1) return { kind: "alias", resourceGroup: null, cluster };
  const resourceGroup = text.slice(0, slash);
  return isResourceGroup(resourceGroup) ? { kind: "alias", resourceGroup, cluster } : null;
}

function idOf({ name, ...place }: ArmResourceId): ClusterId {
  return { ...place, cluster: name };
}

/** The canonical id, in ARM's own words. */
export function clusterArmId({ subscriptionId, resourceGroup, cluster }: ClusterId): string {
  return armIdOf(CLUSTER_TYPE, { subscriptionId, resourceGroup, name: cluster });
}

/** The name that people see. */
export function clusterDisplayName({ resourceGroup, cluster }: Pick<Cluster, "resourceGroup" | "cluster">): string {
  return `${resourceGroup}/${cluster}`;
}

/** Whether what a caller wrote means the cluster with this canonical id, whichever subscription an alias is in. */
export function meansCluster(text: string, canonicalId: string): boolean {
  const canonical = readArmId(CLUSTER_TYPE, canonicalId, NAME);
  const meant = readClusterName(text);
  return canonical !== null && meant !== null && isClusterNamed(idOf(canonical), meant);
}

/** Whether a cluster is the one of this name. */
export function isClusterNamed(found: ClusterId, name: ClusterName): boolean {
  if (name.kind === "id") return clusterArmId(found).toLowerCase() === clusterArmId(name.id).toLowerCase();
  const { resourceGroup, cluster } = name;
  if (resourceGroup !== null && resourceGroup.toLowerCase() !== found.resourceGroup.toLowerCase()) return false;
  return cluster.toLowerCase() === found.cluster.toLowerCase();
}
