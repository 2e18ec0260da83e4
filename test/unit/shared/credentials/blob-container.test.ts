import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BLOB_ACCESS,
  blobCredentialRequestSchema,
  mintBlobSas,
  sasPermissions,
} from "../../../../shared/credentials/blob-container.ts";
import { NOW } from "../../../support/fakes.ts";
import { containerId } from "../../../support/fakes-access.ts";
import { issueParts } from "../../../support/fakes-issue.ts";

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

describe("mintBlobSas near the end of what it comes through", () => {
  const soon = (milliseconds: number) => new Date(NOW.getTime() + milliseconds).toISOString();
  const mint = (ends: { connector?: string; grant?: string; ttlSeconds?: number; maxTtlSeconds?: number }) => {
    const { deps, minted } = issueParts({ connectorExpiresAt: ends.connector ?? null });
    const request = {
      connector: "azure",
      form: "sas",
      asked: "az://data",
      rule: "grant:lend",
      resourceId: containerId("data"),
      maxTtlSeconds: ends.maxTtlSeconds ?? 3600,
      grantExpiresAt: ends.grant ?? null,
      access: ["read"],
      scope: {},
      ttlSeconds: ends.ttlSeconds ?? null,
    };
    return { made: mintBlobSas(deps, request, NOW), minted };
  };

  test.each([
    ["the connector ends within the second", { connector: soon(999) }, "CONNECTOR_EXPIRED"],
    ["it has ended since it was opened", { connector: soon(-1) }, "CONNECTOR_EXPIRED"],
    ["the grant ends within the second", { grant: soon(999) }, "DENIED"],
    ["both do", { connector: soon(500), grant: soon(500) }, "CONNECTOR_EXPIRED"],
    ["also for a life that is asked for", { grant: soon(0), ttlSeconds: 60 }, "DENIED"],
  ])("%s: nothing is signed", async (_what, ends, code) => {
    const { made, minted } = mint(ends);
    await expect(made).rejects.toMatchObject({ code });
    expect(minted).toEqual([]);
  });

  test.each([
    [{ connector: soon(1_000) }, 1],
    [{ grant: soon(30_000) }, 30],
    [{ maxTtlSeconds: 20 }, 20],
  ])("unasked, what is left is given, even below the shortest life: %j", async (ends, seconds) => {
    const { made, minted } = mint(ends);
    await made;
    expect(minted).toMatchObject([{ expiresAt: new Date(NOW.getTime() + seconds * 1000) }]);
  });

  test("a life that is asked for is refused, never shortened", async () => {
    const { made, minted } = mint({ connector: soon(59_000), ttlSeconds: 60 });
    await expect(made).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(minted).toEqual([]);
  });
});

describe("blobCredentialRequestSchema", () => {
  test("fills in what may be left out", () => {
    expect(blobCredentialRequestSchema.parse(good)).toEqual({
      ...good,
      scope: {},
      form: "sas",
      ttlSeconds: null,
      project: null,
      domain: null,
      reason: null,
    });
  });

  test.each([60, 86_400])("takes a life of %d s", (ttlSeconds) => {
    expect(isTaken({ ttlSeconds })).toBe(true);
  });

  test.each([
    { project: "vision-2", domain: "0" },
    { project: "a".repeat(63), domain: null },
    { reason: "nächtliches Training, Lauf 42: “final” 🚂" },
    { reason: "a".repeat(500) },
  ])("takes %j", (changes) => {
    expect(isTaken(changes)).toBe(true);
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
    ["a project with a slash", { project: "a/b" }],
    ["a project in capitals", { project: "Vision" }],
    ["a project with a space", { project: "a b" }],
    ["a project that is too long", { project: "a".repeat(64) }],
    ["a project of a reserved name", { project: "policy" }],
    ["an empty domain", { domain: "" }],
    ["a domain with an underscore", { domain: "a_b" }],
    ["a domain that begins with a hyphen", { domain: "-a" }],
    ["a domain with a line break", { domain: "a\n" }],
    ["an empty reason", { reason: "" }],
    ["a reason that is too long", { reason: "a".repeat(501) }],
    ["a reason with a line break", { reason: "a\nb" }],
    ["a reason that ends with a line break", { reason: "a\n" }],
    ["a reason with a line separator", { reason: "a\u2028b" }],
    ["a reason with a paragraph separator", { reason: "a\u2029" }],
    ["a reason with a NUL", { reason: "a\u0000" }],
    ["a reason with half a character", { reason: "a\ud800" }],
  ])("refuses %s", (_what, changes) => {
    expect(isTaken(changes)).toBe(false);
  });
});
