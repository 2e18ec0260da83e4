import { describe, expect, test } from "vitest";
import { mountOf } from "../../../../shared/credentials/key-vault-secret.ts";
import { askOf, credentialRequestSchema } from "../../../../shared/credentials/request.ts";

const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const secret = { resourceType: "key-vault-secret", resourceId: SECRET, access: ["read"] };
const token = { resourceType: "azure-generic", resourceId: "Sub", access: ["use"], scope: { audience: "arm" } };
const isTaken = (body: object) => credentialRequestSchema.safeParse(body).success;

test.each([secret, { ...secret, scope: { version: "5f0c" } }, { ...secret, ttlSeconds: null }, token])(
  "%j is taken",
  (body) => {
    expect(isTaken(body)).toBe(true);
  },
);

test.each<[string, object]>([
  ["no type", { ...secret, resourceType: undefined }],
  ["a type that is not served", { ...secret, resourceType: "docker-registry" }],
  ["a name that objects have", { ...secret, resourceType: "__proto__" }],
  ["another type's right", { ...secret, access: ["write"] }],
  ["a right twice", { ...secret, access: ["read", "read"] }],
  ["no right", { ...token, access: [] }],
  ["a life for a secret", { ...secret, ttlSeconds: 600 }],
  ["a life for a token", { ...token, ttlSeconds: 600 }],
  ["another type's form", { ...secret, form: "sas" }],
  ["another type's scope", { ...secret, scope: { audience: "arm" } }],
  ["a version that climbs", { ...secret, scope: { version: "../keys" } }],
  ["an empty version", { ...secret, scope: { version: "" } }],
  ["a token for nobody in particular", { ...token, scope: {} }],
  ["a token for two", { ...token, scope: { audience: ["arm", "storage"] } }],
  ["an audience with a space", { ...token, scope: { audience: "arm storage" } }],
  ["an unknown member", { ...token, principal: "other" }],
])("%s is refused", (_what, body) => {
  expect(isTaken(body)).toBe(false);
});

describe("askOf", () => {
  const ask = (changes: object) => askOf(credentialRequestSchema.parse({ ...secret, ...changes }), "azure");

  test("moves a version behind the name into the scope, where policy looks", () => {
    expect(ask({ resourceId: `${SECRET}/5f0c` })).toMatchObject({ resourceId: SECRET, scope: { version: "5f0c" } });
    expect(ask({ resourceId: `${SECRET}/5F0C`, scope: { version: "5f0c" } }).scope).toEqual({ version: "5f0c" });
    expect(ask({})).toMatchObject({ resourceId: SECRET, scope: {}, form: "secret", defaultForm: "secret" });
  });

  test("refuses two different versions", () => {
    const two = () => ask({ resourceId: `${SECRET}/5f0c`, scope: { version: "abcd" } });
    expect(two).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });
});

test.each([
  ["db-password", "DB_PASSWORD"],
  ["1st", "_1ST"],
])("the variable of %s is one that shells take: %s", (name, variable) => {
  expect(mountOf("ENV_VAR", name)).toEqual({ kind: "ENV_VAR", variable });
});

test("a file has the name of the secret", () => {
  expect(mountOf("FILE", "db-password")).toEqual({
    kind: "FILE",
    path: "/etc/secrets/db-password",
    name: "db-password",
  });
});
