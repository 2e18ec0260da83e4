import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readManifestBody } from "../../../../shared/azure/acr-manifest.ts";

const [A, B, C] = ["a", "b", "c"].map((letter) => `sha256:${letter.repeat(64)}`);
const OCI = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const digestOf = (text: string, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(text).digest("hex")}`;
const read = (body: unknown, contentType?: string) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readManifestBody(digestOf(text), text, contentType);
};

describe("what a body says", () => {
  test("of an image: its configuration and layers", () => {
    const layers = [{ digest: B, size: 20, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }];
    expect(read({ schemaVersion: 2, mediaType: OCI, config: { digest: A, size: 10 }, layers })).toMatchObject({
      mediaType: OCI,
      subject: null,
      children: [],
      parts: [
        { digest: A, sizeBytes: 10 },
        { digest: B, sizeBytes: 20 },
      ],
    });
  });

  test("of an index: its children, each once; its type may be told by the header alone", () => {
    const manifests = [
      { digest: A, size: 1 },
      { digest: B, size: 1 },
      { digest: A, size: 1 },
    ];
    expect(read({ schemaVersion: 2, manifests }, `${INDEX}; charset=utf-8`)).toMatchObject({
      mediaType: INDEX,
      children: [A, B],
      parts: [],
    });
  });

  test("of a signature, an index with a subject and an artifact: what they refer to", () => {
    const subject = { digest: C, size: 3, mediaType: OCI };
    expect(read({ mediaType: OCI, subject, config: { digest: A, size: 1 }, layers: null })).toMatchObject({
      subject: C,
    });
    expect(read({ mediaType: INDEX, subject, manifests: [{ digest: A }] })).toMatchObject({
      subject: C,
      children: [A],
    });
    const artifact = {
      mediaType: "application/vnd.oci.artifact.manifest.v1+json",
      subject,
      blobs: [{ digest: B, size: 7 }],
    };
    expect(read(artifact)).toMatchObject({ subject: C, parts: [{ digest: B, sizeBytes: 7 }] });
  });

  test("of one that says it is an image and has children: they count", () => {
    const manifests = [{ digest: C, size: 1 }];
    expect(read({ mediaType: OCI, config: { digest: A, size: 1 }, layers: [], manifests })?.children).toEqual([C]);
  });

  test("its own type goes before the header's, which nobody signed", () => {
    expect(read({ mediaType: INDEX, manifests: [] }, OCI)?.mediaType).toBe(INDEX);
  });

  test("of sha512", () => {
    const text = JSON.stringify({ mediaType: OCI });
    expect(readManifestBody(digestOf(text, "sha512"), text, undefined)?.mediaType).toBe(OCI);
  });
});

describe("schema 1", () => {
  const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  const payload = `{\n   "schemaVersion": 1,\n   "name": "x",\n   "fsLayers": [{"blobSum": "${A}"}]\n}`;
  const signed = (tail = "\n}") => {
    const head = payload.slice(0, -2);
    const format = { formatLength: head.length, formatTail: Buffer.from(tail).toString("base64url") };
    const signature = { protected: Buffer.from(JSON.stringify(format)).toString("base64url"), signature: "x" };
    return `${head},\n   "signatures": [${JSON.stringify(signature)}]\n}`;
  };

  test("is held against what was signed; its layers are there without sizes", () => {
    expect(readManifestBody(digestOf(payload), signed(), type)).toEqual({
      digest: digestOf(payload),
      mediaType: type,
      subject: null,
      children: [],
      parts: [{ digest: A, sizeBytes: 0 }],
    });
  });

  test("with another content is none", () => {
    expect(readManifestBody(digestOf(payload), signed("\n} "), type)).toBeNull();
    expect(readManifestBody(digestOf(payload), signed().replace(A ?? "", B ?? ""), type)).toBeNull();
  });
});

describe("what is no body of the digest", () => {
  test("is one byte more or less, or another text", () => {
    const text = JSON.stringify({ mediaType: OCI });
    for (const other of [`${text}\n`, ` ${text}`, text.slice(0, -1), "", "{}", `\uFEFF${text}`]) {
      expect(readManifestBody(digestOf(text), other, OCI)).toBeNull();
    }
  });

  test.each([
    "",
    "null",
    "[]",
    '"x"',
    "<html>",
    { mediaType: "" },
    { manifests: [{}] },
    { manifests: [{ digest: "latest" }] },
    { manifests: "x" },
    { subject: {} },
    { subject: { digest: "x" } },
    { subject: "x" },
    { layers: [{ digest: A }] },
    { layers: [{ digest: A, size: -1 }] },
    { config: { digest: "../x", size: 1 } },
    { signatures: [{ protected: "e30" }], manifests: 5 },
  ])("is what cannot be read, though the digest is its own: %j", (body) => {
    expect(read(body, OCI)).toBeNull();
  });

  test("is one that does not say what it is, and is not said to be anything", () => {
    expect(read({ manifests: [] })).toBeNull();
    expect(read({ manifests: [] }, " ; charset=utf-8")).toBeNull();
  });

  test("is anything, and nothing breaks over it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readManifestBody(`sha256:${"0".repeat(64)}`, text, OCI)).toBeNull();
        const own = readManifestBody(digestOf(text), text, OCI);
        if (own !== null) expect(own.digest).toBe(digestOf(text));
      }),
    );
  });
});
