/** Policy that e2e tests need: callers of the seed may have its containers through the connectors of the tests. */
import { type Api, applicationOf } from "./api.ts";
import type { System } from "./system.ts";

/** Every right on a container. */
export const ALL_ACCESS = ["read", "write", "list", "delete"] as const;
/** Where the tests' caller is a member. */
export const PLACE = { project: "vision", domain: "production" } as const;
/** A change of policy holds after this, in milliseconds. */
export const POLICY_AGE_MS = 10_000;

/** Canonical id of a storage account in the seed's subscription. */
export function accountId(account: string, group = "demo-zenml-demos"): string {
  return `/subscriptions/3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840/resourceGroups/${group}/providers/Microsoft.Storage/storageAccounts/${account}`;
}

/** Canonical id of a container in the seed's subscription. */
export function containerId(account: string, container: string, group?: string): string {
  return `${accountId(account, group)}/blobServices/default/containers/${container}`;
}

/** What `az://demo-zenmlartifactstore` means. */
export const ARTIFACTS = containerId("demozenmlartifacts", "demo-zenmlartifactstore");
/** One of the two containers of this name. */
export const DATASETS = containerId("demozenmlartifacts", "datasets");

/** How a membership names an application of the seed. */
export function appPrincipal(system: System, name: string): string {
  return `app:${system.seed.tenant.id}/${applicationOf(system, name).objectId}`;
}

/** How a membership names a user of the seed, by the part of its name before the `@`. */
export function userPrincipal(system: System, name: string): string {
  const user = system.seed.users.find((candidate) => candidate.name.startsWith(`${name}@`));
  if (user === undefined) throw new Error(`the seed has no user ${name}`);
  return `user:${system.seed.tenant.id}/${user.objectId}`;
}

/** As `grantTo`, for platform-automation. */
export async function grantToAutomation(
  system: System,
  api: Api,
  granted: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  await grantTo([appPrincipal(system, "platform-automation")], api, granted);
}

/**
 * Lets these principals have everything on these resources. Before the first credential of a system is asked for:
 * later it would hold only after POLICY_AGE_MS.
 * @param granted canonical ids by the name of a connector, which need not be there yet
 */
export async function grantTo(
  principals: readonly string[],
  api: Api,
  granted: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const membership = { principals, ...PLACE };
  const grants = Object.entries(granted).flatMap(([connector, resources]) =>
    resources.map((resourceId, index) => {
      const grant = { connector, resourceId, access: ALL_ACCESS, ...PLACE, maxTtlSeconds: 86_400 };
      return [`grants/${connector}-${index}`, grant] as const;
    }),
  );
  const records = [["memberships/granted", membership] as const, ...grants];
  const answers = await Promise.all(records.map(([path, body]) => api.create(path, body)));
  const refused = answers.find(({ status }) => status !== 200);
  if (refused !== undefined) throw new Error(`policy was refused: ${refused.text}`);
}

/** The same resources for connectors `prefix-1` to `prefix-<count>`. */
export function numbered(
  prefix: string,
  count: number,
  resources: readonly string[] = [ARTIFACTS],
): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index + 1}`, resources]));
}
