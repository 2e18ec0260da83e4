/** Mirrors infra/local/azure/registry/repository-name.ts: attacks by names and references. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf, reference, repositoryName } from "../../../../../infra/local/azure/registry/repository-name.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const refusedWith = (code: string) => expect.objectContaining({ status: 400, code });

test.each([
  ["zenml", "zenml"],
  ["team/app", "team/app"],
  ["team%2Fapp", "team/app"],
  ["a.b/c_d/e__f/g---h", "a.b/c_d/e__f/g---h"],
  ["a".repeat(255), "a".repeat(255)],
])("takes %s", (part, name) => {
  expect(repositoryName(part)).toBe(name);
});

test.each([
  "",
  "A",
  "team/App",
  "a/../b",
  "..",
  ".",
  "a/./b",
  "a//b",
  "/a",
  "a/",
  "%2e%2e",
  "a%2F..%2Fb",
  "a%252Fb",
  "a%00",
  "a b",
  "a___b",
  "-a",
  "a-",
  "a\\b",
  "ä",
  "%",
  "%zz",
  "a:b",
  "a@b",
  "a".repeat(256),
])("refuses %s", (part) => {
  expect(() => repositoryName(part)).toThrow(refusedWith("NAME_INVALID"));
});

test("what is taken never has a component of dots, whatever was sent", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "%2F", "%2E", "_", "-", "A") }), (part) => {
      try {
        for (const component of repositoryName(part).split("/")) expect(component).toMatch(/^[a-z0-9](.*[a-z0-9])?$/);
      } catch (error) {
        expect(error).toEqual(refusedWith("NAME_INVALID"));
      }
    }),
  );
});

test("a reference is a digest when it has a colon, else a tag", () => {
  expect(reference(DIGEST)).toEqual({ digest: DIGEST });
  expect(reference(encodeURIComponent(DIGEST))).toEqual({ digest: DIGEST });
  expect(reference("V1.0_a-b")).toEqual({ tag: "V1.0_a-b" });
  expect(() => reference(`-${"a".repeat(3)}`)).toThrow(refusedWith("TAG_INVALID"));
  expect(() => reference("a".repeat(129))).toThrow(refusedWith("TAG_INVALID"));
});

test.each([
  "sha256:",
  `sha256:${"A".repeat(64)}`,
  `sha256:../${"a".repeat(61)}`,
  `md5:${"a".repeat(32)}`,
  `${DIGEST}0`,
  "%",
])("refuses the digest %s", (text) => {
  expect(() => digestOf(text)).toThrow(refusedWith("DIGEST_INVALID"));
});
