/** Keys and certificates in PEM, made up for a test. Used by the tests of certificates that connectors sign in with. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

/** A private key and its certificate, apart. */
export type Pem = { readonly key: string; readonly certificate: string };

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate that names itself as issuer. @param kind of the key; `host` that it is for, if it is a server's */
export async function makePem(from: Date, to: Date, kind: "rsa" | "ec" = "rsa", host?: string): Promise<Pem> {
  const algorithm = kind === "rsa" ? RSA : EC;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const extensions = host === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: "dns", value: host }])];
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { name: "CN=test", notBefore: from, notAfter: to, signingAlgorithm: algorithm, keys, extensions },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { key: `${PemConverter.encode(key, "PRIVATE KEY")}\n`, certificate: `${certificate.toString("pem")}\n` };
}
