/** Certificates with which applications of the seed sign in: made at the first start, kept as PEM. Used by services.ts. */
import "reflect-metadata";
import { createHash, type KeyObject, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PemConverter, X509CertificateGenerator } from "@peculiar/x509";
import type { Seed } from "../../seed.ts";

/** A certificate as it is registered on an application. */
export type RegisteredCertificate = {
  /** Client id of the application, as the seed writes it. */
  readonly clientId: string;
  /** Of the DER text: SHA-1 and SHA-256. */
  readonly thumbprints: readonly Buffer[];
  readonly publicKey: KeyObject;
  readonly from: Date;
  readonly until: Date;
};

const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const DAY_MS = 24 * 60 * 60 * 1000;
/** Two years: the longest that the portal offers for the secrets of applications. */
const LIFE_MS = 730 * DAY_MS;
/** A certificate with less life left than this is made anew at the next start. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

/** Private key and certificate of an application in one PEM text, as the SDKs take it: a file in the state folder. */
export const clientCertificateFile = (stateDir: string, application: string) =>
  join(stateDir, "certificates", `${application}.pem`);

/** The certificates of every application that has one; those that are missing or near their end are made. */
export async function openClientCertificates(
  stateDir: string,
  seed: Seed,
  now: () => Date,
): Promise<readonly RegisteredCertificate[]> {
  mkdirSync(join(stateDir, "certificates"), { recursive: true, mode: 0o700 });
  const opened = seed.applications
    .filter(({ certificate }) => certificate)
    .map(async ({ name, clientId }) => {
      const file = clientCertificateFile(stateDir, name);
      const kept = existsSync(file) ? registered(clientId, readFileSync(file, "utf8")) : undefined;
      if (kept !== undefined && kept.until.getTime() - now().getTime() > RENEW_BEFORE_MS) return kept;
      const pem = await makeClientCertificate(`CN=${name}`, now());
      // The reader of the folder finds the whole file or none.
      writeFileSync(`${file}.tmp`, pem, { mode: 0o600 });
      renameSync(`${file}.tmp`, file);
      return registered(clientId, pem);
    });
  return Promise.all(opened);
}

/** What Entra keeps of a certificate: nothing private. @throws Error when the text holds no certificate */
export function registered(clientId: string, pem: string): RegisteredCertificate {
  const certificate = new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE-----")));
  const thumbprint = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest();
  return {
    clientId,
    thumbprints: [thumbprint("sha1"), thumbprint("sha256")],
    publicKey: certificate.publicKey,
    from: certificate.validFromDate,
    until: certificate.validToDate,
  };
}

/** Private key and self-signed certificate in one PEM text, good from `from` on. */
export async function makeClientCertificate(subject: string, from: Date, lifeMs = LIFE_MS): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const serial = randomBytes(16);
  // A positive number, as RFC 5280 section 4.1.2.2 asks.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString("hex"),
    name: subject,
    notBefore: from,
    notAfter: new Date(from.getTime() + lifeMs),
    signingAlgorithm: ALGORITHM,
    keys,
  });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return `${key}\n${certificate.toString("pem")}\n`;
}
