import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import fc from "fast-check";
import { base64url, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { accessTokenClaims } from "../../../../../infra/local/azure/entra/claims.ts";
import {
  type AssertionDeps,
  checkClientAssertion,
  type IssuerKey,
} from "../../../../../infra/local/azure/entra/client-assertion.ts";
import { makeClientCertificate, registered } from "../../../../../infra/local/azure/entra/client-certificates.ts";
import { directoriesOf, findClient, identityClients } from "../../../../../infra/local/azure/entra/directory.ts";
import { SignInError } from "../../../../../infra/local/azure/entra/errors.ts";
import { findResource } from "../../../../../infra/local/azure/entra/resources.ts";
import { signToken } from "../../../../../infra/local/azure/entra/signed-tokens.ts";
import { NOW, NOW_SECONDS, deps as parts, refusalOf } from "./entra-parts.ts";

const { seed, key } = parts;
const CERTIFIED = "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d21";
const ISSUER = `https://login.microsoftonline.com/${seed.tenant.id}/v2.0`;
const GITHUB = "https://token.actions.githubusercontent.com";
const DAY_MS = 86_400_000;

const pem = await makeClientCertificate("CN=test", new Date(NOW.getTime() - DAY_MS));
const pair = (text: string) => {
  const der = new X509Certificate(text.slice(text.indexOf("-----BEGIN CERT"))).raw;
  const thumbprint = (algorithm: string) => createHash(algorithm).update(der).digest("base64url");
  return { key: createPrivateKey(text), x5t: thumbprint("sha1"), "x5t#S256": thumbprint("sha256") };
};
const certificate = pair(pem);
const githubKeys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const githubPublicKey = await crypto.subtle.importKey(
  "jwk",
  githubKeys.publicKey.export({ format: "jwk" }),
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  true,
  ["verify"],
);

const deps: AssertionDeps = {
  certificates: [registered(CERTIFIED, pem)],
  issuerKey: (issuer) =>
    new Map<string, IssuerKey>([
      [ISSUER, key],
      [GITHUB, { kid: "github", publicKey: githubPublicKey }],
    ]).get(issuer),
  now: () => NOW,
};
const clientNamed = (name: string) => {
  const application = seed.applications.find((one) => one.name === name);
  const client = application && findClient(seed, application.clientId);
  if (client === undefined) throw new Error(`the seed has no application ${name}`);
  return client;
};
const check = (assertion: string, name: string, more: Partial<AssertionDeps> = {}) =>
  checkClientAssertion({ ...deps, ...more }, seed.tenant, clientNamed(name), assertion);

describe("a certificate's assertion", () => {
  const claims = {
    aud: `https://login.microsoftonline.com/${seed.tenant.id}/oauth2/v2.0/token`,
    iss: CERTIFIED,
    sub: CERTIFIED,
    nbf: NOW_SECONDS,
    exp: NOW_SECONDS + 600,
  };
  const PS256 = { alg: "PS256", typ: "JWT", "x5t#S256": certificate["x5t#S256"] };
  const sign = (
    more: Record<string, unknown> = {},
    header: Record<string, string> & { alg: string } = PS256,
    by = certificate.key,
  ) => new SignJWT({ ...claims, ...more }).setProtectedHeader(header).sign(by);
  const verdict = async (
    assertion: string | Promise<string>,
    name = "zenml-certificate",
    more?: Partial<AssertionDeps>,
  ) =>
    check(await assertion, name, more).then(
      () => "good",
      (cause: unknown) => (cause instanceof SignInError ? [cause.status, cause.error, cause.code] : cause),
    );

  test.each([
    ["SHA-256, RSA-PSS", PS256],
    ["SHA-1, PKCS #1", { alg: "RS256", x5t: certificate.x5t }],
    ["a chain beside it", { ...PS256, kid: "whatever" }],
  ])("is taken: %s", async (_what, header) => {
    expect(await verdict(sign({}, header))).toBe("good");
  });

  const { id, domain } = seed.tenant;
  test.each([
    `https://login.microsoftonline.com/${id}/oauth2/v2.0/token`,
    `https://login.microsoftonline.com/${id}/oauth2/token`,
    `https://login.microsoftonline.com/${domain.toUpperCase()}/oauth2/v2.0/token`,
    `https://login.windows.net/${id}/oauth2/v2.0/token`,
    `https://login.microsoft.com/${id}/oauth2/v2.0/token`,
    `https://login.microsoftonline.com/${id}/v2.0`,
    `https://sts.windows.net/${id}/`,
  ])("may name the authority as %s", async (aud) => {
    expect(await verdict(sign({ aud }))).toBe("good");
  });

  test.each([
    `https://login.microsoftonline.com/${seed.otherTenants[0]?.id}/oauth2/v2.0/token`,
    "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    `https://login.microsoftonline.us/${id}/oauth2/v2.0/token`,
    `https://login.microsoftonline.com.example.org/${id}/oauth2/v2.0/token`,
    `https://login.microsoftonline.com:8443/${id}/oauth2/v2.0/token`,
    `http://login.microsoftonline.com/${id}/oauth2/v2.0/token`,
    `https://login.microsoftonline.com/${id}/oauth2/v2.0/token?x`,
    `https://login.microsoftonline.com/${id}/oauth2/v2.0/authorize`,
    `https://login.microsoftonline.com/x/../../${id}x/oauth2/v2.0/token`,
    "api://AzureADTokenExchange",
    "",
  ])("is refused for another realm: %s", async (aud) => {
    expect(await verdict(sign({ aud }))).toEqual([401, "invalid_client", 700023]);
  });

  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  test.each<[string, Promise<string>, [number, string, number]]>([
    ["no JWT", Promise.resolve("x"), [400, "invalid_request", 50027]],
    ["no expiry", sign({ exp: undefined }), [400, "invalid_request", 50027]],
    ["an expiry that is no time", sign({ exp: 1e300 }), [400, "invalid_request", 50027]],
    ["two audiences", sign({ aud: [claims.aud, claims.aud] }), [400, "invalid_request", 50027]],
    ["no thumbprint", sign({}, { alg: "PS256" }), [400, "invalid_request", 50027]],
    ["an elliptic curve", sign({}, { ...PS256, alg: "ES256" }, ec), [400, "invalid_request", 5002738]],
    ["no signature", Promise.resolve(new UnsecuredJWT(claims).encode()), [400, "invalid_request", 5002738]],
    ["another's key under our thumbprint", sign({}, PS256, stranger), [401, "invalid_client", 700027]],
    [
      "a thumbprint that is not registered",
      sign({}, { ...PS256, "x5t#S256": "AAAA" }),
      [401, "invalid_client", 700027],
    ],
    ["another subject", sign({ sub: seed.tenant.id }), [401, "invalid_client", 50048]],
    ["issued by another client", sign({ iss: seed.tenant.id, sub: seed.tenant.id }), [401, "invalid_client", 700021]],
    ["over", sign({ exp: NOW_SECONDS - 301 }), [401, "invalid_client", 700024]],
    ["not begun", sign({ nbf: NOW_SECONDS + 301 }), [401, "invalid_client", 700024]],
  ])("is refused: %s", async (_what, assertion, expected) => {
    expect(await verdict(assertion)).toEqual(expected);
  });

  test("is taken within five minutes of its times", async () => {
    expect(await verdict(sign({ nbf: NOW_SECONDS + 299, exp: NOW_SECONDS - 299 }))).toBe("good");
  });

  test("of one application is refused for another, even with its id as issuer", async () => {
    expect(await verdict(sign(), "zenml-federated")).toEqual([401, "invalid_client", 700021]);
    const other = clientNamed("zenml-federated").clientId;
    expect(await verdict(sign({ iss: other, sub: other }), "zenml-federated")).toEqual([401, "invalid_client", 700027]);
  });

  test.each([
    ["over", new Date(NOW.getTime() - 3 * DAY_MS)],
    ["not begun", new Date(NOW.getTime() + DAY_MS)],
  ])("is refused when the certificate's own time is %s, and says which time that is", async (_what, from) => {
    const own = await makeClientCertificate("CN=test", from, DAY_MS);
    const { key: by, "x5t#S256": thumbprint } = pair(own);
    const assertion = await sign({}, { alg: "PS256", "x5t#S256": thumbprint }, by);
    const answer = check(assertion, "zenml-certificate", { certificates: [registered(CERTIFIED, own)] });
    expect(await refusalOf(answer)).toEqual([401, "invalid_client", 700027]);
  });

  test("changed anywhere is refused", async () => {
    const good = await sign();
    const [head = "", payload = "", signature = ""] = good.split(".");
    const bytes = base64url.decode(signature);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const changed = Uint8Array.from(bytes, (byte, index) => (index === place ? byte ^ change : byte));
        expect(await verdict([head, payload, base64url.encode(changed)].join("."))).toEqual([
          401,
          "invalid_client",
          700027,
        ]);
      }),
      { numRuns: 20 },
    );
  });

  test("names the thumbprint, and the times of the certificate it found", async () => {
    const [from, until] = [new Date("2026-11-21T10:00:00Z"), new Date("2028-11-20T10:00:00Z")];
    const thumbprint = Buffer.from(PS256["x5t#S256"], "base64url").toString("hex").toUpperCase();
    await expect(check(await sign({}, PS256, stranger), "zenml-certificate")).rejects.toThrow(
      `Thumbprint of key used by client: '${thumbprint}', Found key 'Start=11/21/2026 10:00:00, End=11/20/2028 10:00:00'`,
    );
    expect(registered(CERTIFIED, pem)).toMatchObject({ from, until });
  });
});

