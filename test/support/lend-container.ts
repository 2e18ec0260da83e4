/** Lets callers reach a container by policy. For e2e tests whose system has decided nothing yet: policy is kept for 10 seconds. */
import type { Api } from "./api.ts";
import type { System } from "./system.ts";

/** ARM id of a container of the seed's first resource group. */
export function containerId(system: Pick<System, "seed">, account: string, container: string): string {
  return `${accountId(system, account)}/blobServices/default/containers/${container}`;
}

/** ARM id of a storage account of the seed's first resource group. */
export function accountId({ seed }: Pick<System, "seed">, account: string): string {
  return `/subscriptions/${seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/${account}`;
}

/** One membership for all of them, and a grant of an hour per container. @throws Error when the API refuses */
export async function lend(
  api: Api,
  connector: string,
  principals: readonly string[],
  resourceIds: readonly string[],
): Promise<void> {
  const place = { project: "vision", domain: "production" };
  const put = async (path: string, body: unknown) => {
    const { status, text } = await api.call("PUT", path, { body, headers: { "if-none-match": "*" } });
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  };
  await put("memberships/lend", { principals, ...place });
  for (const [index, resourceId] of resourceIds.entries()) {
    const grant = { connector, resourceId, access: ["read", "write", "list"], maxTtlSeconds: 3600, ...place };
    await put(`grants/lend-${index}`, grant);
  }
}
