/** The table of the task hub in the host's own storage account. Called by durable-host.ts. */
import type { TableClient } from "@azure/data-tables";

/** Characters of a table name, of which `Durable` takes seven. */
const MAX_HUB = 45;

/** The app's settings do not allow durable functions; the message says which and why. */
export class DurableSettingsError extends Error {
  override name = "DurableSettingsError";
}

/** Name of the task hub: host.json, else the name of the site, else the extension's own. @throws DurableSettingsError */
export function hubName(configured: unknown, siteName: string | undefined): string {
  const fromSite = siteName?.replace(/[^A-Za-z0-9]/g, "").slice(0, MAX_HUB);
  const name = typeof configured === "string" && configured !== "" ? configured : fromSite || "TestHubName";
  if (/^[A-Za-z][A-Za-z0-9]{2,44}$/.test(name)) return name;
  throw new DurableSettingsError(
    `extensions.durableTask.hubName "${name}": a letter, then letters and digits, 3 to ${MAX_HUB} in all.`,
  );
}

/**
 * Opens the table, and makes it if need be.
 * @param connection value of AzureWebJobsStorage
 * @throws DurableSettingsError without a connection string
 */
export async function connectTable(connection: string | undefined, hub: string): Promise<TableClient> {
  if (!connection) throw new DurableSettingsError("Durable functions need a connection string in AzureWebJobsStorage.");
  // Azurite alone, as tests run it, has no TLS.
  const isPlain = /UseDevelopmentStorage=true|TableEndpoint=http:\/\/127\.0\.0\.1[:/]/i.test(connection);
  // Only now: a host without durable functions starts faster without it.
  const { TableClient } = await import("@azure/data-tables");
  const table = TableClient.fromConnectionString(connection, `${hub}Durable`, { allowInsecureConnection: isPlain });
  await table.createTable();
  return table;
}
