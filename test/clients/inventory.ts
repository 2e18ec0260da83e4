/** What the app's inventory lists for an application of the seed, to be compared with other tools. Called by test/clients. */
import { applicationOf, type ClientSystem } from "./client-system.ts";
import { callApi } from "./lending.ts";

/**
 * Registers the application as a connector, limited to a subscription, and lists all that it reaches.
 * @param subscription display name in the seed
 * @returns the ids of one type in lower case, in order: ARM compares them so
 * @throws Error when anything is refused, or the list is not whole
 */
export async function openInventory(
  system: ClientSystem,
  token: string,
  application: string,
  subscription: string,
): Promise<(resourceType: string) => Promise<readonly string[]>> {
  const { clientId, secret } = applicationOf(system.seed, application);
  const subscriptionId = system.seed.subscriptions.find(({ name }) => name === subscription)?.id;
  const name = `inventory-${application}`;
  const made = await callApi(system, token, "connectors", {
    name,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId, subscriptionId },
    secrets: { clientSecret: secret },
  });
  if (made.status !== 201) throw new Error(`status ${made.status}: ${made.text}`);
  return async (resourceType) => {
    const path = `connectors/${name}/resources?resourceType=${resourceType}&limit=500`;
    const { json, text } = await callApi(system, token, path);
    const { items, pending, continuationToken } = Object(json);
    const isWhole = Array.isArray(pending) && pending.length === 0 && continuationToken === null;
    if (!isWhole || !Array.isArray(items)) throw new Error(`not a whole list: ${text}`);
    return idsOf(items, "resourceId");
  };
}

/** One member of each item of a list, as ids. */
export function idsOf(list: unknown, member: string): readonly string[] {
  if (!Array.isArray(list)) throw new Error("not a list");
  return list.map((item) => String(Reflect.get(Object(item), member)).toLowerCase()).toSorted();
}
