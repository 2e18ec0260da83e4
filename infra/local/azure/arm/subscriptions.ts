/** Tenants, subscriptions and resource groups as Azure Resource Manager shows them. Registered by arm.ts. */
import { type Seed, type SeedTenant, tenantOf, tenantsOf } from "../../seed.ts";
import { RESOURCES_API_VERSIONS } from "./api-versions.ts";
import { operationNotImplemented, resourceGroupNotFound, subscriptionNotFound } from "./arm-errors.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";

type Subscription = Seed["subscriptions"][number];
type ResourceGroup = Subscription["resourceGroups"][number];

/** Action behind a read of a subscription. */
const READ_SUBSCRIPTION = "Microsoft.Resources/subscriptions/read";
/** Action behind a read of a resource group. */
const READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read";

/** The operations of ARM itself. Source of the shapes: azure-rest-api-specs, subscriptions.json and resources.json. */
export function subscriptionOperations(deps: { readonly seed: Seed; readonly rights: ArmRights }): ArmOperation[] {
  const { seed, rights } = deps;
  const versions = { apiVersions: RESOURCES_API_VERSIONS };
  return [
    {
      ...versions,
      method: "GET",
      path: "/tenants",
      answer: ({ caller }) => {
        const own = tenantsOf(seed).filter(({ id }) => id === caller.tenantId);
        return { status: 200, body: { value: own.map(tenantBody) } };
      },
    },
    {
      ...versions,
      method: "GET",
      path: "/subscriptions",
      answer: ({ caller }) => {
        const value = seed.subscriptions
          .filter((subscription) => rights.touches(caller, subscriptionId(subscription)))
          .map((subscription) => subscriptionBody(subscription, tenantOf(seed, subscription)));
        return { status: 200, body: { value, count: { type: "Total", value: value.length } } };
      },
    },
    {
      ...versions,
      method: "GET",
      path: "/subscriptions/:subscription",
      answer: (request) => {
        const subscription = subscriptionOf(seed, request);
        rights.demand(request.caller, READ_SUBSCRIPTION, subscriptionId(subscription));
        return { status: 200, body: subscriptionBody(subscription, tenantOf(seed, subscription)) };
      },
    },
    {
      ...versions,
      method: "GET",
      path: "/subscriptions/:subscription/resourceGroups",
      answer: (request) => {
        // Tags and paging by count are not in the seed tenant: an ignored option would be a wrong answer.
        for (const option of ["$filter", "$top"]) {
          if (request.query(option) !== undefined) {
            throw operationNotImplemented(`GET /subscriptions/{subscription}/resourceGroups with ${option}`);
          }
        }
        const subscription = subscriptionOf(seed, request);
        const groups = subscription.resourceGroups.map((group) => groupBody(subscription, group));
        const value = rights.trim(request.caller, READ_GROUP, subscriptionId(subscription), groups);
        return { status: 200, body: { value } };
      },
    },
    {
      ...versions,
      method: "GET",
      path: "/subscriptions/:subscription/resourceGroups/:group",
      answer: (request) => ({ status: 200, body: readableGroup(seed, rights, request) }),
    },
    {
      ...versions,
      method: "HEAD",
      path: "/subscriptions/:subscription/resourceGroups/:group",
      answer: (request) => {
        readableGroup(seed, rights, request);
        return { status: 204 };
      },
    },
  ];
}

/** ARM id of a subscription. */
export function subscriptionId(subscription: { readonly id: string }): string {
  return `/subscriptions/${subscription.id}`;
}

/** The subscription of the path, whatever its case. @throws ArmError 404 SubscriptionNotFound */
export function subscriptionOf(seed: Seed, request: Pick<ArmRequest, "param">): Subscription {
  const asked = request.param("subscription");
  const found = seed.subscriptions.find((candidate) => candidate.id.toLowerCase() === asked.toLowerCase());
  if (!found) throw subscriptionNotFound(asked);
  return found;
}

/** The resource group of the path, whatever its case; undefined when it is not there. */
export function groupOf(subscription: Subscription, request: Pick<ArmRequest, "param">): ResourceGroup | undefined {
  const asked = request.param("group").toLowerCase();
  return subscription.resourceGroups.find((candidate) => candidate.name.toLowerCase() === asked);
}

function readableGroup(seed: Seed, rights: ArmRights, request: ArmRequest) {
  const subscription = subscriptionOf(seed, request);
  const group = groupOf(subscription, request);
  const asked = group?.name ?? request.param("group");
  // Rights first: whoever may not look does not learn whether the group exists.
  rights.demand(request.caller, READ_GROUP, `${subscriptionId(subscription)}/resourceGroups/${asked}`);
  if (!group) throw resourceGroupNotFound(asked);
  return groupBody(subscription, group);
}

function tenantBody({ id, name, domain }: SeedTenant) {
  return {
    id: `/tenants/${id}`,
    tenantId: id,
    countryCode: "US",
    displayName: name,
    domains: [domain],
    tenantCategory: "Home",
    defaultDomain: domain,
    tenantType: "AAD",
  };
}

function subscriptionBody(subscription: Subscription, tenant: SeedTenant) {
  return {
    id: subscriptionId(subscription),
    authorizationSource: "RoleBased",
    managedByTenants: [],
    subscriptionId: subscription.id,
    tenantId: tenant.id,
    displayName: subscription.name,
    state: "Enabled",
    subscriptionPolicies: {
      locationPlacementId: "Public_2014-09-01",
      quotaId: "PayAsYouGo_2014-09-01",
      spendingLimit: "Off",
    },
  };
}

function groupBody(subscription: Subscription, group: ResourceGroup) {
  return {
    id: `${subscriptionId(subscription)}/resourceGroups/${group.name}`,
    name: group.name,
    type: "Microsoft.Resources/resourceGroups",
    location: group.location,
    properties: { provisioningState: "Succeeded" },
  };
}
