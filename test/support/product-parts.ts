/** The product's own clients over the local Azure, wired as functions/main.ts does. For contract tests. */
import { randomUUID } from "node:crypto";
import type { SignIn } from "../../shared/connectors/ports.ts";
import { openJsonBlobs } from "../../shared/store/blobs.ts";
import { openTable } from "../../shared/store/tables.ts";
import { credentialOf } from "./application-tokens.ts";
import type { LocalAzure } from "./local-azure.ts";

export const STATE_TABLES = "https://latchkeystate.table.core.windows.net";
export const STATE_BLOBS = "https://latchkeystate.blob.core.windows.net";
export const VAULT = "https://latchkey-vault.vault.azure.net";
/** Longer than the product waits for any call, in milliseconds. */
export const HANG_MS = 60_000;

/** A table as the service opens it, as a process that has just started. */
export function stateTable(azure: LocalAzure, name: string, unavailable: "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE") {
  return openTable({ url: STATE_TABLES, name, identity: credentialOf(azure, "latchkey-service"), unavailable });
}

export function stateBlobs(azure: LocalAzure) {
  return openJsonBlobs({ url: STATE_BLOBS, identity: credentialOf(azure, "latchkey-service") });
}

/** Sign-in of a seed application as if it were a connector's. `key` is new for every call unless given. */
export function signInOf(azure: LocalAzure, name: string, changes: Partial<SignIn["configuration"]> = {}): SignIn {
  const application = azure.seed.applications.find((candidate) => candidate.name === name);
  const configuration = {
    tenantId: azure.seed.tenant.id,
    clientId: application?.clientId ?? "",
    subscriptionId: null,
    resourceGroup: null,
    storageAccount: null,
    ...changes,
  };
  return {
    key: randomUUID(),
    cloud: "public",
    authMethod: "service-principal",
    configuration,
    secret: { kind: "clientSecret", read: async () => application?.secret ?? "" },
  };
}
