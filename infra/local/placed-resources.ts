/** The resources of the seed with their ARM ids and places. Used by the local ARM and by authorization.ts. */
import { type Seed, tenantOf } from "./seed.ts";

/** A resource with its ARM id and where it stands. */
export type Placed<T> = {
  readonly resource: T;
  readonly name: string;
  /** ARM id. */
  readonly id: string;
  readonly location: string;
  readonly group: ResourceGroup;
  readonly subscription: Subscription;
  /** Of its subscription. */
  readonly tenantId: string;
};

type Subscription = Seed["subscriptions"][number];
type ResourceGroup = Subscription["resourceGroups"][number];

/**
 * All resources of one type.
 * @param type with its namespace, e.g. `Microsoft.KeyVault/vaults`
 * @param of those of one group
 */
export function placed<T extends { readonly name: string; readonly location?: string | undefined }>(
  seed: Seed,
  type: string,
  of: (group: ResourceGroup) => readonly T[],
): readonly Placed<T>[] {
  return seed.subscriptions.flatMap((subscription) =>
    subscription.resourceGroups.flatMap((group) =>
      of(group).map((resource) => ({
        resource,
        name: resource.name,
        id: `/subscriptions/${subscription.id}/resourceGroups/${group.name}/providers/${type}/${resource.name}`,
        location: resource.location ?? group.location,
        group,
        subscription,
        tenantId: tenantOf(seed, subscription).id,
      })),
    ),
  );
}
