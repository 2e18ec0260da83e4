/** Keeps the inventory of a connector and type fresh: lists what is due, joins what others found meanwhile. Used by inventory-answer.ts. */
import { sha256 } from "../ids.ts";
import type { Connector } from "./connector.ts";
import type { Reach } from "./found.ts";
import { type InventoryIndex, isDue, mergeIndexes } from "./inventory-index.ts";
import { refreshInventory } from "./inventory-refresh.ts";
import { createSegmentWriter } from "./inventory-segments.ts";
import type { InventoryName, InventoryStore } from "./inventory-store.ts";
import { type ListBudget, withinBudget } from "./list-budget.ts";
import type { ConnectorStore } from "./ports.ts";
import type { ResourceType } from "./resource-type.ts";
import { signInOf, type UseDeps } from "./use.ts";

/** Tries to write a summary while other processes write theirs. */
const MAX_WRITES = 5;
/** Milliseconds for which a segment is kept that no summary names: longer than any refresh, and than the reading of a page. */
const UNUSED_KEPT_MS = 10 * 60_000;

/** What the inventory needs. */
export type InventoryDeps = Pick<UseDeps, "secrets" | "openAzure" | "ownAccounts" | "ownVaults" | "now"> & {
  readonly store: Pick<ConnectorStore, "find">;
  readonly inventories: InventoryStore;
  /** The same that counts the lists of `openAzure`. */
  readonly budget: ListBudget;
  readonly newId: () => string;
};

/** Gives what is known, listed anew as far as it is due. */
export type KeepInventory = (
  connector: Connector,
  resourceType: ResourceType,
  how: { readonly isForced: boolean; readonly deadline: AbortSignal },
) => Promise<InventoryIndex>;

/** What is known under the connector's present limits and sign-in; null when nothing is. */
export async function knownInventory(
  deps: Pick<InventoryDeps, "inventories" | "ownAccounts" | "ownVaults">,
  connector: Connector,
  resourceType: ResourceType,
): Promise<InventoryIndex | null> {
  const stored = await deps.inventories.readIndex({ connectorId: connector.id, resourceType });
  return stored?.index.basis === basisOf(deps, connector) ? stored.index : null;
}

/**
 * One refresh at a time of a connector and type in this process: who asks meanwhile gets what it finds.
 * Its calls: @throws InputError SIGN_IN_FAILED, UpstreamError STATE_UNAVAILABLE VAULT_UNAVAILABLE
 */
export function createKeepInventory(deps: InventoryDeps): KeepInventory {
  const running = new Map<string, Promise<InventoryIndex>>();
  return (connector, resourceType, how) => {
    const key = `${connector.id} ${basisOf(deps, connector)} ${resourceType}`;
    const joined = running.get(key);
    if (joined !== undefined) return joined;
    const work = keep(deps, connector, resourceType, how).finally(() => running.delete(key));
    running.set(key, work);
    return work;
  };
}

async function keep(
  deps: InventoryDeps,
  connector: Connector,
  resourceType: ResourceType,
  { isForced, deadline }: { readonly isForced: boolean; readonly deadline: AbortSignal },
): Promise<InventoryIndex> {
  const { inventories, now, newId } = deps;
  const name = { connectorId: connector.id, resourceType };
  const basis = basisOf(deps, connector);
  const known = await knownInventory(deps, connector, resourceType);
  if (known !== null && !isForced && !known.sections.some((section) => isDue(section, now()))) return known;
  const write = (segment: string, parts: Parameters<InventoryStore["writeSegment"]>[2]) =>
    inventories.writeSegment(name, segment, parts);
  const { index, isChanged } = await refreshInventory(
    {
      view: withinBudget(deps.openAzure(signInOf(deps.secrets, connector)), deps.budget),
      reach: reachOf(deps, connector),
      writer: createSegmentWriter({ write, newId }),
      now,
      deadline,
    },
    resourceType,
    basis,
    known,
    isForced,
  );
  if (!isChanged) return index;
  const written = await writeMerged(inventories, name, index);
  const used = new Set(written.sections.flatMap(({ chunks }) => chunks.map(({ segment }) => segment)));
  await inventories.removeUnused(name, used, new Date(now().getTime() - UNUSED_KEPT_MS));
  // Removed meanwhile: what was just written would stay for ever.
  if ((await deps.store.find(connector.id)) === null) await inventories.remove(connector.id);
  return written;
}

/** Under contention nothing is lost: what others read later is taken over, and the last to give up leaves theirs. */
async function writeMerged(
  inventories: InventoryStore,
  name: InventoryName,
  index: InventoryIndex,
): Promise<InventoryIndex> {
  let merged = index;
  for (let writes = 0; writes < MAX_WRITES; writes++) {
    const stored = await inventories.readIndex(name);
    merged = stored === null ? index : mergeIndexes(stored.index, index);
    if (await inventories.writeIndex(name, merged, stored?.etag ?? null)) break;
  }
  return merged;
}

function reachOf(
  { ownAccounts, ownVaults }: Pick<InventoryDeps, "ownAccounts" | "ownVaults">,
  connector: Connector,
): Reach {
  const { configuration, resourceId, cloud } = connector;
  return { configuration, resourceId, cloud, ownAccounts, ownVaults };
}

/** Changes with everything that decides what is seen, and with whose eyes. */
function basisOf(deps: Pick<InventoryDeps, "ownAccounts" | "ownVaults">, connector: Connector): string {
  const { authMethod, secret } = connector;
  return sha256(JSON.stringify([reachOf(deps, connector), authMethod, secret?.name, secret?.version])).slice(0, 32);
}
