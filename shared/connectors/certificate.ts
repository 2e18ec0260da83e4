/** A private key with its certificate, as one PEM text: what an app registration signs in with. Pure. */
import { createPrivateKey, X509Certificate } from "node:crypto";

/** When a certificate is valid. */
export type CertificateTimes = { readonly from: Date; readonly to: Date };
/** Its times, or what the text should have been; never a part of the text. */
export type CertificateCheck =
  | ({ readonly ok: true } & CertificateTimes)
  | { readonly ok: false; readonly expected: string };

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----/g;
const KEY = /(?:^| )PRIVATE KEY$/;

/**
 * One unencrypted RSA key and, first among the certificates, the one that belongs to it: the sign-in library goes by the
 * first, and fails in three different ways without such a pair.
 */
export function checkCertificate(pem: string): CertificateCheck {
  const blocks = [...pem.matchAll(BLOCK)].map(([text, label = ""]) => ({ text, label }));
  const keys = blocks.filter(({ label }) => KEY.test(label));
  const [key] = keys;
  const certificate = blocks.find(({ label }) => label === "CERTIFICATE");
  // Keys that are encrypted by headers of their own do not even look like a block: a header has hyphens.
  if (key === undefined || keys.length > 1 || key.label.startsWith("ENCRYPTED")) {
    return wrong("PEM with exactly one private key, not encrypted");
  }
  if (certificate === undefined) return wrong("PEM with a certificate beside the private key");
  try {
    const privateKey = createPrivateKey(key.text);
    if (privateKey.asymmetricKeyType !== "rsa") return wrong("an RSA private key");
    const parsed = new X509Certificate(certificate.text);
    if (!parsed.checkPrivateKey(privateKey)) return wrong("a first certificate that belongs to the private key");
    return { ok: true, from: parsed.validFromDate, to: parsed.validToDate };
  } catch {
    // What the parser says may quote the text.
    return wrong("PEM that can be read");
  }
}

function wrong(expected: string): CertificateCheck {
  return { ok: false, expected };
}
