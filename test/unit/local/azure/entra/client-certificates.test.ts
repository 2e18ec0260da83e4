import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  clientCertificateFile,
  openClientCertificates,
} from "../../../../../infra/local/azure/entra/client-certificates.ts";
import { deps, NOW } from "./entra-parts.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-certificates-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = clientCertificateFile(folder, "zenml-certificate");
const open = (at: Date) => openClientCertificates(folder, deps.seed, () => at);
const inDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000);

test("openClientCertificates: makes key and certificate once, for their owner alone, and anew near the end", async () => {
  const [made, ...more] = await open(NOW);
  expect(more).toEqual([]);
  const pem = readFileSync(file, "utf8");
  expect(pem).toMatch(
    /^-----BEGIN PRIVATE KEY-----[\s\S]+-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\n$/,
  );
  expect(statSync(file).mode & 0o077).toBe(0);
  expect(made?.thumbprints[0]?.toString("hex").toUpperCase()).toBe(
    new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERT"))).fingerprint.replaceAll(":", ""),
  );
  const [again] = await open(inDays(690));
  expect(again?.thumbprints).toEqual(made?.thumbprints);
  const [renewed] = await open(inDays(710));
  expect(renewed?.thumbprints).not.toEqual(made?.thumbprints);
  expect(renewed?.until).toEqual(inDays(710 + 730));
});
