/** Purge policies in the table `PurgePolicies`. Implements PurgePolicyStore. */
import type { PurgePolicyStore, StoredPurgePolicy } from "../purge/ports.ts";
import { utc } from "../time.ts";
import { ALL_REGISTRIES, partitionOf, policyKey } from "./purge-keys.ts";
import type { Row, StoredRow, Table } from "./tables.ts";

/** Row keys are names, whose characters all come before this one. */
const END = "\u007f";
/** Most characters of a column. Table Storage takes 64 KiB in UTF-16, so 32,768 of them; the rest is left as a margin. */
const MAX_COLUMN_CHARACTERS = 30_000;

/**
 * @param deps.table opened with STATE_UNAVAILABLE
 * @param deps.newId for each write: by it a write knows its own row, should its reply be lost
 */
export function createPurgePolicyStore(deps: {
  readonly table: Pick<Table, "get" | "insert" | "replace" | "removeIf" | "range" | "scan">;
  readonly now: () => Date;
  readonly newId: () => string;
}): PurgePolicyStore {
  const { table, now, newId } = deps;
  return {
    async find(loginServer, name) {
      const row = await table.get(partitionOf(loginServer), policyKey(name));
      return row === null ? null : fromRow(row);
    },
    async list(loginServer, after, limit) {
      const rows = await table.range({ partitionKey: partitionOf(loginServer), after, before: END, limit });
      return rows.map(fromRow);
    },
    async listDue(at, after, limit) {
      const rows = await table.scan({
        ...ALL_REGISTRIES,
        after: after === null ? null : { partitionKey: partitionOf(after.loginServer), rowKey: policyKey(after.name) },
        // Times are kept in whole seconds: before the next second is not after this one.
        where: [["nextDueAt", "lt", utc(new Date(at.getTime() + 1000))]],
        limit,
      });
      return rows.map(fromRow);
    },
    async write(policy, ifMatch) {
      const row = toRow(policy, utc(now()), newId());
      const etag = ifMatch === null ? await table.insert(row) : await table.replace(row, ifMatch);
      return etag ?? ownWrite(row);
    },
    remove: async (loginServer, name, ifMatch) => table.removeIf(partitionOf(loginServer), policyKey(name), ifMatch),
  };

  /** Refused because somebody was quicker, or because our own write had come through and its reply was lost: the row says which. */
  async function ownWrite(row: Row): Promise<string | null> {
    const stored = await table.get(row.partitionKey, row.rowKey);
    return stored?.writeId === row.writeId ? (stored?.etag ?? null) : null;
  }
}

/** @throws RangeError for a spec that no column takes: whoever saves one must have refused it */
function toRow(policy: Parameters<PurgePolicyStore["write"]>[0], at: string, writeId: string): Row {
  const specJson = JSON.stringify(policy.spec);
  if (specJson.length > MAX_COLUMN_CHARACTERS) throw new RangeError("The policy is too large for a column.");
  return {
    partitionKey: partitionOf(policy.loginServer),
    rowKey: policyKey(policy.name),
    specJson,
    enabled: policy.isEnabled,
    // A column that is not there is before nothing: what is disabled is never due.
    nextDueAt: policy.isEnabled ? (policy.nextDueAt ?? undefined) : undefined,
    updatedBy: policy.updatedBy,
    updatedAt: at,
    writeId,
  };
}

/** A damaged spec is null, which no reader takes for a policy; a damaged time is never due. */
function fromRow(row: StoredRow): StoredPurgePolicy {
  return {
    name: String(row.rowKey),
    loginServer: String(row.partitionKey),
    spec: readJson(row.specJson),
    nextDueAt: typeof row.nextDueAt === "string" ? row.nextDueAt : null,
    updatedBy: typeof row.updatedBy === "string" ? row.updatedBy : "",
    etag: row.etag,
  };
}

function readJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}
