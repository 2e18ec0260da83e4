import { createPrivateKey, createPublicKey } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { type ConnectorRequest, connectorRequestSchema } from "../../../../shared/connectors/connector.ts";
import { checkSecret } from "../../../../shared/connectors/secret-check.ts";
import { InputError } from "../../../../shared/errors.ts";
import { connectorRequest, NOW, OBJECT, TENANT } from "../../../support/fakes.ts";
import { makePem, type Pem } from "../../../support/pem.ts";

const DAY_MS = 86_400_000;
const day = (days: number) => new Date(NOW.getTime() + days * DAY_MS);

function refusalOf(request: Pick<ConnectorRequest, "secrets" | "cloud">, now = NOW): InputError {
  try {
    checkSecret(request, now);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a client secret says nothing", () => {
  expect(checkSecret(connectorRequest(), NOW)).toEqual({ endsAt: null, tenantId: null });
});

describe("a certificate", () => {
  let good: Pem;
  let other: Pem;
  let elliptic: Pem;
  beforeAll(async () => {
    [good, other, elliptic] = await Promise.all([
      makePem(day(-1), day(30)),
      makePem(day(-1), day(60)),
      makePem(day(-1), day(30), "ec"),
    ]);
  });
  const withPem = (certificate: string) => connectorRequest({ secrets: { certificate } });
  const encrypted = () =>
    createPrivateKey(good.key)
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString();
  const encryptedOld = () =>
    createPrivateKey(good.key)
      .export({ type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString();
  const pkcs1 = () => createPrivateKey(good.key).export({ type: "pkcs1", format: "pem" }).toString();

  test.each<[string, () => string]>([
    ["behind its key", () => good.key + good.certificate],
    ["before its key", () => good.certificate + good.key],
    ["with a key in the older form", () => pkcs1() + good.certificate],
    ["with the rest of its chain behind", () => good.key + good.certificate + other.certificate],
    [
      "with Windows' line ends and text around",
      () => `Bag Attributes\r\n${(good.key + good.certificate).replaceAll("\n", "\r\n")}`,
    ],
  ])("%s: the connector ends with it", (_what, pem) => {
    expect(checkSecret(withPem(pem()), NOW)).toEqual({ endsAt: day(30), tenantId: null });
  });

  test.each<[string, () => string]>([
    ["text", () => "no certificate at all"],
    ["a key alone", () => good.key],
    ["a certificate alone", () => good.certificate],
    ["two keys", () => good.key + other.key + good.certificate],
    ["an encrypted key", () => encrypted() + good.certificate],
    ["a key that is encrypted in the older way", () => encryptedOld() + good.certificate],
    ["a key of an elliptic curve", () => elliptic.key + elliptic.certificate],
    ["somebody else's key", () => other.key + good.certificate],
    ["its own certificate only second", () => good.key + other.certificate + good.certificate],
    [
      "a public key",
      () => createPublicKey(good.key).export({ type: "spki", format: "pem" }).toString() + good.certificate,
    ],
    ["a key that was cut", () => good.key.replace(/\n.{64}\n/, "\n") + good.certificate],
    ["a certificate that was cut", () => good.key + good.certificate.replace(/\n.{64}\n/, "\n")],
    ["ends that do not fit", () => (good.key + good.certificate).replace("END PRIVATE", "END PUBLIC")],
    ["a long text of hyphens", () => "-----BEGIN ".repeat(1_800)],
  ])("not: %s, and the answer does not repeat it", (_what, pem) => {
    const error = refusalOf(withPem(pem()));
    expect(error).toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "/secrets/certificate" }] });
    const shown = JSON.stringify([error, error.message, error.stack, error.cause ?? null]);
    const longest = Math.max(
      ...pem()
        .split(/\s+/)
        .map((word) => word.length),
    );
    const secret =
      pem()
        .split(/\s+/)
        .find((word) => word.length === longest) ?? "";
    if (longest > 20) expect(shown).not.toContain(secret);
  });

  test.each([
    ["before its first moment", -1, -1],
    ["at its end", 30, 0],
    ["after its end", 30, 1],
  ])("not %s", (_what, days, seconds) => {
    const now = new Date(day(days).getTime() + seconds * 1000);
    expect(refusalOf(withPem(good.key + good.certificate), now).problems[0]?.path).toBe("/secrets/certificate");
  });

  test("yes within its last second", () => {
    const last = new Date(day(30).getTime() - 1000);
    expect(checkSecret(withPem(good.key + good.certificate), last).endsAt).toEqual(day(30));
  });
});

describe("an access token", () => {
  const exp = Math.floor(NOW.getTime() / 1000) + 3600;
  const claims = { exp, aud: "https://management.azure.com", tid: TENANT.toUpperCase(), oid: OBJECT };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const tokenOf = (payload: unknown) => `${encode({ alg: "RS256" })}.${encode(payload)}.c2ln`;
  const withToken = (token: string, cloud: ConnectorRequest["cloud"] = "public") =>
    connectorRequestSchema.parse({ name: "t", authMethod: "access-token", cloud, secrets: { token } });

  test.each([
    ["public", "https://management.azure.com"],
    ["public", "https://management.azure.com/"],
    ["public", "https://management.core.windows.net/"],
    ["us-government", "https://management.usgovcloudapi.net"],
    ["china", "https://management.chinacloudapi.cn/"],
  ] as const)("of %s for %s: its end and its tenant", (cloud, aud) => {
    const facts = checkSecret(withToken(tokenOf({ ...claims, aud }), cloud), NOW);
    expect(facts).toEqual({ endsAt: new Date(exp * 1000), tenantId: TENANT });
  });

  test.each<[string, string]>([
    ["text", "not-a-token"],
    ["two parts", tokenOf(claims).replace(/\.[^.]*$/, "")],
    ["four parts", `${tokenOf(claims)}.x.y`],
    ["no JSON", `a.${Buffer.from("{").toString("base64url")}.c`],
    ["no end", tokenOf({ ...claims, exp: undefined })],
    ["an end as text", tokenOf({ ...claims, exp: String(exp) })],
    ["no tenant", tokenOf({ ...claims, tid: undefined })],
    ["for storage", tokenOf({ ...claims, aud: "https://storage.azure.com" })],
    ["for ARM of another cloud", tokenOf({ ...claims, aud: "https://management.usgovcloudapi.net" })],
    ["for a host that only begins alike", tokenOf({ ...claims, aud: "https://management.azure.com.evil.example" })],
    ["for several", tokenOf({ ...claims, aud: ["https://management.azure.com"] })],
    ["at its end", tokenOf({ ...claims, exp: NOW.getTime() / 1000 })],
    ["long ended", tokenOf({ ...claims, exp: 0 })],
  ])("not: %s", (_what, token) => {
    const error = refusalOf(withToken(token));
    expect(error).toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "/secrets/token" }] });
    expect(JSON.stringify([error, error.message])).not.toContain(token);
  });
});
