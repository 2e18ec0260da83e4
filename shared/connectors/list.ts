/** Lists the connectors that a caller sees, by name, as far as they fit what is asked for. */
import type { Principal } from "../principal.ts";
import type { Connector } from "./connector.ts";
import type { ConnectorStore } from "./ports.ts";
import type { ResourceType } from "./resource-type.ts";
import { resourceTypesOf } from "./resource-types.ts";
import { maySee } from "./visible.ts";

/** Records read at once. */
const PAGE = 200;
/** Records that one call looks at: a longer list goes on with the next page. */
const MAX_READ = 2_000;

/** What is asked for; null = any. */
export type ConnectorFilter = {
  readonly name: string | null;
  readonly resourceType: ResourceType | null;
  /** `key` or `key=value`. */
  readonly label: string | null;
  readonly owner: string | null;
};

/** One page; `next` is the name behind which it goes on, null at the end. A page may be shorter than its limit, or empty. */
export type ConnectorPage = { readonly items: readonly Connector[]; readonly next: string | null };

/** @throws UpstreamError STATE_UNAVAILABLE */
export async function listConnectors(
  store: Pick<ConnectorStore, "list">,
  by: Principal,
  filter: ConnectorFilter,
  after: string | null,
  limit: number,
): Promise<ConnectorPage> {
  const items: Connector[] = [];
  let last = after;
  for (let read = 0; read < MAX_READ; ) {
    const page = await store.list(last, PAGE);
    for (const connector of page) {
      if (items.length === limit) return { items, next: last };
      last = connector.name;
      if (maySee(connector, by) && fits(connector, filter)) items.push(connector);
    }
    read += page.length;
    if (page.length < PAGE) return { items, next: null };
  }
  return { items, next: last };
}

function fits(connector: Connector, { name, resourceType, label, owner }: ConnectorFilter): boolean {
  if (name !== null && connector.name !== name) return false;
  if (owner !== null && connector.owner !== owner) return false;
  if (resourceType !== null && !resourceTypesOf(connector).includes(resourceType)) return false;
  if (label === null) return true;
  const [key = "", value] = splitOnce(label);
  const held = Object.entries(connector.labels).find(([own]) => own === key)?.[1];
  return held !== undefined && (value === undefined || held === value);
}

function splitOnce(label: string): readonly [string, string?] {
  const at = label.indexOf("=");
  return at < 0 ? [label] : [label.slice(0, at), label.slice(at + 1)];
}
