/** Blobs of JSON Lines: plans, reports, facts. Written in blocks, read in ranges: memory does not grow with their size. Implements LinesStore. */
import { setImmediate as turn } from "node:timers/promises";
import type { TokenCredential } from "@azure/identity";
import pMap from "p-map";
import { BrokenAnswerError, readable } from "../azure/broken-answers.ts";
import { callOwn, failureOf } from "../azure/upstream.ts";
import { NotFoundError, UpstreamError } from "../errors.ts";
import type { LinesStore } from "../purge/ports.ts";
import { openStateContainer } from "./state-container.ts";

/** Bytes of a block and of a range that is read: few requests, little memory. Storage takes 50,000 blocks of up to 4,000 MiB. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Blobs that are removed at once. */
const REMOVED_AT_ONCE = 8;
/** Lines after which others get their turn: making a block is work of this thread. */
const LINES_A_TURN = 2_000;
const NEW_LINE = 0x0a;

/** @param options.newId names the blocks of one writing: two writers of one blob must not mix theirs */
export function openLineBlobs(options: { url: string; identity: TokenCredential; newId: () => string }): LinesStore {
  const { forReading, forWriting } = openStateContainer(options);

  const writeChunks = async (name: string, chunks: AsyncIterable<Buffer>) => {
    const blob = (await callOwn("STATE_UNAVAILABLE", forWriting)).getBlockBlobClient(name);
    const writing = options.newId();
    const ids: string[] = [];
    for await (const chunk of chunks) {
      const id = Buffer.from(`${writing}-${String(ids.length).padStart(5, "0")}`).toString("base64");
      await callOwn("STATE_UNAVAILABLE", (abortSignal) => blob.stageBlock(id, chunk, chunk.length, { abortSignal }));
      ids.push(id);
    }
    const blobHTTPHeaders = { blobContentType: "application/jsonl; charset=utf-8" };
    try {
      await callOwn("STATE_UNAVAILABLE", (abortSignal) => blob.commitBlockList(ids, { abortSignal, blobHTTPHeaders }));
    } catch (error) {
      throw isOvertaken(error) ? overtaken(error) : error;
    }
  };

  /** One range, and how large the blob is; null behind its end. */
  const readRange = (name: string, from: number, etag: string | null) =>
    callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
      const blob = (await forReading()).getBlobClient(name);
      // What was replaced while it is read is another blob.
      const conditions = etag === null ? {} : { ifMatch: etag };
      try {
        const answer = await blob.download(from, CHUNK_BYTES, { abortSignal, conditions });
        const { etag: readEtag, readableStreamBody } = answer;
        if (readEtag === undefined || readableStreamBody === undefined) throw broken();
        const parts: Buffer[] = [];
        const read = async () => {
          for await (const part of readableStreamBody) parts.push(Buffer.from(part));
        };
        await readable(read());
        const total = Number(/\/(\d+)$/.exec(answer.contentRange ?? "")?.[1] ?? from + (answer.contentLength ?? 0));
        return { bytes: Buffer.concat(parts), etag: readEtag, total };
      } catch (error) {
        const { status } = failureOf(error);
        if (status === 404) throw new NotFoundError("NOT_FOUND", "There is no such plan or report.", { cause: error });
        if (status === 416) return null;
        throw error;
      }
    });

  async function* ranges(name: string, from: number) {
    let etag: string | null = null;
    for (let at = from, total = Number.POSITIVE_INFINITY; at < total; ) {
      const range: Awaited<ReturnType<typeof readRange>> = await readRange(name, at, etag);
      if (range === null || range.bytes.length === 0) return;
      yield range.bytes;
      etag = range.etag;
      total = range.total;
      at += range.bytes.length;
    }
  }

  const join: LinesStore["join"] = async (name, parts) => {
    const read = async function* () {
      for (const part of parts) yield* ranges(part, 0);
    };
    await writeChunks(name, read());
  };
  const remove: LinesStore["remove"] = (name) =>
    callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
      const blob = (await forReading()).getBlobClient(name);
      try {
        await blob.delete({ abortSignal });
      } catch (error) {
        if (failureOf(error).status !== 404) throw error;
      }
    });

  const removeUnder: LinesStore["removeUnder"] = async (prefix) => {
    for (let token: string | undefined; ; ) {
      const page = await callOwn("STATE_UNAVAILABLE", async (abortSignal) => {
        const blobs = (await forReading()).listBlobsFlat({ prefix, abortSignal });
        try {
          for await (const found of blobs.byPage(token === undefined ? {} : { continuationToken: token })) return found;
        } catch (error) {
          // No container, no blobs.
          if (failureOf(error).status !== 404) throw error;
        }
        return null;
      });
      await pMap(page?.segment.blobItems ?? [], ({ name }) => remove(name), { concurrency: REMOVED_AT_ONCE });
      token = page?.continuationToken;
      if (!token) return;
    }
  };

  return {
    write: (name, lines) => writeChunks(name, chunksOf(lines)),
    join,
    remove,
    removeUnder,
    async *read(name, from) {
      let rest: Buffer = Buffer.alloc(0);
      let end = from;
      for await (const bytes of ranges(name, from)) {
        let text: Buffer = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
        for (let length = text.indexOf(NEW_LINE); length >= 0; length = text.indexOf(NEW_LINE)) {
          end += length + 1;
          yield { value: parsed(text.subarray(0, length)), end };
          text = text.subarray(length + 1);
        }
        rest = text;
      }
      // Every line ends with its line feed: what has none was cut off.
      if (rest.length > 0) yield { value: undefined, end: end + rest.length };
    },
  };
}

async function* chunksOf(lines: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<Buffer> {
  let texts: string[] = [];
  let characters = 0;
  let count = 0;
  for await (const line of lines) {
    const text = JSON.stringify(line);
    texts.push(text);
    characters += text.length + 1;
    if (++count % LINES_A_TURN === 0) await turn();
    if (characters < CHUNK_BYTES) continue;
    yield Buffer.from(`${texts.join("\n")}\n`);
    texts = [];
    characters = 0;
  }
  if (texts.length > 0) yield Buffer.from(`${texts.join("\n")}\n`);
}

/** Undefined for what is no JSON: whoever reads it knows what a damaged line means. */
function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Whoever commits first throws away the blocks that others have staged for the same blob. */
function isOvertaken(error: unknown): boolean {
  return error instanceof UpstreamError && error.failure?.code === "InvalidBlockList";
}

function overtaken(cause: unknown): UpstreamError {
  const text = "Another wrote the same blob of the service's state storage at the same time. Try again.";
  return new UpstreamError("STATE_UNAVAILABLE", text, {
    retryable: true,
    cause,
    ...(cause instanceof UpstreamError ? { failure: cause.failure } : {}),
  });
}

function broken(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
