/** The key that signs every token: made at the first start, kept in the state folder. Used by entra.ts and github.ts. */
import "reflect-metadata";
import { createHash, randomBytes, type webcrypto } from "node:crypto";
import { X509CertificateGenerator } from "@peculiar/x509";
import type { StateStore } from "../../state.ts";

const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
/** Entra's signing certificates are valid for five years. */
const CERTIFICATE_YEARS = 5;
/** Where Entra's key is kept, and the subject of its own signing certificates. */
const ENTRA = { document: "entra", subject: "CN=accounts.accesscontrol.windows.net" };

type StoredKey = { privateKey: webcrypto.JsonWebKey; certificate: string; refreshTokenKey: string } | null;

/** What signing, JWKS and refresh tokens need. */
export type SigningKey = {
  /** Thumbprint of the certificate (SHA-1, base64url): `kid` and `x5t` of tokens and JWKS, as in Entra. */
  readonly kid: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
  /** Modulus and exponent, base64url. */
  readonly n: string;
  readonly e: string;
  /** DER of the certificate, base64: the `x5c` of JWKS. */
  readonly certificate: string;
  /** 32 bytes that seal refresh tokens. */
  readonly refreshTokenKey: Uint8Array;
};

/** Loads the key pair, or makes it on the first start. */
export async function openSigningKey(state: StateStore, now: () => Date, issuer = ENTRA): Promise<SigningKey> {
  const document = state.document<{ key: StoredKey }>(issuer.document, () => ({ key: null }));
  let stored = document.read().key;
  if (stored === null) {
    stored = await createKey(now(), issuer.subject);
    const created = stored;
    document.update((value) => {
      value.key = created;
    });
  }
  const { n, e, kty } = stored.privateKey;
  if (n === undefined || e === undefined || kty === undefined)
    throw new Error(`${issuer.document}.json holds no RSA key`);
  return {
    kid: createHash("sha1").update(Buffer.from(stored.certificate, "base64")).digest("base64url"),
    privateKey: await crypto.subtle.importKey("jwk", stored.privateKey, ALGORITHM, false, ["sign"]),
    publicKey: await crypto.subtle.importKey("jwk", { kty, n, e }, ALGORITHM, true, ["verify"]),
    n,
    e,
    certificate: stored.certificate,
    refreshTokenKey: Buffer.from(stored.refreshTokenKey, "base64"),
  };
}

async function createKey(at: Date, subject: string) {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const notAfter = new Date(at);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + CERTIFICATE_YEARS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString("hex"),
    name: subject,
    notBefore: at,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
  });
  return {
    privateKey: await crypto.subtle.exportKey("jwk", keys.privateKey),
    certificate: Buffer.from(certificate.rawData).toString("base64"),
    refreshTokenKey: randomBytes(32).toString("base64"),
  };
}
