/** JSON blobs of the app's state, in its container `latchkey`. */
import type { TokenCredential } from "@azure/identity";
import { readable } from "../azure/broken-answers.ts";
import { BLOB_OPTIONS } from "../azure/client-options.ts";
import { callOwn, failureOf, UPSTREAM_TIMEOUT_MS } from "../azure/upstream.ts";
import { lazy } from "../lazy.ts";

const CONTAINER = "latchkey";

/** Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type JsonBlobs = {
  put(name: string, value: unknown): Promise<void>;
  /** Null when there is no such blob. */
  get(name: string): Promise<unknown>;
  /** One that is not there is no error. */
  remove(name: string): Promise<void>;
};

/** Opens the container at its first use. @param url of the account's blob service */
export function openJsonBlobs(options: { url: string; identity: TokenCredential }): JsonBlobs {
  const container = lazy(async () => {
    const { BlobServiceClient } = await import("@azure/storage-blob");
    return new BlobServiceClient(options.url, options.identity, BLOB_OPTIONS).getContainerClient(CONTAINER);
  });
  /** A new installation has no container; once per process, the first write makes sure of it. */
  const made = lazy(async () => {
    const client = await container();
    await client.createIfNotExists({ abortSignal: AbortSignal.timeout(UPSTREAM_TIMEOUT_MS) });
    return client;
  });
  return {
    put: (name, value) =>
      callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        const text = JSON.stringify(value);
        await (await made()).getBlockBlobClient(name).upload(text, Buffer.byteLength(text), {
          abortSignal,
          blobHTTPHeaders: { blobContentType: "application/json" },
        });
      }),
    get: (name) =>
      callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        try {
          const blob = (await container()).getBlobClient(name);
          const buffer = await readable(blob.downloadToBuffer(undefined, undefined, { abortSignal }));
          return await readable(Promise.resolve(buffer.toString("utf8")).then((text): unknown => JSON.parse(text)));
        } catch (error) {
          if (failureOf(error).status === 404) return null;
          throw error;
        }
      }),
    remove: (name) =>
      callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        try {
          await (await container()).getBlobClient(name).delete({ abortSignal });
        } catch (error) {
          // No such blob, or no container yet.
          if (failureOf(error).status !== 404) throw error;
        }
      }),
  };
}
