/** Seals as blobs of the container `audit-seals`, which on Azure has an immutability policy. Implements SealStore. */
import type { TokenCredential } from "@azure/identity";
import pMap, { pMapIterable } from "p-map";
import type { SealStore, StoredSeal } from "../audit/ports.ts";
import { readable } from "../azure/broken-answers.ts";
import { BLOB_OPTIONS } from "../azure/client-options.ts";
import { callOwn, failureOf } from "../azure/upstream.ts";
import { lazy } from "../lazy.ts";

const CONTAINER = "audit-seals";
const DAY_MS = 86_400_000;
/** Days in whose names the newest seal is looked for before all names are listed. */
const RECENT_DAYS = 3;
/** Seals that are fetched at once when all are read. */
const CONCURRENCY = 8;

/** Opens the container at its first use. @param url of the account's blob service */
export function openSeals(options: { url: string; identity: TokenCredential }): SealStore {
  const container = lazy(async () => {
    const { BlobServiceClient } = await import("@azure/storage-blob");
    return new BlobServiceClient(options.url, options.identity, BLOB_OPTIONS).getContainerClient(CONTAINER);
  });
  const call = <T>(work: (abortSignal: AbortSignal) => Promise<T>) => callOwn("AUDIT_UNAVAILABLE", work);
  /** A new installation has no container; once per process, the first seal makes sure of it. */
  const made = lazy(() => call(async (abortSignal) => (await container()).createIfNotExists({ abortSignal })));

  /** One page of names, in order. */
  const page = (prefix: string, continuationToken: string | undefined) =>
    call(async (abortSignal) => {
      try {
        const pages = (await container())
          .listBlobsFlat({ prefix, abortSignal })
          .byPage({ ...(continuationToken === undefined ? {} : { continuationToken }) });
        const { value } = await readable(pages.next());
        const listed = value?.segment.blobItems ?? [];
        return { names: listed.map(({ name }: { name: string }) => name), next: value?.continuationToken };
      } catch (error) {
        // No seal was ever written: only the service itself knows that.
        if (failureOf(error).code === "ContainerNotFound") return { names: [], next: undefined };
        throw error;
      }
    });
  async function* names(prefix: string): AsyncGenerator<string> {
    let token: string | undefined;
    do {
      const { names: listed, next } = await page(prefix, token);
      yield* listed;
      // The last page has an empty one.
      token = next || undefined;
    } while (token !== undefined);
  }
  const lastName = async (prefix: string): Promise<string | null> => {
    let last: string | null = null;
    for await (const name of names(prefix)) last = name;
    return last;
  };
  const read = (name: string): Promise<StoredSeal> =>
    call(async (abortSignal) => {
      const blob = (await container()).getBlobClient(name);
      const buffer = await readable(blob.downloadToBuffer(0, undefined, { abortSignal }));
      return { name, text: buffer.toString("utf8") };
    });

  return {
    async latest(now) {
      const days = Array.from({ length: RECENT_DAYS }, (_, back) => new Date(now.getTime() - back * DAY_MS));
      const recent = await pMap(days, (day) => lastName(day.toISOString().slice(0, 10).replaceAll("-", "")));
      const name = recent.find((found) => found !== null) ?? (await lastName(""));
      return name === null ? null : read(name);
    },
    async add({ name, text }) {
      await made();
      await call(async (abortSignal) => {
        try {
          await (await container()).getBlockBlobClient(name).upload(text, Buffer.byteLength(text), {
            abortSignal,
            conditions: { ifNoneMatch: "*" },
            blobHTTPHeaders: { blobContentType: "application/json" },
          });
        } catch (error) {
          // The name is random: what has it is ours, its reply was lost.
          if (failureOf(error).status !== 409) throw error;
        }
      });
    },
    async *all({ from, to }) {
      async function* wanted() {
        for await (const name of names("")) if (name >= from && name <= to) yield name;
      }
      yield* pMapIterable(wanted(), read, { concurrency: CONCURRENCY });
    },
  };
}
