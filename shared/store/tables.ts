/** One table of the app's state: bounded calls, codes instead of SDK errors, made at the first write. */

import type { GetTableEntityResponse, TableEntity, TransactionAction } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { CLIENT_OPTIONS } from "../azure/client-options.ts";
import { callOwn, failureOf } from "../azure/upstream.ts";
import { lazy } from "../lazy.ts";

/** Columns that we write: Table Storage has no null, so an absent value is an absent column. */
export type Row = TableEntity<Record<string, string | number | boolean | undefined>>;
/** A row as it is read, with its ETag. */
export type StoredRow = GetTableEntityResponse<Record<string, unknown>>;

/** Every call: @throws UpstreamError with the code that the table was opened with. */
export type Table = {
  get(partitionKey: string, rowKey: string): Promise<StoredRow | null>;
  /** ETag of the new row; null when a row with these keys is there already. */
  insert(row: Row): Promise<string | null>;
  /** All or nothing: 1 to 100 rows of one partition. Their ETags; null when a row is in the way. */
  insertAll(rows: readonly Row[]): Promise<readonly string[] | null>;
  /** Rows that are not there are no error. */
  remove(partitionKey: string, rowKeys: readonly string[]): Promise<void>;
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
    return new TableClient(options.url, options.name, options.identity, CLIENT_OPTIONS);
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

  return {
    get: (partitionKey, rowKey) =>
      call((table, abortSignal) =>
        orNull(404, table.getEntity<Record<string, unknown>>(partitionKey, rowKey, { abortSignal })),
      ),
    insert: (row) =>
      write((table, abortSignal) =>
        orNull(
          409,
          table.createEntity(row, { abortSignal }).then(({ etag }) => etag ?? ""),
        ),
      ),
    insertAll: (rows) =>
      write(async (table, abortSignal) => {
        const actions = rows.map((row): TransactionAction => ["create", row]);
        const done = await orNull(409, table.submitTransaction(actions, { abortSignal }));
        return done && rows.map(({ rowKey }) => done.getResponseForEntity(rowKey)?.etag ?? "");
      }),
    remove: (partitionKey, rowKeys) =>
      call(async (table, abortSignal) => {
        await Promise.all(
          rowKeys.map((rowKey) => orNull(404, table.deleteEntity(partitionKey, rowKey, { abortSignal }))),
        );
      }),
    range: ({ partitionKey, after, before, limit }) =>
      call(async (table, abortSignal) => {
        const { odata } = await sdk();
        const filter = odata`PartitionKey eq ${partitionKey} and RowKey gt ${after} and RowKey lt ${before}`;
        const rows: StoredRow[] = [];
        const pages = table
          .listEntities<Record<string, unknown>>({ queryOptions: { filter }, abortSignal })
          .byPage({ maxPageSize: limit });
        const readAll = async () => {
          for await (const page of pages) {
            rows.push(...page);
            if (rows.length >= limit) break;
          }
        };
        // A table that nobody has written to yet is an empty one.
        await orNull(404, readAll());
        return rows.slice(0, limit);
      }),
  };
}

/** The expected refusal as null: a row that is not there (404) or in the way (409). */
async function orNull<T>(status: 404 | 409, work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status !== status) throw error;
    // Inserting into a table that is being deleted is a 409 too, and a missing table a 404 when written to.
    if (failure.code === "TableBeingDeleted") throw error;
    return null;
  }
}
