import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  readManifests,
  readNames,
  readReferrers,
  readRepository,
  readTags,
  timeOf,
} from "../../../../shared/azure/acr-pages.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const FREE = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
const tag = {
  name: "latest",
  digest: DIGEST,
  createdTime: "2026-01-02T03:04:05.1234567Z",
  lastUpdateTime: "2026-01-03T03:04:05.1234567Z",
  signed: false,
  changeableAttributes: FREE,
};
const manifest = {
  digest: DIGEST,
  imageSize: 5_312,
  createdTime: "2026-01-02T03:04:05.1234567Z",
  lastUpdateTime: "2026-01-03T03:04:05.1234567Z",
  architecture: "amd64",
  os: "linux",
  mediaType: "application/vnd.docker.distribution.manifest.v2+json",
  changeableAttributes: FREE,
  tags: ["latest"],
};
const page = { registry: "r.azurecr.io", imageName: "team/app" };
const tagsOf = (changes: object) => readTags({ ...page, tags: [{ ...tag, ...changes }] }, "team/app")?.[0];
const manifestsOf = (changes: object) =>
  readManifests({ ...page, manifests: [{ ...manifest, ...changes }] }, "team/app")?.[0];

describe("a time", () => {
  test.each([
    ["2026-01-03T03:04:05.1234567Z", Date.UTC(2026, 0, 3, 3, 4, 5, 123)],
    ["2026-01-03T03:04:05Z", Date.UTC(2026, 0, 3, 3, 4, 5)],
    ["2026-01-03T03:04:05.1Z", Date.UTC(2026, 0, 3, 3, 4, 5, 100)],
    ["2026-01-03T03:04:05.123456789Z", Date.UTC(2026, 0, 3, 3, 4, 5, 123)],
    ["2026-01-03T03:04:05+02:00", Date.UTC(2026, 0, 3, 1, 4, 5)],
    ["2026-01-03T03:04:05-05:30", Date.UTC(2026, 0, 3, 8, 34, 5)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["9999-12-31T23:59:59.9999999Z", Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
  ])("%s is read", (text, expected) => {
    expect(timeOf(text)).toBe(expected);
  });

  test.each([
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00.0000000Z",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-03T03:04:05",
    "2026-01-03",
    "2026-01-03 03:04:05Z",
    "Sat, 03 Jan 2026 03:04:05 GMT",
    "1767409445",
    " 2026-01-03T03:04:05Z",
    "2026-01-03T03:04:05Z\n",
    "+012026-01-03T03:04:05Z",
    "",
    null,
    undefined,
    1_767_409_445,
    {},
  ])("%j is unknown", (text) => {
    expect(timeOf(text)).toBeNull();
  });

  test("is what was written, to the millisecond, whatever digits follow", () => {
    const property = fc.property(
      fc.date({ min: new Date(1), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
      fc.stringMatching(/^\d{0,6}$/),
      (date, digits) => {
        expect(timeOf(`${date.toISOString().slice(0, -1)}${digits}Z`)).toBe(date.getTime());
      },
    );
    fc.assert(property);
  });
});

describe("a tag", () => {
  test("is read", () => {
    expect(tagsOf({})).toEqual({
      name: "latest",
      digest: DIGEST,
      updatedAt: Date.UTC(2026, 0, 3, 3, 4, 5, 123),
      isLocked: false,
    });
  });

  test.each([
    { lastUpdateTime: undefined },
    { lastUpdateTime: null },
    { lastUpdateTime: "yesterday" },
    { lastUpdateTime: 5 },
  ])("has no time when it has none that can be read: %j", (changes) => {
    expect(tagsOf(changes)?.updatedAt).toBeNull();
  });

  test.each([
    undefined,
    null,
    {},
    "true",
    { ...FREE, deleteEnabled: false },
    { ...FREE, writeEnabled: false },
    { deleteEnabled: true },
    { writeEnabled: true },
    { deleteEnabled: "true", writeEnabled: true },
    { deleteEnabled: 1, writeEnabled: 1 },
    { deleteEnabled: null, writeEnabled: true },
  ])("is locked unless it says that it may be deleted and written: %j", (changeableAttributes) => {
    expect(tagsOf({ changeableAttributes })?.isLocked).toBe(true);
    expect(manifestsOf({ changeableAttributes })?.isLocked).toBe(true);
  });

  test.each(["", ".hidden", "-x", "a/b", "a:b", "..%2f", "a b", "é", "x".repeat(129), 5, null, undefined])(
    "of the name %j breaks the page",
    (name) => {
      expect(tagsOf({ name })).toBeUndefined();
      expect(readTags({ ...page, tags: [tag, { ...tag, name }] }, "team/app")).toBeNull();
    },
  );
});

const BAD_DIGESTS = [
  "",
  "latest",
  "sha256:",
  `sha256:${"a".repeat(63)}`,
  `sha256:${"A".repeat(64)}`,
  `sha256:${"a".repeat(64)}/../x`,
  `sha256:${"a".repeat(64)}\n`,
  `md5:${"a".repeat(32)}`,
  `sha512:${"a".repeat(64)}`,
  `SHA256:${"a".repeat(64)}`,
  null,
  undefined,
];

describe("a manifest", () => {
  test("is read, also of sha512", () => {
    const digest = `sha512:${"b".repeat(128)}`;
    expect(manifestsOf({ digest })).toEqual({
      digest,
      mediaType: manifest.mediaType,
      updatedAt: Date.UTC(2026, 0, 3, 3, 4, 5, 123),
      sizeBytes: 5_312,
      isLocked: false,
      tagNames: ["latest"],
    });
  });

  test("without tags has no such member and is read all the same", () => {
    expect(manifestsOf({ tags: undefined })).toMatchObject({ digest: DIGEST, tagNames: [] });
  });

  test.each(["latest", [5], ["a b"], [null]])("with the tags %j makes no page", (tags) => {
    expect(manifestsOf({ tags })).toBeUndefined();
  });

  test.each([undefined, null, "", 5, "x".repeat(256)])("of the media type %j is of none that is known", (mediaType) => {
    expect(manifestsOf({ mediaType })?.mediaType).toBeNull();
  });

  test.each([undefined, null, -1, 1.5, "5", Number.MAX_VALUE])(
    "of the size %j is of none that is known",
    (imageSize) => {
      expect(manifestsOf({ imageSize })?.sizeBytes).toBeNull();
    },
  );

  test.each(BAD_DIGESTS)("of the digest %j breaks the page", (digest) => {
    expect(manifestsOf({ digest })).toBeUndefined();
    expect(tagsOf({ digest })).toBeUndefined();
    expect(readReferrers({ manifests: [{ digest }] })).toBeNull();
  });
});

describe("a page", () => {
  test("without its list, or with null for it, has nothing on it", () => {
    expect(readTags(page, "team/app")).toEqual([]);
    expect(readTags({ ...page, tags: null }, "team/app")).toEqual([]);
    expect(readManifests({ ...page, manifests: null }, "team/app")).toEqual([]);
    expect(readNames({ repositories: null })).toEqual([]);
  });

  test.each([
    null,
    {},
    [],
    "",
    { tags: [], manifests: [] },
    { ...page, imageName: "team/other", tags: [], manifests: [] },
  ])("that is another's, or says not whose, is none: %j", (other) => {
    expect(readTags(other, "team/app")).toBeNull();
    expect(readManifests(other, "team/app")).toBeNull();
  });

  test.each(["../etc", "a%2f..%2fb", "A", "a//b", "/a", "a/", "a b", "", "*", "x".repeat(256), 5, null])(
    "of names with %j on it is none",
    (name) => {
      expect(readNames({ repositories: ["fine", name] })).toBeNull();
    },
  );

  test.each([null, {}, { manifests: null }, { manifests: {} }])("of referrers is none: %j", (other) => {
    expect(readReferrers(other)).toBeNull();
  });

  test("of anything at all is read or is none", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const read of [readNames, readReferrers]) expect([null, undefined]).not.toContain(read(value) ?? []);
        readTags(value, "a");
        readManifests(value, "a");
      }),
    );
  });
});

describe("a repository", () => {
  const body = { ...page, manifestCount: 3, tagCount: 0, changeableAttributes: { ...FREE, teleportEnabled: false } };
  test("is read: how much it holds, and whether it is locked", () => {
    expect(readRepository(body, "team/app")).toEqual({ manifestCount: 3, tagCount: 0, isLocked: false });
  });

  test.each([{ ...FREE, deleteEnabled: false }, { ...FREE, writeEnabled: false }, {}, null, undefined, "free"])(
    "with the attributes %j is locked",
    (changeableAttributes) => {
      expect(readRepository({ ...body, changeableAttributes }, "team/app")?.isLocked).toBe(true);
    },
  );

  test("without its counts is one of which they are not told", () => {
    const untold = { ...body, manifestCount: undefined, tagCount: null };
    expect(readRepository(untold, "team/app")).toEqual({ manifestCount: null, tagCount: null, isLocked: false });
  });

  test.each([{ manifestCount: -1 }, { manifestCount: "3" }, { tagCount: 1.5 }, { imageName: "team/other" }])(
    "with %j tells nothing",
    (changes) => {
      expect(readRepository({ ...body, ...changes }, "team/app")).toBeNull();
    },
  );
});
