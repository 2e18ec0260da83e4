import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BLOB_ACCESS,
  blobCredentialRequestSchema,
  sasPermissions,
} from "../../../../shared/credentials/blob-container.ts";

const good = { resourceType: "blob-container", resourceId: "az://data", access: ["read"] };
const isTaken = (changes: object) => blobCredentialRequestSchema.safeParse({ ...good, ...changes }).success;

describe("sasPermissions", () => {
  test.each([
    [["read"], "r"],
    [["list"], "l"],
    [["delete"], "d"],
    [["write"], "acw"],
    [["list", "read"], "rl"],
    [["delete", "list", "write", "read"], "racwdl"],
  ] as const)("%j is %s", (access, letters) => {
    expect(sasPermissions(access)).toBe(letters);
  });

  test("a right's letters come with that right and never without, in whatever order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...BLOB_ACCESS)), (access) => {
        const letters = sasPermissions(access);
        const expected = { read: "r", write: "acw", delete: "d", list: "l" };
        for (const right of BLOB_ACCESS) {
          for (const letter of expected[right]) expect(letters.includes(letter)).toBe(access.includes(right));
        }
      }),
    );
  });
});

describe("blobCredentialRequestSchema", () => {
  test("fills in what may be left out", () => {
    expect(blobCredentialRequestSchema.parse(good)).toEqual({
      ...good,
      scope: {},
      form: "sas",
      ttlSeconds: 3600,
      project: null,
      domain: null,
      reason: null,
    });
  });

  test.each([60, 86_400])("takes a life of %d s", (ttlSeconds) => {
    expect(isTaken({ ttlSeconds })).toBe(true);
  });

  test.each<[string, object]>([
    ["a life below a minute", { ttlSeconds: 59 }],
    ["a life above a day", { ttlSeconds: 86_401 }],
    ["half seconds", { ttlSeconds: 60.5 }],
    ["a life as text", { ttlSeconds: "3600" }],
    ["a life that is no number", { ttlSeconds: Number.NaN }],
    ["no rights", { access: [] }],
    ["a right twice", { access: ["read", "read"] }],
    ["an unknown right", { access: ["admin"] }],
    ["SAS letters", { access: "rl" }],
    ["a scope", { scope: { prefix: "x" } }],
    ["another form", { form: "account-key" }],
    ["another resource type", { resourceType: "docker-registry" }],
    ["an empty resource", { resourceId: "" }],
    ["a very long resource", { resourceId: "a".repeat(1025) }],
    ["a principal", { principal: "someone-else" }],
    ["an empty project", { project: "" }],
  ])("refuses %s", (_what, changes) => {
    expect(isTaken(changes)).toBe(false);
  });
});
