/** The blob container of the app's state, `latchkey`: opened at its first use, made at the first write. Used by blobs.ts and line-blobs.ts. */
import type { TokenCredential } from "@azure/identity";
import type { ContainerClient } from "@azure/storage-blob";
import { BLOB_OPTIONS } from "../azure/client-options.ts";
import { UPSTREAM_TIMEOUT_MS } from "../azure/upstream.ts";
import { lazy } from "../lazy.ts";

const CONTAINER = "latchkey";

/** The container for reading, and for writing. @throws the SDK's errors */
export type StateContainer = {
  readonly forReading: () => Promise<ContainerClient>;
  /** A new installation has no container; once per process, the first write makes sure of it. */
  readonly forWriting: () => Promise<ContainerClient>;
};

/** @param options.url of the account's blob service */
export function openStateContainer(options: { url: string; identity: TokenCredential }): StateContainer {
  const forReading = lazy(async () => {
    const { BlobServiceClient } = await import("@azure/storage-blob");
    return new BlobServiceClient(options.url, options.identity, BLOB_OPTIONS).getContainerClient(CONTAINER);
  });
  const forWriting = lazy(async () => {
    const client = await forReading();
    await client.createIfNotExists({ abortSignal: AbortSignal.timeout(UPSTREAM_TIMEOUT_MS) });
    return client;
  });
  return { forReading, forWriting };
}
