/** What a process knows of connectors, their secrets, containers and subscriptions for a while, so that a warm issue reads nothing. Wired by functions/main.ts. */
import { createCache } from "../cache.ts";
import type { Cluster, ConnectorStore, OpenAzure, Registry, SecretStore, Subscription } from "./ports.ts";
import type { BlobContainerId } from "./resource-name.ts";
import { blobContainerArmId } from "./resource-name.ts";
import { type ResolveSubscription, resolveSubscription } from "./subscription.ts";

/** A change of a connector holds everywhere after this. */
const RECORD_MAX_AGE_MS = 10_000;
/** A container that was deleted is lent for at most this long: its SAS then meets a 404. */
const CONTAINER_MAX_AGE_MS = 5 * 60_000;
/** As a container: a name that was changed, or has become ambiguous, means what it meant for at most this long. */
const SUBSCRIPTION_MAX_AGE_MS = 5 * 60_000;
/** A secret that was disabled or deleted signs in for at most this long. Its version never has another value. */
const SECRET_MAX_AGE_MS = 60_000;
/** Connectors, their secrets and containers that are kept, at about a kilobyte each. */
const MAX_CONNECTORS = 1_000;
const MAX_SUBSCRIPTIONS = 1_000;
const MAX_CONTAINERS = 10_000;
/** Registries and clusters as ARM describes them, by resource group: their modes may change. */
const PLACE_MAX_AGE_MS = 60_000;
const MAX_PLACES = 1_000;

/** Finds connectors and opens Azure as its parts do, with fewer calls. Limits of connectors are checked every time. */
export function createKnown(deps: {
  store: Pick<ConnectorStore, "find">;
  secrets: SecretStore;
  openAzure: OpenAzure;
  now: () => Date;
}): {
  readonly store: Pick<ConnectorStore, "find">;
  readonly secrets: SecretStore;
  readonly openAzure: OpenAzure;
  /** Keeps nothing: for what is missing in what is kept. */
  readonly openAzureAnew: OpenAzure;
  readonly resolveSubscription: ResolveSubscription;
} {
  const { store, secrets, openAzure, now } = deps;
  type Found = NonNullable<Awaited<ReturnType<ConnectorStore["find"]>>>;
  const records = createCache<Found>({ maxAgeMs: RECORD_MAX_AGE_MS, maxEntries: MAX_CONNECTORS, now });
  const containers = createCache<BlobContainerId>({ maxAgeMs: CONTAINER_MAX_AGE_MS, maxEntries: MAX_CONTAINERS, now });
  const values = createCache<string>({ maxAgeMs: SECRET_MAX_AGE_MS, maxEntries: MAX_CONNECTORS, now });
  const subscriptions = createCache<Subscription>({
    maxAgeMs: SUBSCRIPTION_MAX_AGE_MS,
    maxEntries: MAX_SUBSCRIPTIONS,
    now,
  });
  const registries = createCache<readonly Registry[]>({ maxAgeMs: PLACE_MAX_AGE_MS, maxEntries: MAX_PLACES, now });
  const clusters = createCache<readonly Cluster[]>({ maxAgeMs: PLACE_MAX_AGE_MS, maxEntries: MAX_PLACES, now });
  return {
    secrets: {
      ...secrets,
      async get(name, version) {
        const read = () => secrets.get(name, version);
        return (await values(JSON.stringify([name, version]), read)) ?? read();
      },
    },
    async resolveSubscription(signIn, limits, text) {
      const resolve = () => resolveSubscription(openAzure(signIn), limits, text);
      if (signIn.key === null) return resolve();
      // The limits are a part of the key: what was found within others is not known.
      return (await subscriptions(JSON.stringify([signIn.key, limits, text]), resolve)) ?? resolve();
    },
    store: { find: (nameOrId) => records(nameOrId, () => store.find(nameOrId)) },
    openAzureAnew: openAzure,
    openAzure(signIn) {
      const view = openAzure(signIn);
      if (signIn.key === null) return view;
      return {
        ...view,
        registries: async (...place) =>
          (await registries(JSON.stringify([signIn.key, place]), () => someOf(view.registries(...place)))) ?? [],
        clusters: async (...place) =>
          (await clusters(JSON.stringify([signIn.key, place]), () => someOf(view.clusters(...place)))) ?? [],
        // The key of a sign-in has the connector and the version of its secret in it.
        container: (id) =>
          containers(JSON.stringify([signIn.key, blobContainerArmId(id).toLowerCase()]), () => view.container(id)),
      };
    },
  };
}

/** An empty place is looked at anew: what is made now must be seen by the next call. */
async function someOf<T>(list: Promise<readonly T[]>): Promise<readonly T[] | null> {
  const found = await list;
  return found.length === 0 ? null : found;
}
