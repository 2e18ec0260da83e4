/** What a process knows of connectors and containers for a while, so that a warm issue reads nothing. Wired by functions/main.ts. */
import { createCache } from "../cache.ts";
import type { ConnectorStore, OpenAzure } from "./ports.ts";
import type { BlobContainerId } from "./resource-name.ts";
import { blobContainerArmId } from "./resource-name.ts";

/** A change of a connector holds everywhere after this. */
const RECORD_MAX_AGE_MS = 10_000;
/** A container that was deleted is lent for at most this long: its SAS then meets a 404. */
const CONTAINER_MAX_AGE_MS = 5 * 60_000;
/** Connectors and containers that are kept, at about a kilobyte each. */
const MAX_CONNECTORS = 1_000;
const MAX_CONTAINERS = 10_000;

/** Finds connectors and opens Azure as its parts do, with fewer calls. Limits of connectors are checked by the caller, every time. */
export function createKnown(deps: { store: Pick<ConnectorStore, "find">; openAzure: OpenAzure; now: () => Date }): {
  readonly store: Pick<ConnectorStore, "find">;
  readonly openAzure: OpenAzure;
} {
  const { store, openAzure, now } = deps;
  type Found = NonNullable<Awaited<ReturnType<ConnectorStore["find"]>>>;
  const records = createCache<Found>({ maxAgeMs: RECORD_MAX_AGE_MS, maxEntries: MAX_CONNECTORS, now });
  const containers = createCache<BlobContainerId>({ maxAgeMs: CONTAINER_MAX_AGE_MS, maxEntries: MAX_CONTAINERS, now });
  return {
    store: { find: (nameOrId) => records(nameOrId, () => store.find(nameOrId)) },
    openAzure(signIn) {
      const view = openAzure(signIn);
      if (signIn.key === null) return view;
      return {
        ...view,
        // The key of a sign-in has the connector and the version of its secret in it.
        container: (id) =>
          containers(JSON.stringify([signIn.key, blobContainerArmId(id).toLowerCase()]), () => view.container(id)),
      };
    },
  };
}
