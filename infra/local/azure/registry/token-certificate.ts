/** The certificate of the key that signs registries' tokens, as a file: what another registry is told to trust. Called by services.ts. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SigningKey } from "../entra/signing-key.ts";

/** In the folder of certificates, PEM. */
export const TOKEN_CERTIFICATE_FILE = "registry-tokens.pem";

export function writeTokenCertificate(folder: string, key: SigningKey): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lines = key.certificate.replace(/.{64}(?=.)/g, "$&\n");
  const file = join(folder, TOKEN_CERTIFICATE_FILE);
  writeFileSync(`${file}.tmp`, `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  renameSync(`${file}.tmp`, file);
}
