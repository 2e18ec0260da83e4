/** Mirrors infra/local/azure/registry/manifest-content.ts. */
import { expect, test } from "vitest";
import { MEDIA, readManifest } from "../../../../../infra/local/azure/registry/manifest-content.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const descriptor = (digit: string, more: object = {}) => ({
  mediaType: "x/y",
  digest: digest(digit),
  size: 1,
  ...more,
});
const image = (more: object = {}) => ({
  schemaVersion: 2,
  config: descriptor("1"),
  layers: [descriptor("2")],
  ...more,
});
const read = (document: unknown, type?: string) => readManifest(Buffer.from(JSON.stringify(document)), type);
const INVALID = expect.objectContaining({ status: 400, code: "MANIFEST_INVALID" });

test("an image needs its configuration and its layers, but for those that stand elsewhere", () => {
  const layers = [descriptor("2"), descriptor("3", { urls: ["https://example.com/layer"] })];
  expect(read(image({ layers }), MEDIA.dockerManifest)).toEqual({
    mediaType: MEDIA.dockerManifest,
    blobs: [digest("1"), digest("2")],
    manifests: [],
    subject: "",
    artifactType: "x/y",
    config: { mediaType: "x/y", digest: digest("1") },
    size: 2,
  });
});

test("an index needs its manifests", () => {
  const says = read({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [descriptor("4")] });
  expect(says).toMatchObject({ mediaType: MEDIA.ociIndex, blobs: [], manifests: [digest("4")], artifactType: "" });
});

test("an artifact says its type and its subject", () => {
  const says = read(image({ artifactType: "a/b", subject: descriptor("5") }), `${MEDIA.ociManifest}; charset=utf-8`);
  expect(says).toMatchObject({ subject: digest("5"), artifactType: "a/b" });
});

test.each([
  ["no known type", image(), "text/plain"],
  ["a type that is not its own", image({ mediaType: MEDIA.ociManifest }), MEDIA.dockerManifest],
  ["an image pushed as an index", image(), MEDIA.ociIndex],
  ["another schema", image({ schemaVersion: 1 }), MEDIA.ociManifest],
  ["a digest that is none", image({ config: { ...descriptor("1"), digest: "sha256:../x" } }), MEDIA.ociManifest],
  ["a negative size", image({ config: descriptor("1", { size: -1 }) }), MEDIA.ociManifest],
  ["no object", null, MEDIA.ociManifest],
])("refuses %s", (_what, document, type) => {
  expect(() => read(document, type)).toThrow(INVALID);
});

test("refuses what is no JSON", () => {
  expect(() => readManifest(Buffer.from("{"), MEDIA.ociManifest)).toThrow(INVALID);
});
