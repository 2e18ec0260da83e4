/** Blobs of JSON Lines of the app's state, and the facts of manifests in them. */
import { randomUUID } from "node:crypto";
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openLineBlobs } from "../../shared/store/line-blobs.ts";
import { createFactsStore } from "../../shared/store/manifest-facts.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_BLOBS } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const open = () =>
  openLineBlobs({ url: STATE_BLOBS, identity: credentialOf(azure, "latchkey-service"), newId: randomUUID });
const allOf = async <T>(items: AsyncIterable<T>) => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
const valuesOf = async (name: string, from = 0) => (await allOf(open().read(name, from))).map(({ value }) => value);

// First in the file: the container is not there yet.
test("without the container: nothing to read, nothing to remove", async () => {
  await expect(valuesOf("plans/x.jsonl")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await open().remove("plans/x.jsonl");
  await open().removeUnder("plans/");
});

test("what was written is read back, from every place that reading gave", async () => {
  const lines = [{ n: 1 }, { text: "ä €\n" }, [null]];
  await open().write("plans/a.jsonl", lines);
  const read = await allOf(open().read("plans/a.jsonl", 0));
  expect(read.map(({ value }) => value)).toEqual(lines);
  expect(await valuesOf("plans/a.jsonl", read[0]?.end)).toEqual(lines.slice(1));
  expect(await valuesOf("plans/a.jsonl", read[2]?.end)).toEqual([]);
  await open().write("plans/a.jsonl", [{ n: 2 }]);
  expect(await valuesOf("plans/a.jsonl")).toEqual([{ n: 2 }]);
});

test("no line at all is a blob too", async () => {
  await open().write("plans/none.jsonl", []);
  expect(await valuesOf("plans/none.jsonl")).toEqual([]);
});

test("a blob of several blocks comes back whole, lines across their borders included", async () => {
  const lines = Array.from({ length: 30_000 }, (_, n) => ({ n, text: "x".repeat(n % 700) }));
  await open().write("plans/large.jsonl", lines);
  expect(await valuesOf("plans/large.jsonl")).toEqual(lines);
});

test("join: one blob of several, in their order; none of them is an empty one; a missing one is told", async () => {
  const blobs = open();
  await blobs.write("plans/j/0.jsonl", [{ n: 0 }]);
  await blobs.write("plans/j/1.jsonl", []);
  await blobs.write("plans/j/2.jsonl", [{ n: 1 }, { n: 2 }]);
  await blobs.join("plans/j.jsonl", ["plans/j/0.jsonl", "plans/j/1.jsonl", "plans/j/2.jsonl"]);
  expect(await valuesOf("plans/j.jsonl")).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  await expect(blobs.join("plans/j.jsonl", ["plans/j/9.jsonl"])).rejects.toMatchObject({ code: "NOT_FOUND" });
  await blobs.join("plans/empty.jsonl", []);
  expect(await valuesOf("plans/empty.jsonl")).toEqual([]);
});

test("two writers of one blob do not mix: one of them has it whole", async () => {
  const lines = (who: string) => Array.from({ length: 20_000 }, (_, n) => ({ who, n, text: "y".repeat(300) }));
  await Promise.allSettled([open().write("plans/two.jsonl", lines("a")), open().write("plans/two.jsonl", lines("b"))]);
  const whose = new Set((await valuesOf("plans/two.jsonl")).map((line) => JSON.stringify(line).slice(0, 10)));
  expect(whose.size).toBe(1);
});

test("a writer that another overtook is told to try again, and what the other wrote stands", async () => {
  async function* overtaken() {
    yield { who: "a", text: "z".repeat(5 * 1024 * 1024) };
    await open().write("plans/overtaken.jsonl", [{ who: "b" }]);
  }
  await expect(open().write("plans/overtaken.jsonl", overtaken())).rejects.toMatchObject({
    code: "STATE_UNAVAILABLE",
    retryable: true,
  });
  expect(await valuesOf("plans/overtaken.jsonl")).toEqual([{ who: "b" }]);
  await open().write("plans/overtaken.jsonl", [{ who: "a" }]);
  expect(await valuesOf("plans/overtaken.jsonl")).toEqual([{ who: "a" }]);
});

test("a folder is removed whole, and nothing beside it; one that is not there is no error", async () => {
  const blobs = open();
  const inside = ["plans/f/0.jsonl", "plans/f/1.jsonl", "plans/f/slice/2.jsonl"];
  const beside = ["plans/f.jsonl", "plans/ff/0.jsonl", "plans/f-0.jsonl"];
  for (const name of [...inside, ...beside]) await blobs.write(name, [name]);
  await blobs.removeUnder("plans/f/");
  for (const name of inside) await expect(valuesOf(name)).rejects.toMatchObject({ code: "NOT_FOUND" });
  for (const name of beside) expect(await valuesOf(name)).toEqual([name]);
  await blobs.removeUnder("plans/f/");
});

test("a damaged line is told as such, one that was cut off as well", async () => {
  const client = new BlobServiceClient(STATE_BLOBS, credentialOf(azure, "latchkey-service"));
  const text = `{"n":1}\n{"n":\n{"n":3}\n{"n":4}`;
  await client.getContainerClient("latchkey").getBlockBlobClient("plans/damaged.jsonl").upload(text, text.length);
  expect(await valuesOf("plans/damaged.jsonl")).toEqual([{ n: 1 }, undefined, { n: 3 }, undefined]);
});

test("facts: come back, none where there are none, and a line that is none is left out", async () => {
  const facts = createFactsStore(open());
  const one = {
    digest: `sha256:${"a".repeat(64)}`,
    mediaType: "application/vnd.oci.image.index.v1+json",
    subject: null,
    children: [`sha256:${"b".repeat(64)}`],
    parts: [],
  };
  const all = async (repository: string) => allOf(facts.read("x.azurecr.io", repository));
  expect(await all("team/app")).toEqual([]);
  await facts.write("x.azurecr.io", "team/app", [one]);
  expect(await all("team/app")).toEqual([one]);
  expect(await all("team/other")).toEqual([]);
  const damaged = {
    read: () =>
      Array.from([
        { value: undefined, end: 1 },
        { value: { ...one, more: 1 }, end: 2 },
      ]),
  };
  const store = createFactsStore({
    ...open(),
    read: async function* () {
      yield* damaged.read();
    },
  });
  expect(await allOf(store.read("x.azurecr.io", "team/app"))).toEqual([]);
});

test("a state storage that fails is a code", async () => {
  await control.fault({ service: "storage", status: 503, retryAfterSeconds: 1 });
  await expect(open().write("plans/b.jsonl", [1])).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
});
