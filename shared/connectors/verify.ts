/** Looks at what a connector really reaches, by resource type. Used by register. */
import { LatchkeyError, UpstreamError } from "../errors.ts";
import { utc } from "../time.ts";
import type { Verification } from "./connector.ts";
import { type Limits, listBlobContainers, resolveBlobContainer } from "./inventory.ts";
import type { AzureView } from "./ports.ts";
import { blobContainerDisplayName } from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { listSubscriptions } from "./subscription.ts";

/** Names that a verification keeps of each type, so that its record stays small. */
const MAX_RESOURCES = 1_000;

type TypeResult = Verification["resourceTypes"][number];

/**
 * The caller has proved the sign-in already; here a type that Azure refuses is reported and does not stop the others.
 * @param types those that the connector serves
 * @throws InputError SIGN_IN_FAILED when the sign-in fails for a resource all the same; UpstreamError when Azure could
 * not be asked at all: an outage says nothing about the connector
 */
export async function verifyConnector(
  view: AzureView,
  limits: Limits,
  types: readonly ResourceType[],
  now: Date,
): Promise<Verification> {
  const resourceTypes = await Promise.all(types.map((type) => verifyType(type, view, limits)));
  const failed = resourceTypes.filter(({ state }) => state === "error").length;
  const state = failed === 0 ? "healthy" : failed === resourceTypes.length ? "failed" : "degraded";
  return { checkedAt: utc(now), state, resourceTypes };
}

async function verifyType(resourceType: ResourceType, view: AzureView, limits: Limits): Promise<TypeResult> {
  try {
    switch (resourceType) {
      case "blob-container":
        return await verifyContainers(view, limits);
      case "azure-generic":
        return await verifySubscriptions(view, limits);
      case "key-vault-secret":
        // Vaults are not listed, and a value is not read for a look: the first real read shows whether it works.
        return { resourceType, state: "ok", resources: [], error: null };
    }
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
    if (error instanceof UpstreamError && error.retryable) throw error;
    const message = `the ${PLURALS[resourceType]} could not be listed`;
    return {
      resourceType,
      state: "error",
      resources: [],
      error: { code: error.code, message, remedy: error.message },
    };
  }
}

const PLURALS: Readonly<Record<ResourceType, string>> = {
  "blob-container": "blob containers",
  "key-vault-secret": "vault secrets",
  "azure-generic": "subscriptions",
};

async function verifySubscriptions(view: AzureView, limits: Limits): Promise<TypeResult> {
  const resourceType = "azure-generic";
  const found = await listSubscriptions(view, limits);
  const resources = found.map(({ displayName }) => displayName).slice(0, MAX_RESOURCES);
  if (resources.length > 0) return { resourceType, state: "ok", resources, error: null };
  return {
    resourceType,
    state: "error",
    resources,
    error: {
      code: "RESOURCE_NOT_FOUND",
      message: "the sign-in works, but no subscription is visible within the connector's limits",
      remedy: "Grant the connector's identity a role in the subscription, or widen the limits.",
    },
  };
}

async function verifyContainers(view: AzureView, limits: Limits): Promise<TypeResult> {
  const resourceType = "blob-container";
  if (limits.resourceId !== null) {
    const id = await resolveBlobContainer(view, limits, limits.resourceId);
    return { resourceType, state: "ok", resources: [blobContainerDisplayName(id)], error: null };
  }
  const { containers, unread } = await listBlobContainers(view, limits);
  const resources = [...new Set(containers.map(blobContainerDisplayName))].slice(0, MAX_RESOURCES);
  if (unread.length > 0) {
    const outages = unread.filter(({ error }) => error instanceof UpstreamError && error.retryable);
    if (resources.length === 0 && outages.length === unread.length) throw unread[0]?.error;
    return {
      resourceType,
      state: "error",
      resources,
      error: {
        code: unread[0]?.error.code ?? "UPSTREAM_REFUSED",
        message: `the containers of ${unread.map(({ account }) => account).join(", ")} could not be listed`,
        remedy: unread[0]?.error.message ?? "",
      },
    };
  }
  if (resources.length === 0) {
    return {
      resourceType,
      state: "error",
      resources,
      error: {
        code: "RESOURCE_NOT_FOUND",
        message: "the sign-in works, but no blob container is visible within the connector's limits",
        remedy: "Grant the connector's identity the role Reader on the storage accounts, or widen the limits.",
      },
    };
  }
  return { resourceType, state: "ok", resources, error: null };
}
