/** One table of the app's state: bounded calls, codes instead of SDK errors, made at the first write. */

import type {
  GetTableEntityResponse,
  TableEntity,
  TableTransactionResponse,
  TransactionAction,
} from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { ownOptions } from "../azure/client-options.ts";
import { callOwn, failureOf } from "../azure/upstream.ts";
import { lazy } from "../lazy.ts";

/** Columns that we write: Table Storage has no null, so an absent value is an absent column. */
export type Row = TableEntity<Record<string, string | number | boolean | undefined>>;
/** A row as it is read, with its ETag. */
export type StoredRow = GetTableEntityResponse<Record<string, unknown>>;

/** One comparison of a column with a text. */
export type Condition = readonly [column: string, operator: "eq" | "ge" | "lt", value: string];
/** One change of a transaction; a replaced row must still be as it was read, a deleted one only be there. */
export type Change =
  | { readonly kind: "insert"; readonly row: Row }
  | { readonly kind: "replace"; readonly row: Row; readonly etag: string }
  | { readonly kind: "delete"; readonly row: RowPlace };
/** Where a row stands. */
export type RowPlace = { readonly partitionKey: string; readonly rowKey: string };

/** Every call: @throws UpstreamError with the code that the table was opened with. */
export type Table = {
  get(partitionKey: string, rowKey: string): Promise<StoredRow | null>;
  /** ETag of the new row; null when a row with these keys is there already. */
  insert(row: Row): Promise<string | null>;
  /** Writes a row whatever is there. */
  put(row: Row): Promise<void>;
  /** All or nothing: 1 to 100 rows of one partition. Their ETags; null when a row is in the way. */
  insertAll(rows: readonly Row[]): Promise<readonly string[] | null>;
  /**
   * All or nothing: 1 to 100 changes of different rows of one partition. Their ETags, empty for a deleted row; null when one of them does not
   * fit what is there: then nothing was changed, or these very changes had been made before their reply was lost.
   */
  change(changes: readonly Change[]): Promise<readonly string[] | null>;
  /** Replaces a row that is still as it was read. Its new ETag; null when it is not. */
  replace(row: Row, etag: string): Promise<string | null>;
  /** Deletes a row that is still as it was read. False when it is not. */
  removeIf(partitionKey: string, rowKey: string, etag: string): Promise<boolean>;
  /** Rows that are not there are no error. */
  remove(partitionKey: string, rowKeys: readonly string[]): Promise<void>;
  /**
   * At most `limit` rows of several partitions, in order of partition and row, behind `after`.
   * @param query.from first partition, `query.to` the first one that is not meant any more
   * @param query.where what columns must be; values may come from a caller, column names never
   * @param query.select the columns that are read, as the service names them; all unless given
   */
  scan(query: {
    from: string;
    to: string;
    after: RowPlace | null;
    where: readonly Condition[];
    limit: number;
    select?: readonly string[];
  }): Promise<StoredRow[]>;
  /** At most `limit` rows with `after` < RowKey < `before`, in order. */
  range(query: { partitionKey: string; after: string; before: string; limit: number }): Promise<StoredRow[]>;
};

