/** Looks into the service's own state as the service itself: tables, blobs, key vault. For e2e tests. */
import { TableClient, TableServiceClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { BlobServiceClient } from "@azure/storage-blob";
import { applicationOf } from "./api.ts";
import type { System } from "./system.ts";

const TABLES = "https://latchkeystate.table.core.windows.net";
const BLOBS = "https://latchkeystate.blob.core.windows.net";
const VAULT = "https://latchkey-vault.vault.azure.net";

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
  /** Contents by `container/name`. */
  readonly blobs: Readonly<Record<string, string>>;
  /** Names of the secrets in the vault, deleted ones left out. */
  readonly secretNames: readonly string[];
};

/** Reads the state of a system that this process has entered. */
export type StateAccount = {
  read(): Promise<State>;
  /** Rows of one table; none when the table is not there. */
  rows(table: string): Promise<readonly StateRow[]>;
  secretOf(name: string): Promise<string | undefined>;
};

/** Make it after entering the system: SDK clients look for their proxy when they are made. */
export function openStateAccount(system: System): StateAccount {
  const { clientId, secret } = applicationOf(system, "latchkey-service");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const vault = new SecretClient(VAULT, identity);

  const tableNames = async () => {
    const names: string[] = [];
    for await (const { name = "" } of new TableServiceClient(TABLES, identity).listTables()) names.push(name);
    return names;
  };
  const rows = async (table: string) => {
    const found: StateRow[] = [];
    if (!(await tableNames()).includes(table)) return found;
    for await (const row of new TableClient(TABLES, table, identity).listEntities()) {
      found.push({ ...row, partitionKey: row.partitionKey ?? "", rowKey: row.rowKey ?? "" });
    }
    return found;
  };
  const blobs = async () => {
    const contents: Record<string, string> = {};
    const service = new BlobServiceClient(BLOBS, identity);
    for await (const { name: container } of service.listContainers()) {
      const client = service.getContainerClient(container);
      for await (const { name } of client.listBlobsFlat()) {
        contents[`${container}/${name}`] = (await client.getBlobClient(name).downloadToBuffer()).toString("utf8");
      }
    }
    return contents;
  };
  return {
    rows,
    async read() {
      const tables: Record<string, readonly StateRow[]> = {};
      for (const name of await tableNames()) tables[name] = await rows(name);
      const secretNames: string[] = [];
      for await (const { name } of vault.listPropertiesOfSecrets()) secretNames.push(name);
      return { tables, blobs: await blobs(), secretNames: secretNames.sort() };
    },
    secretOf: async (name) => (await vault.getSecret(name)).value,
  };
}
