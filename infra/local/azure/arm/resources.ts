/** The resources of every type in one list, as ARM itself keeps it (`az acr show`, `az keyvault list`). Registered by arm.ts. */
import type { Placed } from "../../placed-resources.ts";
import { GENERIC_RESOURCES_API_VERSIONS } from "./api-versions.ts";
import type { ArmCaller } from "./arm-caller.ts";
import { operationNotImplemented } from "./arm-errors.ts";
import type { ArmOperation } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { pageOf } from "./paging.ts";
import { type ResourceDeps, type ResourceKind, typeOf } from "./provider-operations.ts";
import { subscriptionId, subscriptionOf } from "./subscriptions.ts";

const FILTER = /^\s*resourceType\s+eq\s+'([^']+)'\s*$/i;

/** A resource of any type, and all that its provider shows of it. */
export type AnyResource = {
  readonly id: string;
  /** With its namespace. */
  readonly type: string;
  readonly placed: Placed<unknown>;
  body(): object;
};

/** Every resource of the kinds that there are, shown in the newest version. */
export function everyResource<T>(kind: ResourceKind<T>): readonly AnyResource[] {
  const newest = kind.apiVersions.at(-1) ?? "";
  return kind.members.map((member) => ({
    id: member.id,
    type: typeOf(kind),
    placed: member,
    body: () => kind.body(member, newest),
  }));
}

/** Those that the caller may read, each by the action of its type. */
export function readableResources(
  resources: readonly AnyResource[],
  caller: ArmCaller,
  rights: ArmRights,
): readonly AnyResource[] {
  return resources.filter(({ id, type }) => rights.allows(caller, `${type}/read`, id));
}

/** Source of the shape: azure-rest-api-specs, resources.json, GenericResourceExpanded. */
export function genericResourceOperations(deps: ResourceDeps, resources: readonly AnyResource[]): ArmOperation[] {
  return [
    {
      method: "GET",
      apiVersions: GENERIC_RESOURCES_API_VERSIONS,
      path: "/subscriptions/:subscription/resources",
      answer: (request) => {
        const filter = request.query("$filter");
        const [, type] = FILTER.exec(filter ?? "") ?? [];
        if (filter !== undefined && type === undefined) {
          throw operationNotImplemented(`GET /subscriptions/{subscription}/resources with $filter ${filter}`);
        }
        const subscription = subscriptionOf(deps.seed, request);
        // Refuses a caller without any right there; the list itself is trimmed by each type's own action.
        deps.rights.trim(request.caller, "", subscriptionId(subscription), []);
        const asked = resources.filter(
          (resource) =>
            resource.placed.subscription === subscription &&
            (type === undefined || resource.type.toLowerCase() === type.toLowerCase()),
        );
        const page = pageOf(readableResources(asked, request.caller, deps.rights), request, deps.limits);
        const value = page.value.map((resource) => ({
          id: resource.id,
          name: resource.placed.name,
          type: resource.type,
          location: resource.placed.location,
          tags: {},
        }));
        return { status: 200, body: { ...page, value } };
      },
    },
  ];
}
