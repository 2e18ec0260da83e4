/** Managed identities that a connector sees, to be found by the beginning of their names. Used by functions/identities.ts. */
import pMap from "p-map";
import { DeniedError, InputError, LatchkeyError, UpstreamError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { armIdOf, IDENTITY_TYPE } from "./arm-id.ts";
import type { Connector } from "./connector.ts";
import { refuseUnusable } from "./connector-life.ts";
import type { Unread } from "./found.ts";
import { LISTING_TIME_MS } from "./inventory-answer.ts";
import { listConnectors } from "./list.ts";
import type { ConnectorStore, Identity } from "./ports.ts";
import { sameText } from "./resource-name.ts";
import { findConnector, signInOf, type UseDeps } from "./use.ts";
import { placesWithin } from "./within.ts";

/** Listing calls under way at once. */
const LIST_CONCURRENCY = 8;
/** Connectors that one answer looks through: each signs in and lists its subscriptions, and a caller waits. */
const MAX_CONNECTORS = 40;
/** Of those, at once. */
const CONNECTORS_AT_ONCE = 4;

/** What listing needs. */
export type IdentitiesDeps = Pick<UseDeps, "secrets" | "openAzure" | "now"> & {
  readonly store: Pick<ConnectorStore, "find" | "list">;
};
/** What narrows the list; both are compared without case. */
export type IdentityFilter = { readonly resourceGroup: string | null; readonly prefix: string };

/** The canonical id, in ARM's own words. */
export function identityArmId({ subscriptionId, resourceGroup, identity }: Identity): string {
  return armIdOf(IDENTITY_TYPE, { subscriptionId, resourceGroup, name: identity });
}

/** What was found, in no order, and what could not be looked at, by connector. */
export type FoundIdentities = {
  readonly identities: readonly Identity[];
  readonly unread: readonly (Unread & { readonly connector: string })[];
};

/**
 * The identities within a connector's limits. One subscription that cannot be read does not hide the others.
 * @throws NotFoundError NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED, DeniedError DENIED (outside the
 * limits), InputError SIGN_IN_FAILED, UpstreamError when nothing at all could be listed
 */
export async function findIdentities(
  deps: IdentitiesDeps,
  nameOrId: string,
  filter: IdentityFilter,
): Promise<FoundIdentities> {
  const { connector } = await findConnector(deps.store, nameOrId);
  refuseUnusable(connector, deps.now());
  if (!mayHold(connector, filter)) {
    throw new DeniedError(
      "DENIED",
      "These identities are outside the limits of the connector. Use a connector without a storage account or single resource, and of no other resource group.",
    );
  }
  return identitiesOf(deps, connector, filter);
}

/**
 * The identities within the limits of all connectors that the caller sees and that may be used now, each once. One
 * connector that fails does not hide the others.
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export async function findAllIdentities(
  deps: IdentitiesDeps,
  by: Principal,
  filter: IdentityFilter,
): Promise<FoundIdentities> {
  const until = deps.now().getTime() + LISTING_TIME_MS;
  const { connectors, more } = await usableConnectors(deps, by, filter);
  const all = await pMap(
    connectors,
    async (connector): Promise<FoundIdentities> => {
      const failed = (error: LatchkeyError) => {
        const where = `what ${connector.name} sees`;
        return { identities: [], unread: [{ connector: connector.name, where, error }] };
      };
      if (deps.now().getTime() >= until) return failed(tooLate());
      try {
        return await identitiesOf(deps, connector, filter);
      } catch (error) {
        if (!(error instanceof LatchkeyError) || error.code === "STATE_UNAVAILABLE") throw error;
        return failed(error);
      }
    },
    { concurrency: CONNECTORS_AT_ONCE },
  );
  // Connectors often see the same subscriptions.
  const each = new Map(
    all.flatMap(({ identities }) => identities.map((identity) => [identityArmId(identity).toLowerCase(), identity])),
  );
  const left =
    more === null ? [] : [{ connector: more, where: `connectors from ${more} on`, error: tooManyConnectors() }];
  return { identities: [...each.values()], unread: [...all.flatMap(({ unread }) => unread), ...left] };
}

/** Those that may hold what is asked for, by name; `more`: the first of those that are too many. */
async function usableConnectors({ store, now }: IdentitiesDeps, by: Principal, filter: IdentityFilter) {
  const connectors: Connector[] = [];
  const any = { name: null, resourceType: null, label: null, owner: null };
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof listConnectors>> = await listConnectors(
      store,
      by,
      any,
      after,
      MAX_CONNECTORS,
    );
    for (const connector of page.items) {
      if (!isUsable(connector, now()) || !mayHold(connector, filter)) continue;
      if (connectors.length === MAX_CONNECTORS) return { connectors, more: connector.name };
      connectors.push(connector);
    }
    after = page.next;
  } while (after !== null);
  return { connectors, more: null };
}

function isUsable(connector: Connector, now: Date): boolean {
  try {
    refuseUnusable(connector, now);
    return true;
  } catch {
    return false;
  }
}

/** Whether the limits leave any identity of the group that is asked for. */
function mayHold({ configuration, resourceId }: Connector, { resourceGroup }: IdentityFilter): boolean {
  const own = configuration.resourceGroup;
  if (resourceId !== null || configuration.storageAccount !== null) return false;
  return resourceGroup === null || own === null || sameText(resourceGroup, own);
}

async function identitiesOf(
  deps: IdentitiesDeps,
  connector: Connector,
  { resourceGroup, prefix }: IdentityFilter,
): Promise<FoundIdentities> {
  const view = deps.openAzure(signInOf(deps.secrets, connector));
  const places = await placesWithin(view, connector, IDENTITY_TYPE);
  const unread: FoundIdentities["unread"][number][] = [];
  const start = prefix.toLowerCase();
  const read = async ({ subscriptionId }: { subscriptionId: string }): Promise<readonly Identity[]> => {
    try {
      const found = await view.identities(subscriptionId, resourceGroup ?? connector.configuration.resourceGroup);
      return found.filter(({ identity }) => identity.toLowerCase().startsWith(start));
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      unread.push({ connector: connector.name, where: `subscription ${subscriptionId}`, error });
      return [];
    }
  };
  const identities = (await pMap(places, read, { concurrency: LIST_CONCURRENCY })).flat();
  const [first] = unread;
  if (first !== undefined && unread.length === places.length) throw first.error;
  return { identities, unread };
}

function tooLate(): UpstreamError {
  return new UpstreamError("UPSTREAM_TIMEOUT", "There was no time left for it. Name the connector, or ask again.", {
    retryable: true,
  });
}

function tooManyConnectors(): InputError {
  return new InputError(
    "INVALID_REQUEST",
    `One answer looks through ${MAX_CONNECTORS} connectors. Name the connector for what the others see.`,
  );
}
