/** Looks into the service's own state as the service itself: tables, blobs, key vault. For e2e tests. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TableClient, TableServiceClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { BlobServiceClient } from "@azure/storage-blob";
import { z } from "zod";
import { applicationOf } from "./api.ts";
import type { System } from "./system.ts";

const TABLES = "https://latchkeystate.table.core.windows.net";
const BLOBS = "https://latchkeystate.blob.core.windows.net";
const VAULT = "https://latchkey-vault.vault.azure.net";

const vaultState = z.object({ secrets: z.array(z.object({ name: z.string(), deleted: z.unknown().optional() })) });

/** A row of any table. */
export type StateRow = {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly [column: string]: unknown;
};
/** Everything that the service keeps, except the values in the vault. */
export type State = {
  /** Rows by table. */
  readonly tables: Readonly<Record<string, readonly StateRow[]>>;
  /** ETags by `container/name`; without the seals of the audit trail, which come with time and not with calls. */
  readonly blobs: Readonly<Record<string, string>>;
  /** Names of the secrets in the vault, deleted ones left out. */
  readonly secretNames: readonly string[];
};

/** Reads the state of a system that this process has entered. */
export type StateAccount = {
  read(): Promise<State>;
  /** Rows of one table; none when the table is not there. */
  rows(table: string): Promise<readonly StateRow[]>;
  /** Text of a blob. */
  blob(container: string, name: string): Promise<string>;
  secretOf(name: string): Promise<string | undefined>;
};

/** Make it after entering the system: SDK clients look for their proxy when they are made. */
export function openStateAccount(system: System): StateAccount {
  const { clientId, secret } = applicationOf(system, "latchkey-service");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const vault = new SecretClient(VAULT, identity);

  const blobs = new BlobServiceClient(BLOBS, identity);
  const clients = new Map<string, TableClient>();
  const rowsOf = async (table: string) => {
    const client = clients.get(table) ?? new TableClient(TABLES, table, identity);
    clients.set(table, client);
    const rows: StateRow[] = [];
    for await (const row of client.listEntities()) {
      rows.push({ ...row, partitionKey: row.partitionKey ?? "", rowKey: row.rowKey ?? "" });
    }
    return rows;
  };
  const service = new TableServiceClient(TABLES, identity);
  const tableNames = async () => {
    const names: string[] = [];
    for await (const { name = "" } of service.listTables()) names.push(name);
    return names;
  };
  const readTables = async () => {
    const names = await tableNames();
    const tables = await Promise.all(names.map(async (name) => [name, await rowsOf(name)] as const));
    return Object.fromEntries(tables);
  };
  const readBlobs = async () => {
    const etags: Record<string, string> = {};
    for await (const { name: container } of blobs.listContainers()) {
      if (container === "audit-seals") continue;
      for await (const { name, properties } of blobs.getContainerClient(container).listBlobsFlat()) {
        etags[`${container}/${name}`] = properties.etag;
      }
    }
    return etags;
  };
  const readSecretNames = async () => {
    // The emulated vault lists nothing, as the service never does: this is its state document.
    const file = join(system.stateDir, "state", "key-vault-latchkey-vault.json");
    const { secrets } = vaultState.parse(JSON.parse(await readFile(file, "utf8")));
    return secrets.filter(({ deleted }) => deleted === undefined).map(({ name }) => name);
  };

  return {
    async read() {
      const [tables, etags, names] = await Promise.all([readTables(), readBlobs(), readSecretNames()]);
      return { tables, blobs: etags, secretNames: names.sort() };
    },
    rows: async (table) => ((await tableNames()).includes(table) ? rowsOf(table) : []),
    blob: async (container, name) =>
      (await blobs.getContainerClient(container).getBlobClient(name).downloadToBuffer()).toString("utf8"),
    secretOf: async (name) => (await vault.getSecret(name)).value,
  };
}
