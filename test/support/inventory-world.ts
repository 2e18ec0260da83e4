/** One inventory over an Azure, a clock and a deadline that a test changes on the way. */
import type { Connector } from "../../shared/connectors/connector.ts";
import { listResources, type ResourcesPage, type ResourcesQuery } from "../../shared/connectors/inventory-answer.ts";
import { createKeepInventory } from "../../shared/connectors/inventory-keep.ts";
import { UpstreamError } from "../../shared/errors.ts";
import { connector, NOW, registerParts, SUBSCRIPTION } from "./fakes.ts";
import { type FakeAccount, inventoryParts, wideView } from "./fakes-inventory.ts";

/** A second subscription, and the id of a second connector. */
export const OTHER = "99999999-0000-4000-8000-000000000000";
/** Accounts of one region. */
export const accounts = (
  count: number,
  containers: FakeAccount["containers"] = ["data"],
  subscription = SUBSCRIPTION,
) =>
  Array.from(
    { length: count },
    (_, at): FakeAccount => ({
      subscription,
      account: `account${String(at).padStart(4, "0")}`,
      containers,
    }),
  );
/** ARM's refusals. */
export const refused = (status: number, retryAfterSeconds: number | null = null) =>
  new UpstreamError("UPSTREAM_REFUSED", "no", {
    retryable: status === 429 || status >= 500,
    retryAfterSeconds,
    failure: { name: "RestError", status, code: "TooManyRequests" },
  });

/** Azure and the clock of one test; both can be changed on the way. */
export function world(seen: readonly FakeAccount[], more: Parameters<typeof wideView>[1] = {}) {
  const azure = { accounts: seen };
  const calls: string[] = [];
  let at = NOW.getTime();
  let deadline = new AbortController();
  const view = wideView(() => azure.accounts, {
    ...more,
    onCall: (text) => {
      calls.push(text);
      return more.onCall?.(text);
    },
  });
  const parts = registerParts(() => view);
  const deps = inventoryParts({ ...parts.deps, now: () => new Date(at) });
  const all = { ...deps, keepInventory: createKeepInventory(deps), timeout: () => deadline.signal };
  const stored = (changes: Partial<Connector> = {}) => {
    const one = connector({ resourceTypes: ["blob-container"], ...changes });
    parts.store.rows.set(one.name, one);
    return one;
  };
  return {
    azure,
    calls,
    deps: all,
    stored,
    pass(milliseconds: number) {
      at += milliseconds;
    },
    newDeadline() {
      deadline = new AbortController();
      return deadline;
    },
    async ask(connectors: readonly Connector[], query: Partial<ResourcesQuery> = {}): Promise<ResourcesPage> {
      const asked = { resourceType: null, isForced: false, after: null, limit: 1_000, ...query };
      return listResources(all, stream(connectors), asked);
    },
  };
}
/** As the store gives them. */
export async function* stream<T>(items: readonly T[]) {
  yield* items;
}
/** `account/container` of those items that are containers. */
export const namesOf = (page: ResourcesPage) =>
  page.items.map(({ resourceId }) => resourceId.replace(/^.*storageAccounts\/(.*)\/blobServices\/.*\/(.*)$/, "$1/$2"));