/** Opens a table at its first use. @param url of the account's table service */
export function openTable(options: {
  url: string;
  name: string;
  identity: TokenCredential;
  unavailable: "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE";
}): Table {
  const sdk = lazy(() => import("@azure/data-tables"));
  const client = lazy(async () => {
    const { TableClient } = await sdk();
    return new TableClient(options.url, options.name, options.identity, ownOptions(options.url));
  });
  type Client = Awaited<ReturnType<typeof client>>;
  const call = <T>(work: (table: Client, abortSignal: AbortSignal) => Promise<T>) =>
    callOwn(options.unavailable, async (abortSignal) => work(await client(), abortSignal));

  /** A new installation has no tables; once per process, the first write makes sure of its own. */
  const made = lazy(() => call((table, abortSignal) => table.createTable({ abortSignal })));
  const write = async <T>(work: (table: Client, abortSignal: AbortSignal) => Promise<T>) => {
    await made();
    return call(work);
  };

  const query = (
    limit: number,
    conditions: (module: Awaited<ReturnType<typeof sdk>>) => readonly string[],
    columns: readonly string[] = [],
  ) =>
    call(async (table, abortSignal) => {
      const filter = conditions(await sdk()).join(" and ");
      const rows: StoredRow[] = [];
      const pages = table
        .listEntities<Record<string, unknown>>({
          queryOptions: { filter, ...(columns.length === 0 ? {} : { select: [...columns] }) },
          abortSignal,
        })
        .byPage({ maxPageSize: limit });
      const readAll = async () => {
        for await (const page of pages) {
          rows.push(...page);
          if (rows.length >= limit) break;
        }
      };
      // A table that nobody has written to yet is an empty one.
      await orNull([404], readAll());
      return rows.slice(0, limit);
    });

  return {
    get: (partitionKey, rowKey) =>
      call((table, abortSignal) =>
        orNull([404], table.getEntity<Record<string, unknown>>(partitionKey, rowKey, { abortSignal })),
      ),
    insert: (row) =>
      write((table, abortSignal) =>
        orNull(
          [409],
          table.createEntity(row, { abortSignal }).then(({ etag }) => etag ?? ""),
        ),
      ),
    put: (row) => write(async (table, abortSignal) => void (await table.upsertEntity(row, "Replace", { abortSignal }))),
    insertAll: (rows) =>
      write(async (table, abortSignal) => {
        const actions = rows.map((row): TransactionAction => ["create", row]);
        const done = await orNull([409], table.submitTransaction(actions, { abortSignal }));
        return done && etagsOf(done, rows);
      }),
    change: (changes) =>
      write(async (table, abortSignal) => {
        const actions = changes.map(actionOf);
        const done = await orNull([409, ...STALE], table.submitTransaction(actions, { abortSignal }));
        return done && etagsOf(done, changes);
      }),
    replace: (row, etag) =>
      call((table, abortSignal) =>
        orNull(
          STALE,
          table.updateEntity(row, "Replace", { etag, abortSignal }).then(({ etag: next }) => next ?? ""),
        ),
      ),
    removeIf: (partitionKey, rowKey, etag) =>
      call(
        async (table, abortSignal) =>
          (await orNull(STALE, table.deleteEntity(partitionKey, rowKey, { etag, abortSignal }))) !== null,
      ),
    remove: (partitionKey, rowKeys) =>
      call(async (table, abortSignal) => {
        await Promise.all(
          rowKeys.map((rowKey) => orNull([404], table.deleteEntity(partitionKey, rowKey, { abortSignal }))),
        );
      }),
    scan: ({ from, to, after, where, limit, select }) =>
      query(
        limit,
        ({ odata }) => [
          odata`PartitionKey ge ${from}`,
          odata`PartitionKey lt ${to}`,
          ...(after === null
            ? []
            : [
                odata`(PartitionKey gt ${after.partitionKey} or (PartitionKey eq ${after.partitionKey} and RowKey gt ${after.rowKey}))`,
              ]),
          ...where.map(([column, operator, value]) => `${column} ${operator} ${quoted(value)}`),
        ],
        select,
      ),
    range: ({ partitionKey, after, before, limit }) =>
      query(limit, ({ odata }) => [
        odata`PartitionKey eq ${partitionKey}`,
        odata`RowKey gt ${after}`,
        odata`RowKey lt ${before}`,
      ]),
  };
}

function actionOf(change: Change): TransactionAction {
  switch (change.kind) {
    case "insert":
      return ["create", change.row];
    case "replace":
      return ["update", change.row, "Replace", { etag: change.etag }];
    case "delete":
      return ["delete", { ...change.row }];
  }
}

/** By place: only the answer to an insert says which row it is about, so the SDK finds no other by its key. */
function etagsOf({ subResponses }: TableTransactionResponse, changes: readonly unknown[]): readonly string[] {
  return changes.map((_, index) => subResponses[index]?.etag ?? "");
}

/** A row that was changed (412) or deleted (404) since it was read. */
const STALE = [404, 412];

/** The expected refusal as null: a row that is not there (404), in the way (409) or changed (412). */
async function orNull<T>(statuses: readonly number[], work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status === null || !statuses.includes(failure.status)) throw error;
    // Inserting into a table that is being deleted is a 409 too, and a missing table a 404 when written to.
    if (failure.code === "TableBeingDeleted") throw error;
    return null;
  }
}

/** A text in an OData filter: quotes are doubled (OData 4.0 URL conventions, 5.1.1.6.1). */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
