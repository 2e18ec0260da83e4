import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oidcIssuersSchema } from "../../../shared/oidc-issuers.ts";

const github = {
  name: "github",
  kind: "github-actions",
  issuer: "https://token.actions.githubusercontent.com",
  audience: "api://latchkey",
};
const cluster = {
  name: "train-cluster",
  kind: "oidc",
  issuer: "https://westeurope.oic.prod-aks.azure.com/a79ff333-8f45-4a74-a42e-68871c17b7fb/30514149/",
  audience: "api://latchkey",
};
const isTaken = (value: unknown) => oidcIssuersSchema.safeParse(JSON.stringify(value)).success;

describe("LATCHKEY_OIDC_ISSUERS", () => {
  test("is empty by default", () => {
    expect(oidcIssuersSchema.parse(undefined)).toEqual([]);
  });

  test("takes GitHub and clusters as they are", () => {
    expect(oidcIssuersSchema.parse(JSON.stringify([github, cluster]))).toEqual([github, cluster]);
  });

  test.each(["", "github", "{", "{}", "null", '"[]"', "[1]", "[[]]"])("refuses %s, which is no list", (text) => {
    expect(oidcIssuersSchema.safeParse(text).success).toBe(false);
  });

  test.each([
    "http://token.actions.githubusercontent.com",
    "https://token.actions.githubusercontent.com:443",
    "https://token.actions.githubusercontent.com:8443",
    "https://user@token.actions.githubusercontent.com",
    "https://token.actions.githubusercontent.com@evil.example",
    "https://token.actions.githubusercontent.com?a=b",
    "https://token.actions.githubusercontent.com#a",
    "https://token.actions.githubusercontent.com/?",
    "https://token.actions.githubusercontent.com//",
    "https://token.actions.githubusercontent.com/a//b",
    "https://token.actions.githubusercontent.com/a/../b",
    "https://token.actions.githubusercontent.com/a/./b",
    "https://token.actions.githubusercontent.com/%2e%2e/b",
    "https://token.actions.githubusercontent.com\\@evil.example",
    "https://token.actions.githubusercontent.com.",
    "https://TOKEN.actions.githubusercontent.com",
    "https://tøken.actions.githubusercontent.com",
    " https://token.actions.githubusercontent.com",
    "https://token.actions.githubusercontent.com\n",
    "https://token.actions.githubusercontent.com\u0000",
    "https://localhost",
    "https://127.0.0.1",
    "https://[::1]",
    "https://0x7f.1",
    "token.actions.githubusercontent.com",
    `https://issuer.example/${"a".repeat(240)}`,
    "https://login.microsoftonline.com/a79ff333-8f45-4a74-a42e-68871c17b7fb/v2.0",
    "https://sts.windows.net/a79ff333-8f45-4a74-a42e-68871c17b7fb/",
  ])("refuses the issuer %s", (issuer) => {
    expect(isTaken([{ ...cluster, issuer }])).toBe(false);
  });

  test.each<[string, object]>([
    ["no name", { name: undefined }],
    ["a name outside the grammar", { name: "Git Hub" }],
    ["a name that breaks a principal's", { name: "a/b" }],
    ["an unknown kind", { kind: "saml" }],
    ["no audience", { audience: "" }],
    ["an audience that is too long", { audience: "a".repeat(256) }],
    ["a list of audiences", { audience: ["api://latchkey"] }],
    ["the audience of tokens for Entra", { audience: "api://AzureADTokenExchange" }],
    ["a member that we do not know", { algorithms: ["ES256"] }],
  ])("refuses %s", (_what, change) => {
    expect(isTaken([{ ...cluster, ...change }])).toBe(false);
  });

  test("refuses a name or an issuer twice, and a second GitHub, whose numbers would mean other repositories", () => {
    expect(isTaken([cluster, { ...cluster, issuer: "https://other.example" }])).toBe(false);
    expect(isTaken([cluster, { ...cluster, name: "other" }])).toBe(false);
    expect(isTaken([github, { ...github, name: "ghes", issuer: "https://github.example/_services/token" }])).toBe(
      false,
    );
  });

  test("takes no text under which a URL parser sees another host or anything but https", () => {
    const part = fc.constantFrom(
      "https://",
      "http://",
      "a.example",
      "evil.test",
      "@",
      ":",
      "/",
      "\\",
      "?",
      "#",
      ".",
      "%2f",
      "443",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const issuer = parts.join("");
        if (!isTaken([{ ...cluster, issuer }])) return;
        const url = new URL(issuer);
        expect([url.protocol, url.port, url.username, url.search, url.hash]).toEqual(["https:", "", "", "", ""]);
        expect(issuer.startsWith(`https://${url.hostname}`)).toBe(true);
        expect([issuer, `${issuer}/`]).toContain(url.href);
      }),
    );
  });
});
