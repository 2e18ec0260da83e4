/** JSON blobs of the app's state, in its container `latchkey`. */
import { text as textOf } from "node:stream/consumers";
import type { TokenCredential } from "@azure/identity";
import type { BlobRequestConditions } from "@azure/storage-blob";
import { BrokenAnswerError, readable } from "../azure/broken-answers.ts";
import { callOwn, failureOf } from "../azure/upstream.ts";
import { openStateContainer } from "./state-container.ts";

/** Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type JsonBlobs = {
  put(name: string, value: unknown): Promise<void>;
  /** Null when there is no such blob. */
  get(name: string): Promise<unknown>;
  /** One that is not there is no error. */
  remove(name: string): Promise<void>;
};

/** Blobs that several processes change, and that are many. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type ChangingBlobs = JsonBlobs & {
  /** With the ETag under which it was read; null when there is no such blob. */
  getWithEtag(name: string): Promise<{ readonly value: unknown; readonly etag: string } | null>;
  /** Replaces what is still as it was read; null: makes what is not there. False when it is not so. */
  putIf(name: string, value: unknown, etag: string | null): Promise<boolean>;
  /** All whose names begin so, as they come. */
  list(prefix: string): AsyncIterable<{ readonly name: string; readonly lastModified: Date }>;
};

/** Opens the container at its first use. @param url of the account's blob service */
export function openJsonBlobs(options: { url: string; identity: TokenCredential }): ChangingBlobs {
  const { forReading: container, forWriting: made } = openStateContainer(options);
  const upload = async (name: string, value: unknown, abortSignal: AbortSignal, conditions: BlobRequestConditions) => {
    const text = JSON.stringify(value);
    await (await made()).getBlockBlobClient(name).upload(text, Buffer.byteLength(text), {
      abortSignal,
      conditions,
      blobHTTPHeaders: { blobContentType: "application/json" },
    });
  };
  return {
    put: (name, value) => callOwn("STATE_UNAVAILABLE", (abortSignal) => upload(name, value, abortSignal, {})),
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
    getWithEtag: (name) =>
      callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        try {
          // One request, so that the ETag is that of the text.
          const answer = await (await container()).getBlobClient(name).download(undefined, undefined, { abortSignal });
          const { etag, readableStreamBody } = answer;
          if (etag === undefined || readableStreamBody === undefined) throw brokenBlob();
          const read = async (): Promise<unknown> => JSON.parse(await textOf(readableStreamBody));
          return { value: await readable(read()), etag };
        } catch (error) {
          if (failureOf(error).status === 404) return null;
          throw error;
        }
      }),
    putIf: (name, value, etag) =>
      callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        try {
          await upload(name, value, abortSignal, etag === null ? { ifNoneMatch: "*" } : { ifMatch: etag });
          return true;
        } catch (error) {
          // 409: made by another meanwhile; 404: removed.
          const { status } = failureOf(error);
          if (status === 412 || status === 409 || status === 404) return false;
          throw error;
        }
      }),
    async *list(prefix) {
      let after: string | undefined;
      do {
        const from: string | undefined = after;
        const page = await callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
          const pages = (await container())
            .listBlobsFlat({ prefix, abortSignal })
            .byPage(from === undefined ? {} : { continuationToken: from });
          try {
            return (await readable(pages.next())).value;
          } catch (error) {
            if (failureOf(error).status === 404) return undefined;
            throw error;
          }
        });
        for (const { name, properties } of page?.segment.blobItems ?? []) {
          yield { name, lastModified: properties.lastModified };
        }
        after = page?.continuationToken === "" ? undefined : page?.continuationToken;
      } while (after !== undefined);
    },
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

function brokenBlob(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
