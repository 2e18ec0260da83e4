import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSigningKey } from "../../../../../infra/local/azure/entra/signing-key.ts";
import { openStateStore } from "../../../../../infra/local/state.ts";
import { NOW } from "./entra-parts.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-entra-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const open = () => openSigningKey(openStateStore(folder), () => NOW);

test("the key survives a restart, and another folder has another key", async () => {
  const first = await open();
  expect((await open()).kid).toBe(first.kid);
  rmSync(folder, { recursive: true });
  expect((await open()).kid).not.toBe(first.kid);
});

test("the certificate is of the key that signs, and its thumbprint is the key's id", async () => {
  const key = await open();
  const der = Buffer.from(key.certificate, "base64");
  const certificate = new X509Certificate(der);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.publicKey.export({ format: "jwk" })).toMatchObject({ n: key.n, e: key.e });
  expect(createHash("sha1").update(der).digest("base64url")).toBe(key.kid);
});