describe("a token of another issuer", () => {
  const client = clientNamed("zenml-federated");
  const exchange = findResource(seed, "api://AzureADTokenExchange");
  const identity = identityClients(seed).find(({ name }) => name === "latchkey-app-identity");
  if (exchange === undefined || identity === undefined) throw new Error("the seed lacks the app's identity");
  const subject = { client: identity, proof: "2", understandsRevocation: false, user: undefined } as const;
  const ofIdentity = accessTokenClaims(seed, exchange, subject, { issuedAt: NOW, seconds: 86_400 });
  const sign = (more: Record<string, unknown> = {}) => signToken(key, { ...ofIdentity, ...more });
  const verdict = (assertion: string, name = "zenml-federated", more?: Partial<AssertionDeps>) =>
    refusalOf(check(assertion, name, more));

  test("is the exchange's v2 token, signed by the tenant, and taken", async () => {
    expect(ofIdentity).toMatchObject({
      aud: "fb60f99c-7a34-4190-8149-302f77469936",
      iss: ISSUER,
      azp: identity.clientId,
      azpacr: "2",
      idtyp: "app",
      oid: identity.objectId,
      sub: identity.objectId,
      tid: seed.tenant.id,
      ver: "2.0",
    });
    await expect(check(await sign(), "zenml-federated")).resolves.toBeUndefined();
  });

  test.each<[string, Record<string, unknown>, number]>([
    ["the other tenant", { iss: `https://login.microsoftonline.com/${seed.otherTenants[0]?.id}/v2.0` }, 700211],
    ["the v1 issuer", { iss: `https://sts.windows.net/${seed.tenant.id}/` }, 700211],
    ["a slash more", { iss: `${ISSUER}/` }, 700211],
    ["another identity", { sub: seed.tenant.id }, 700213],
    ["the identity's client id", { sub: identity.clientId }, 700213],
    ["capitals", { sub: identity.objectId?.toUpperCase() }, 7002138],
    ["ARM", { aud: "https://management.azure.com" }, 700212],
    ["no managed identity", { xms_mirid: undefined }, 700226],
    ["over", { exp: NOW_SECONDS - 301 }, 700024],
    ["not begun", { nbf: NOW_SECONDS + 301 }, 700024],
  ])("is refused: %s", async (_what, claims, code) => {
    expect(await verdict(await sign(claims))).toEqual([401, "invalid_client", code]);
  });

  test("is refused by an application that trusts nobody", async () => {
    expect(await verdict(await sign(), "zenml-connector")).toEqual([401, "invalid_client", 70025]);
  });

  test("is refused when somebody else signed it, under our key's id too", async () => {
    const forged = (kid: string) =>
      new SignJWT(ofIdentity).setProtectedHeader({ alg: "RS256", kid }).sign(githubKeys.privateKey);
    expect(await verdict(await forged(key.kid))).toEqual([401, "invalid_client", 7000272]);
    expect(await verdict(await forged("github"))).toEqual([401, "invalid_client", 7000272]);
  });

  test("is refused when signed otherwise than by RS256", async () => {
    const secret = Buffer.from(key.certificate, "base64");
    const forged = await new SignJWT(ofIdentity).setProtectedHeader({ alg: "HS256", kid: key.kid }).sign(secret);
    expect(await verdict(forged)).toEqual([400, "invalid_request", 5002738]);
  });

  const job = {
    iss: GITHUB,
    sub: "repo:zenml-demo@88676955/vision-training@812345678:ref:refs/heads/main",
    aud: ["api://AzureADTokenExchange"],
    exp: NOW_SECONDS + 300,
  };
  const signJob = (more: JWTPayload = {}) =>
    new SignJWT({ ...job, ...more }).setProtectedHeader({ alg: "RS256", kid: "github" }).sign(githubKeys.privateKey);

  test("of a job at GitHub is taken, whether it names one audience or a list", async () => {
    await expect(check(await signJob(), client.name)).resolves.toBeUndefined();
    await expect(check(await signJob({ aud: "api://AzureADTokenExchange" }), client.name)).resolves.toBeUndefined();
  });

  test("of a job at GitHub is refused with another subject or audience", async () => {
    expect(await verdict(await signJob({ sub: `${job.sub}x` }))).toEqual([401, "invalid_client", 700213]);
    expect(await verdict(await signJob({ aud: "api://latchkey" }))).toEqual([401, "invalid_client", 700212]);
  });

  test("cannot mix one credential's issuer with another's subject", async () => {
    expect(await verdict(await signJob({ sub: String(identity.objectId) }))).toEqual([401, "invalid_client", 700213]);
  });

  test("is refused when its issuer cannot be asked for keys", async () => {
    const unreachable = { issuerKey: () => undefined };
    expect(await verdict(await sign(), client.name, unreachable)).toEqual([401, "invalid_client", 501661]);
  });

  test("signs in to the other tenant an application that is known there", async () => {
    const [, partner] = directoriesOf(seed);
    const known = partner && findClient(partner, clientNamed("zenml-multitenant").clientId);
    if (partner === undefined || known === undefined) throw new Error("the seed lacks the other tenant");
    await expect(checkClientAssertion(deps, partner.tenant, known, await sign())).resolves.toBeUndefined();
    expect(known.objectId).not.toBe(clientNamed("zenml-multitenant").objectId);
    expect(findClient(partner, client.clientId)).toBeUndefined();
  });
});
