/** What a credential could be used on beyond its own resource, by resource type. Pure. Joined to policy by functions/main.ts. */
import type { Reaches } from "../access/ports.ts";
import { CLOUD_NAMES, cloudOf } from "../cloud.ts";
import type { ResourceType } from "../connectors/ports.ts";
import { isAtOrBelow } from "../resource-tree.ts";

/** A resource that is lent. */
type Lent = Parameters<Reaches>[0];

/** A type whose credential ends at its resource reaches nothing else. `denied` is as in Reaches of access/ports.ts. */
const REACHES: Readonly<Record<ResourceType, (lent: Lent, denied: string) => boolean>> = {
  "blob-container": () => false,
  "key-vault-secret": () => false,
  "docker-registry": (lent, denied) => lent.form === "registry-wide" && isDenied(lent.resourceId, denied),
  "kubernetes-cluster": clusterReaches,
  "azure-generic": tokenReaches,
};

/** See Reaches of access/ports.ts. A type that nobody knows reaches everything. */
export const credentialReaches: Reaches = (lent, denied) => {
  const [, reaches] = Object.entries(REACHES).find(([type]) => type === lent.resourceType) ?? [];
  return reaches === undefined || reaches(lent, denied);
};

/**
 * Which denials certainly do not concern a token, by its audience. All others do: with a token for ARM one may give
 * oneself what is missing, and what a listed audience opens is not known here.
 */
const BEYOND: ReadonlyMap<string, (denied: string) => boolean> = new Map([
  ["storage", isVaultUrl],
  ["key-vault", (denied: string) => providerOf(denied) === "microsoft.storage"],
]);

/** A token works in every subscription where the connector's identity has a role, whatever it was asked for. */
function tokenReaches({ scope }: Lent, denied: string): boolean {
  return BEYOND.get(scope.audience ?? "")?.(denied) !== true;
}

/**
 * An Entra token for clusters is good at every cluster where the identity has a role. The administrator's certificate is
 * so at its own, whichever rights a denial is about; the other forms are held to theirs by the cluster.
 */
function clusterReaches({ form, resourceId }: Lent, denied: string): boolean {
  if (form === "admin") return isDenied(resourceId, denied);
  if (form !== "entra-token" || isVaultUrl(denied)) return false;
  const provider = providerOf(denied);
  return provider === null || provider === "microsoft.containerservice";
}

/** Whether a resource is what a denial stands on, or below it. */
function isDenied(id: string, denied: string): boolean {
  return denied === "*" || isAtOrBelow(id, denied);
}

/** In lower case; null for what stands above providers. */
function providerOf(id: string): string | null {
  const [, provider] = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/([^/]+)\//i.exec(id) ?? [];
  return provider?.toLowerCase() ?? null;
}

function isVaultUrl(denied: string): boolean {
  const [, host = ""] = /^https:\/\/([^/]+)/i.exec(denied) ?? [];
  return CLOUD_NAMES.some((name) => host.toLowerCase().endsWith(`.${cloudOf(name).keyVaultSuffix}`));
}
