/** Mirrors infra/local/azure/registry/registry-content.ts and blob-files.ts, over real files. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  openRegistryContent,
  type RegistryContent,
} from "../../../../../infra/local/azure/registry/registry-content.ts";

const START = Date.parse("2026-11-22T00:00:00Z");
const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const manifest = (content: string, subject = "") => ({
  digest: digestOf(content),
  content: Buffer.from(content),
  says: {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    blobs: [],
    manifests: [],
    subject,
    artifactType: "a/t",
    config: null,
    size: 0,
  },
  platform: { architecture: "", os: "" },
});

let folder: string;
let time: number;
let content: RegistryContent;
const open = () => openRegistryContent(folder, () => new Date(time));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-registry-"));
  time = START;
  content = open();
});
afterEach(() => {
  content.close();
  rmSync(folder, { recursive: true, force: true });
});

test("tags move, and know when they came and when they last moved", () => {
  content.putManifest("a", manifest("one"), "latest");
  time += 1000;
  content.putManifest("a", manifest("two"), "latest");
  expect(content.tags("a", "", 10)).toEqual([
    { name: "latest", digest: digestOf("two"), created: new Date(START), updated: new Date(START + 1000) },
  ]);
  expect(content.manifest("a", { tag: "latest" })?.content.toString()).toBe("two");
  expect(content.manifest("a", { digest: digestOf("one") })).toMatchObject({ created: new Date(START) });
});

test("a manifest goes with its tags alone, and the last one with its repository", () => {
  content.putManifest("a", manifest("one"), "v1");
  content.putManifest("a", manifest("one"), "v1-again");
  content.putManifest("a", manifest("two"), "v2");
  content.putManifest("b", manifest("one"), "v1");
  expect(content.removeManifest("a", digestOf("one"))).toBe("deleted");
  expect(content.removeManifest("a", digestOf("one"))).toBe("unknown");
  expect(content.tags("a", "", 10).map(({ name }) => name)).toEqual(["v2"]);
  content.removeManifest("a", digestOf("two"));
  expect(content.repositories("", 10)).toEqual(["b"]);
});

test("lists go on behind the last name, in the order of bytes", () => {
  for (const name of ["b", "a-b", "a", "a/b"]) content.putManifest(name, manifest("one"), "B");
  expect(content.repositories("", 3)).toEqual(["a", "a-b", "a/b"]);
  expect(content.repositories("a/b", 3)).toEqual(["b"]);
  content.putManifest("a", manifest("one"), "a");
  expect(content.tags("a", "", 10).map(({ name }) => name)).toEqual(["B", "a"]);
});

test("referrers are found in their own repository", () => {
  content.putManifest("a", manifest("one", digestOf("subject")));
  content.putManifest("b", manifest("two", digestOf("subject")));
  content.putManifest("a", manifest("three"));
  expect(content.referrers("a", digestOf("subject")).map(({ digest }) => digest)).toEqual([digestOf("one")]);
});

test("an upload becomes a blob of its repository alone, and only with its digest", async () => {
  const id = content.startUpload("a");
  await content.files.append(id, Readable.from([Buffer.from("hello "), Buffer.from("world")]));
  expect(await content.files.finish(id, digestOf("other"))).toBe(false);
  expect(content.files.size(digestOf("other"))).toBeNull();
  expect(await content.files.finish(id, digestOf("hello world"))).toBe(true);
  content.addBlob("a", digestOf("hello world"));
  content.endUpload(id);
  expect(content.hasUpload("a", id)).toBe(false);
  expect([content.hasBlob("a", digestOf("hello world")), content.hasBlob("b", digestOf("hello world"))]).toEqual([
    true,
    false,
  ]);
  expect(await text(content.files.read(digestOf("hello world"), { start: 6, end: 10 }))).toBe("world");
});

test("an upload belongs to one repository", () => {
  const id = content.startUpload("a");
  expect([content.hasUpload("a", id), content.hasUpload("b", id), content.hasUpload("a", "../registry.db")]).toEqual([
    true,
    false,
    false,
  ]);
});

test("opened again without having been closed, everything is there", async () => {
  content.putManifest("a", manifest("one"), "v1");
  const id = content.startUpload("a");
  await content.files.append(id, Readable.from([Buffer.from("half")]));
  const second = open();
  expect(second.manifest("a", { tag: "v1" })?.digest).toBe(digestOf("one"));
  expect(second.hasUpload("a", id)).toBe(true);
  expect(second.files.uploadSize(id)).toBe(4);
  second.close();
});

test("an upload that nobody went on with is gone after a week", () => {
  const id = content.startUpload("a");
  const [file = ""] = readdirSync(join(folder, "uploads"));
  utimesSync(join(folder, "uploads", file), START / 1000, START / 1000);
  time = START + 6 * 86_400_000;
  let again = open();
  expect(again.hasUpload("a", id)).toBe(true);
  again.close();
  time = START + 8 * 86_400_000;
  again = open();
  expect(again.hasUpload("a", id)).toBe(false);
  again.close();
});

test("what is done once is done again only when it was cut short", () => {
  let runs = 0;
  expect(() =>
    content.once(() => {
      throw new Error("cut short");
    }),
  ).toThrow("cut short");
  for (const each of [content, open()]) each.once(() => runs++);
  expect(runs).toBe(1);
});

test("ten thousand tags are all listed, page by page", () => {
  for (let index = 0; index < 10_000; index += 1) content.putManifest("a", manifest(`m${index}`), `t${index}`);
  let last = "";
  let seen = 0;
  for (;;) {
    const page = content.tags("a", last, 1000);
    if (page.length === 0) break;
    seen += page.length;
    last = page.at(-1)?.name ?? "";
  }
  expect(seen).toBe(10_000);
});
