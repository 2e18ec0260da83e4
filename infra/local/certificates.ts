/** The certificate authority of one local Azure and the one server certificate under it. Called by system.ts. */
import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

/** Every name under which the server certificate is good: the Azure hosts that this system answers, and loopback. */
export const SERVER_NAMES = [
  "localhost",
  "login.microsoftonline.com",
  "login.microsoft.com",
  "login.windows.net",
  "sts.windows.net",
  "management.azure.com",
  "*.vault.azure.net",
  "*.azurecr.io",
  "*.blob.core.windows.net",
  "*.queue.core.windows.net",
  "*.table.core.windows.net",
  "*.actions.githubusercontent.com",
  // A cluster's name holds its region.
  "*.hcp.westeurope.azmk8s.io",
  "*.hcp.northeurope.azmk8s.io",
] as const;

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFE_MS = 10 * 365 * DAY_MS;
/** Clients of Apple refuse server certificates of more than 398 days. Source: support.apple.com/102028. */
const LEAF_LIFE_MS = 397 * DAY_MS;
/** A certificate with less life left than this is made anew at the next start. */
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Certificates count from a day ago, so that a client whose clock is a little behind takes them. */
const BACKDATE_MS = DAY_MS;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** PEM texts and the files that hold them. `caFile` is what clients trust. */
export type Certificates = {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

type Pair = { readonly cert: string; readonly key: string };

/**
 * Makes the authority and the server certificate at the first start and keeps them in `folder`, so that a client that
 * trusts the authority once goes on trusting it. Both are renewed when they come near their end.
 */
export async function openCertificates(folder: string, now: () => Date): Promise<Certificates> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const caFile = join(folder, "ca.pem");
  const certFile = join(folder, "server.pem");
  const keyFile = join(folder, "server.key");
  const caKeyFile = join(folder, "ca.key");

  let authority = readPair(caFile, caKeyFile);
  if (!authority || !isFresh(authority, now())) {
    authority = await makeAuthority(now());
    writeFile(caKeyFile, authority.key, 0o600);
    writeFile(caFile, authority.cert, 0o644);
  }
  let server = readPair(certFile, keyFile);
  if (!server || !isFresh(server, now()) || !isIssuedBy(server, authority) || !coversAllNames(server)) {
    server = await makeServer(authority, now());
    writeFile(keyFile, server.key, 0o600);
    writeFile(certFile, server.cert, 0o644);
  }
  return { caFile, certFile, keyFile, ca: authority.cert, cert: server.cert, key: server.key };
}

function readPair(certFile: string, keyFile: string): Pair | undefined {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined;
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}

function isFresh(pair: Pair, now: Date): boolean {
  return new X509Certificate(pair.cert).validToDate.getTime() - now.getTime() > RENEW_BEFORE_MS;
}

/** False also after a crash between the two writes: then key and certificate do not belong together. */
function isIssuedBy(pair: Pair, authority: Pair): boolean {
  const certificate = new X509Certificate(pair.cert);
  return certificate.verify(new X509Certificate(authority.cert).publicKey);
}

function coversAllNames(pair: Pair): boolean {
  const names = new X509Certificate(pair.cert).subjectAltName?.split(", ") ?? [];
  return SERVER_NAMES.every((name) => names.includes(`DNS:${name}`));
}

async function makeAuthority(now: Date): Promise<Pair> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // The date tells authorities of several state folders apart in a client's trust store.
    name: `CN=Latchkey local Azure ${now.toISOString().slice(0, 10)}, O=Latchkey`,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString("pem"), key: await toPem(keys.privateKey) };
}

async function makeServer(authority: Pair, now: Date): Promise<Pair> {
  const keys = await makeKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=Latchkey local Azure, O=Latchkey",
    issuer: issuer.subjectName,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + LEAF_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await fromPem(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...SERVER_NAMES.map((value) => ({ type: "dns" as const, value })),
        { type: "ip" as const, value: "127.0.0.1" },
      ]),
      // Python 3.13 and later refuse chains without both key identifiers.
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString("pem"), key: await toPem(keys.privateKey) };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

function fromPem(pem: string): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

/** 16 random bytes with the first bit clear: a positive number, as RFC 5280 section 4.1.2.2 asks. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString("hex");
}

function writeFile(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.tmp`, text, { mode });
  renameSync(`${file}.tmp`, file);
}
