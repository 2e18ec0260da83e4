/** What every resource provider has: its resources by subscription, by group and by name. Registered by arm.ts. */

import type { Placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import { resourceGroupNotFound, resourceNotFound } from "./arm-errors.ts";
import type { ArmLimits } from "./arm-limits.ts";
import type { ArmOperation, ArmProvider, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { pageOf } from "./paging.ts";
import { groupOf, subscriptionId, subscriptionOf } from "./subscriptions.ts";

/** One type of resource. */
export type ResourceKind<T> = {
  readonly namespace: string;
  /** Without the namespace. */
  readonly type: string;
  readonly apiVersions: readonly string[];
  /** With what its answers differ from ARM's own. */
  readonly provider?: ArmProvider;
  readonly members: readonly Placed<T>[];
  /** How the api-version of the request shows a member. */
  body(member: Placed<T>, apiVersion: string): object;
  /** Told of a list before it is answered, with what it reads. @throws ArmError */
  onList?(subscriptionId: string, members: readonly Placed<T>[]): void;
};

/** What the operations need. */
export type ResourceDeps = { readonly seed: Seed; readonly rights: ArmRights; readonly limits: ArmLimits };

/** Type with its namespace. */
export function typeOf(kind: Pick<ResourceKind<unknown>, "namespace" | "type">): string {
  return `${kind.namespace}/${kind.type}`;
}

/** Lists trim to what the caller may read, as ArmRights says; a single resource is shown or refused. */
export function resourceOperations<T>({ seed, rights, limits }: ResourceDeps, kind: ResourceKind<T>): ArmOperation[] {
  const read = `${typeOf(kind)}/read`;
  const provider = kind.provider ?? { type: kind.type };
  const common = { method: "GET", apiVersions: kind.apiVersions, provider } as const;
  const list = (request: ArmRequest, scope: string, members: readonly Placed<T>[], subscription: string) => {
    const visible = rights.trim(request.caller, read, scope, members);
    kind.onList?.(subscription, members);
    const { value, ...link } = pageOf(visible, request, limits);
    return { status: 200, body: { value: value.map((member) => kind.body(member, request.apiVersion)), ...link } };
  };
  return [
    {
      ...common,
      path: `/subscriptions/:subscription/providers/${typeOf(kind)}`,
      answer: (request) => {
        const subscription = subscriptionOf(seed, request);
        const members = kind.members.filter((member) => member.subscription === subscription);
        return list(request, subscriptionId(subscription), members, subscription.id);
      },
    },
    {
      ...common,
      path: `/subscriptions/:subscription/resourceGroups/:group/providers/${typeOf(kind)}`,
      answer: (request) => {
        const subscription = subscriptionOf(seed, request);
        const group = groupOf(subscription, request);
        const asked = group?.name ?? request.param("group");
        const scope = `${subscriptionId(subscription)}/resourceGroups/${asked}`;
        // Rights first: whoever may not look does not learn whether the group exists.
        rights.trim(request.caller, read, scope, []);
        if (!group) throw resourceGroupNotFound(asked);
        const members = kind.members.filter((member) => member.group === group);
        return list(request, scope, members, subscription.id);
      },
    },
    {
      ...common,
      path: `/subscriptions/:subscription/resourceGroups/:group/providers/${typeOf(kind)}/:resource`,
      answer: (request) => {
        const demand = (scope: string) => rights.demand(request.caller, read, scope);
        const member = memberOf(seed, kind, request, "resource", demand);
        return { status: 200, body: kind.body(member, request.apiVersion) };
      },
    },
  ];
}

/**
 * The resource of the path, after the rights check for its scope.
 * @param param name of the path's part that names the resource
 * @throws ArmError what `demand` throws, then 404 ResourceGroupNotFound or ResourceNotFound
 */
export function memberOf<T>(
  seed: Seed,
  kind: Pick<ResourceKind<T>, "namespace" | "type" | "members">,
  request: ArmRequest,
  param: string,
  demand: (scope: string) => void,
): Placed<T> {
  const subscription = subscriptionOf(seed, request);
  const group = groupOf(subscription, request);
  const groupName = group?.name ?? request.param("group");
  const asked = request.param(param);
  const found = kind.members.find(
    (member) => member.group === group && member.name.toLowerCase() === asked.toLowerCase(),
  );
  const resource = `${typeOf(kind)}/${found?.name ?? asked}`;
  demand(`${subscriptionId(subscription)}/resourceGroups/${groupName}/providers/${resource}`);
  if (!group) throw resourceGroupNotFound(groupName);
  if (!found) throw resourceNotFound(resource, groupName);
  return found;
}
