/** Things in every store of the local Azure, to look for after a restart: clients for them and how they are written. */
import { TableClient } from "@azure/data-tables";
import { SecretClient } from "@azure/keyvault-secrets";
import { BlobServiceClient } from "@azure/storage-blob";
import { credentialOf } from "./application-tokens.ts";
import type { LocalAzure } from "./local-azure.ts";

/** Clients of a local Azure that this process has entered. */
export function keptIn(azure: LocalAzure) {
  const credential = credentialOf(azure, "latchkey-service");
  const blobs = new BlobServiceClient("https://latchkeystate.blob.core.windows.net", credential);
  return {
    secrets: new SecretClient("https://latchkey-vault.vault.azure.net", credential),
    container: blobs.getContainerClient("kept"),
    table: new TableClient("https://latchkeystate.table.core.windows.net", "Kept", credential),
  };
}

/** Writes the blob `kept.txt` and the row `c`, `n~kept`. @returns the ETag of the blob */
export async function writeKept({ container, table }: ReturnType<typeof keptIn>): Promise<string> {
  await container.create();
  await table.createTable();
  await table.createEntity({ partitionKey: "c", rowKey: "n~kept", state: "healthy" });
  return (await container.getBlockBlobClient("kept.txt").upload("kept", 4)).etag ?? "";
}
