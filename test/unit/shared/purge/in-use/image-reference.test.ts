import fc from "fast-check";
import { expect, test } from "vitest";
import { readReference } from "../../../../../shared/purge/in-use/image-reference.ts";

const SERVER = "demo.azurecr.io";
const DIGEST = `sha256:${"0a".repeat(32)}`;
const image = (repository: string, tag: string | null, digest: string | null = null) => ({
  kind: "image",
  repository,
  tag,
  digest,
});

test.each([
  ["demo.azurecr.io/app:1", image("app", "1")],
  ["demo.azurecr.io/team/app:v1.2_x-3", image("team/app", "v1.2_x-3")],
  ["demo.azurecr.io/app", image("app", "latest")],
  [`demo.azurecr.io/app@${DIGEST}`, image("app", null, DIGEST)],
  [`demo.azurecr.io/app:1@${DIGEST}`, image("app", "1", DIGEST)],
  [`docker-pullable://demo.azurecr.io/app@${DIGEST}`, image("app", null, DIGEST)],
  [`docker://demo.azurecr.io/app@${DIGEST.toUpperCase().replace("SHA", "sha")}`, image("app", null, DIGEST)],
  ["DEMO.azurecr.IO/app:1", image("app", "1")],
  ["demo.azurecr.io:443/app:1", image("app", "1")],
  ["demo.azurecr.io:8443/app:1", image("app", "1")],
  ["demo.azurecr.io./app:1", image("app", "1")],
  ["demo.westeurope.geo.azurecr.io/app:1", image("app", "1")],
  [" demo.azurecr.io/app:1\n", image("app", "1")],
  ["mirror.example.com/demo.azurecr.io/team/app:v1", image("team/app", "v1")],
  [`mirror.example.com:5000/cache/DEMO.azurecr.io/app@${DIGEST}`, image("app", null, DIGEST)],
  ["demo.azurecr.io/demo.azurecr.io/app:1", image("demo.azurecr.io/app", "1")],
  ["a b/demo.azurecr.io/x", image("x", "latest")],
])("%s is read", (text, expected) => {
  expect(readReference(text, SERVER)).toEqual(expected);
});

test.each([
  "nginx",
  "nginx:1.25",
  "library/nginx@sha256:00",
  "other.azurecr.io/app:1",
  "demo.azurecr.us/app:1",
  "demo.azurecr.io.example.com/app:1",
  "mirror.example.com/xdemo.azurecr.io/app:1",
  "mirror.example.com/demo.azurecr.io:1",
  "xdemo.azurecr.io/app:1",
  "",
  ":::",
])("%s uses nothing of the registry", (text) => {
  expect(readReference(text, SERVER)).toBeNull();
});

test.each([
  `mirror.example.com/team/app@${DIGEST}`,
  `docker-pullable://mirror.example.com/team/app:1@${DIGEST.toUpperCase().replace("SHA", "sha")}`,
  `app@${DIGEST}`,
  DIGEST,
  `docker://${DIGEST}`,
])("%s may be of the registry by its digest, whatever its name", (text) => {
  expect(readReference(text, SERVER)).toEqual({ kind: "anywhere", digest: DIGEST });
});

test.each([
  ["demo.azurecr.io/app:", "app"],
  ["demo.azurecr.io/app@sha256:12", "app"],
  ["demo.azurecr.io/team/app:a:b", "team/app"],
  ["demo.azurecr.io/App:1", "app"],
  ["demo.azurecr.io/app:$(TAG)", "app"],
])("%s keeps the whole repository %s", (text, repository) => {
  expect(readReference(text, SERVER)).toEqual({ kind: "whole", repository });
});

test.each([
  "demo.azurecr.io/",
  "demo.azurecr.io",
  "demo.azurecr.io/../app:1",
  "demo.azurecr.io/$(APP):1",
  "a b/demo.azurecr.io",
  "demo.azurecr.io\\app",
])("%s cannot be read", (text) => {
  expect(() => readReference(text, SERVER)).toThrow("names the registry");
});

test("what begins with the login server is never passed over", () => {
  const rest = fc.string({ unit: fc.constantFrom(..."ab01/:@.-_ A$%\\") });
  fc.assert(
    fc.property(rest, (text) => {
      try {
        expect(readReference(`${SERVER}/${text}`, SERVER)).not.toBeNull();
      } catch (error) {
        expect(String(error)).toContain("names the registry");
      }
    }),
  );
});
