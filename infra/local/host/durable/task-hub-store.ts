/**
 * The task hub in one table, a partition for each instance: `i` is the instance and with its count of history events the
 * commit marker, `h:GENERATION:NUMBER` an event, `m:KEY` a message that waits. Opened by durable-host.ts, used by engine.ts.
 */
import type { TransactionAction } from "@azure/data-tables";
import type { HistoryEvent } from "./history.ts";
import type { InstanceRecord, InstanceState, Message } from "./instance.ts";
import { charactersOf, partitionKeyOf, type Row, rowsOf, valuesOf } from "./rows.ts";

/** Table Storage: changes of one transaction. */
const MAX_CHANGES = 100;
/** Characters of one transaction: quotes are escaped once more on the wire, and that may hold 4 MiB. */
const MAX_CHARACTERS = 1_500_000;

/** An instance as a host that starts finds it. */
export type StoredInstance = InstanceState & { readonly messages: readonly Message[] };

/** What is stored of an instance does not fit together: somebody else wrote or deleted rows of it. */
export class UnreadableInstance extends Error {
  override name = "UnreadableInstance";
}

/** What of a table client the store uses. */
export type HubTable = {
  listEntities(options: { queryOptions: { filter: string } }): AsyncIterable<Record<string, unknown>>;
  /** All or nothing. */
  submitTransaction(actions: TransactionAction[]): Promise<unknown>;
};

/** Every call rejects when the storage account does not answer; then it may have been done all the same. */
export type TaskHubStore = {
  /** Every instance, without its history. */
  list(): Promise<InstanceRecord[]>;
  record(instanceId: string): Promise<InstanceRecord | undefined>;
  /** @throws UnreadableInstance */
  load(instanceId: string): Promise<StoredInstance | undefined>;
  /** Deletes the history of generations before this one. Nothing else may write the instance meanwhile. */
  clean(record: InstanceRecord): Promise<void>;
  /** Makes an instance, whatever is there under its id. */
  create(record: InstanceRecord): Promise<void>;
  /** Writes a message; one with the same key may be there. */
  post(instanceId: string, message: Message): Promise<void>;
  /** One turn, all or nothing. */
  commit(turn: { state: InstanceState; firstNew: number; consumed: readonly Message[] }): Promise<void>;
  /** Deletes all of an instance. */
  purge(instanceId: string): Promise<void>;
};

const historyKey = (generation: number, index: number): string =>
  `h:${String(generation).padStart(8, "0")}:${String(index).padStart(8, "0")}`;
const messageKey = (message: Message): string => `m:${message.key}`;

const upsert = (row: Row): TransactionAction => ["upsert", row, "Replace"];
const remove = ({ partitionKey, rowKey }: Row): TransactionAction => ["delete", { partitionKey, rowKey }];

/** Cuts changes into transactions that the service takes. */
function batches(rows: readonly Row[]): Row[][] {
  const all: Row[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const last = all.at(-1);
    const characters = charactersOf(row);
    if (!last || last.length >= MAX_CHANGES || size + characters > MAX_CHARACTERS) {
      all.push([row]);
      size = characters;
    } else {
      last.push(row);
      size += characters;
    }
  }
  return all;
}

export function openTaskHubStore(table: HubTable): TaskHubStore {
  async function rowsWhere(filter: string): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of table.listEntities({ queryOptions: { filter } })) {
      rows.push({ ...row, partitionKey: String(row.partitionKey), rowKey: String(row.rowKey) });
    }
    return rows;
  }
  // The alphabet of partition keys has no quote.
  const partition = (instanceId: string, from = "", to = "~") =>
    rowsWhere(`PartitionKey eq '${partitionKeyOf(instanceId)}' and RowKey ge '${from}' and RowKey lt '${to}'`);
  const instanceRows = "RowKey ge 'i' and RowKey lt 'j'";

  async function change(actions: TransactionAction[]): Promise<void> {
    if (actions.length > 0) await table.submitTransaction(actions);
  }
  async function removeAll(rows: readonly Row[]): Promise<void> {
    for (let at = 0; at < rows.length; at += MAX_CHANGES) {
      await change(rows.slice(at, at + MAX_CHANGES).map(remove));
    }
  }
  const recordOf = (values: Map<string, unknown>) => values.get("i") as InstanceRecord | undefined;

  return {
    async list() {
      const byPartition = Map.groupBy(await rowsWhere(instanceRows), ({ partitionKey }) => partitionKey);
      return [...byPartition.values()].flatMap((rows) => recordOf(valuesOf(rows)) ?? []);
    },
    async record(instanceId) {
      return recordOf(valuesOf(await partition(instanceId, "i", "j")));
    },
    async load(instanceId) {
      const rows = await partition(instanceId);
      const values = valuesOf(rows);
      const record = recordOf(values);
      if (!record) return undefined;
      const history = Array.from({ length: record.historyCount }, (_, index) => {
        const event = values.get(historyKey(record.generation, index));
        if (event === undefined) {
          throw new UnreadableInstance(`The history of instance ${record.instanceId} lacks its event ${index}.`);
        }
        return event as HistoryEvent;
      });
      const messages = [...values].flatMap(([key, value]) => (key.startsWith("m:") ? [value as Message] : []));
      return { record, history, messages };
    },
    async clean({ instanceId, generation }) {
      await removeAll(await partition(instanceId, "h:", historyKey(generation, 0)));
    },
    async create(record) {
      const old = await partition(record.instanceId);
      // Messages to an older one under this id must not speak to the new one; its history counts until `i` is written.
      await removeAll(old.filter(({ rowKey }) => rowKey.startsWith("m:")));
      await change(rowsOf(partitionKeyOf(record.instanceId), "i", record).map(upsert));
      await removeAll(old.filter(({ rowKey }) => rowKey.startsWith("h:")));
    },
    async post(instanceId, message) {
      await change(rowsOf(partitionKeyOf(instanceId), messageKey(message), message).map(upsert));
    },
    async commit({ state: { record, history }, firstNew, consumed }) {
      const key = partitionKeyOf(record.instanceId);
      const events = history
        .slice(firstNew)
        .flatMap((event, n) => rowsOf(key, historyKey(record.generation, firstNew + n), event));
      const own = rowsOf(key, "i", record);
      const read = consumed.flatMap((message) => rowsOf(key, messageKey(message), message));
      const rows = [...events, ...own];
      const size = rows.reduce((sum, row) => sum + charactersOf(row), 0);
      const last = [...own.map(upsert), ...read.map(remove)];
      if (events.length + last.length <= MAX_CHANGES && size <= MAX_CHARACTERS) {
        await change([...events.map(upsert), ...last]);
        return;
      }
      // The history first: until `i` is written too, nobody looks at it.
      for (const batch of batches(events)) await change(batch.map(upsert));
      await change(last);
    },
    async purge(instanceId) {
      const rows = await partition(instanceId);
      // `i` goes first: without it there is no instance.
      const first = rows.filter(({ rowKey }) => rowKey.startsWith("i"));
      await removeAll(first);
      await removeAll(rows.filter((row) => !first.includes(row)));
    },
  };
}
