/** Blob containers as the storage resource provider shows them, read from what is really stored. Registered by arm.ts. */
import type { ContainerDirectory, StoredContainer } from "../ports.ts";
import { STORAGE_API_VERSIONS } from "./api-versions.ts";
import { containerNotFound, invalidRequestParameter } from "./arm-errors.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ResourceDeps } from "./provider-operations.ts";
import { ACCOUNT_PATH, readableAccount, storageProvider } from "./storage-accounts.ts";

/** Action behind a read of a container, one or all. */
const READ_CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers/read";
/** Most containers in one page, asked for or not. Source: Storage Resource Provider, Blob Containers - List. */
export const MAX_PAGE_SIZE = 5000;

/**
 * Source of the shapes: azure-sdk-for-js recordings of arm-storage (blobContainers get and list). Nobody says whether the
 * provider counts this list too; it does here, so that whoever lives within its limit does so in any case.
 */
export function blobContainerOperations(
  deps: ResourceDeps & { readonly containers: ContainerDirectory; readonly now: () => Date },
): ArmOperation[] {
  const { rights, limits, containers } = deps;
  const provider = {
    method: "GET",
    apiVersions: STORAGE_API_VERSIONS,
    provider: storageProvider("storageAccounts/blobServices/containers"),
  } as const;
  return [
    {
      ...provider,
      path: `${ACCOUNT_PATH}/blobServices/default/containers`,
      answer: async (request) => {
        const account = readableAccount(deps, request, (scope) =>
          rights.demand(request.caller, READ_CONTAINER, `${scope}/blobServices/default`),
        );
        limits.takeStorageList(account.subscription.id, [account.location]);
        const page = pageOf(await containers.list(account.name), request);
        const nextLink = page.next && nextLinkOf(request, account.name, page.next.name);
        const value = page.items.map((container) => itemBody(account.id, container));
        return { status: 200, body: nextLink ? { value, nextLink } : { value } };
      },
    },
    {
      ...provider,
      path: `${ACCOUNT_PATH}/blobServices/default/containers/:container`,
      answer: async (request) => {
        const asked = request.param("container");
        const account = readableAccount(deps, request, (scope) =>
          rights.demand(request.caller, READ_CONTAINER, `${scope}/blobServices/default/containers/${asked}`),
        );
        const stored = await containers.list(account.name);
        const container = stored.find((candidate) => candidate.name === asked.toLowerCase());
        if (!container) throw containerNotFound(request.id, deps.now());
        return {
          status: 200,
          headers: { etag: quoted(container.etag) },
          body: containerBody(account.id, container),
        };
      },
    },
  ];
}

/** `$filter` is a prefix of the name, and `$skipToken` names the first container of the page. */
function pageOf(stored: readonly StoredContainer[], request: ArmRequest) {
  const prefix = request.query("$filter") ?? "";
  const from = request.query("$skipToken")?.split("/").at(-1) ?? "";
  const size = request.query("$maxpagesize") ?? String(MAX_PAGE_SIZE);
  if (!/^[1-9]\d{0,8}$/.test(size)) throw invalidRequestParameter("$maxpagesize");
  // Only soft-deleted containers could be included, and Azurite deletes for good.
  if (!["", "deleted"].includes(request.query("$include") ?? "")) throw invalidRequestParameter("$include");
  const matching = stored
    .filter((container) => container.name.startsWith(prefix) && container.name >= from)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const count = Math.min(Number(size), MAX_PAGE_SIZE);
  return { items: matching.slice(0, count), next: matching[count] };
}

function nextLinkOf(request: ArmRequest, account: string, container: string): string {
  const query = new URLSearchParams({ "api-version": request.apiVersion });
  for (const option of ["$maxpagesize", "$filter", "$include"]) {
    const value = request.query(option);
    if (value !== undefined) query.set(option, value);
  }
  query.set("$skipToken", `/${account}/${container}`);
  return `https://management.azure.com${request.path}?${query}`;
}

function itemBody(accountId: string, container: StoredContainer) {
  return {
    ...resource(accountId, container),
    properties: { immutableStorageWithVersioning: { enabled: false }, ...properties(container) },
  };
}

function containerBody(accountId: string, container: StoredContainer) {
  const { hasImmutabilityPolicy, hasLegalHold, ...rest } = properties(container);
  return {
    ...resource(accountId, container),
    properties: { ...rest, legalHold: { hasLegalHold: false, tags: [] }, hasImmutabilityPolicy, hasLegalHold },
  };
}

function resource(accountId: string, container: StoredContainer) {
  return {
    id: `${accountId}/blobServices/default/containers/${container.name}`,
    name: container.name,
    type: "Microsoft.Storage/storageAccounts/blobServices/containers",
    etag: quoted(container.etag),
  };
}

function properties(container: StoredContainer) {
  return {
    deleted: false,
    remainingRetentionDays: 0,
    defaultEncryptionScope: "$account-encryption-key",
    denyEncryptionScopeOverride: false,
    publicAccess: "None",
    leaseStatus: "Unlocked",
    leaseState: "Available",
    lastModifiedTime: container.lastModified.toISOString().replace(/\.\d+Z$/, ".0000000Z"),
    hasImmutabilityPolicy: false,
    hasLegalHold: false,
  };
}

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}
