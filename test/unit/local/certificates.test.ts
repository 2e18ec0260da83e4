/** Mirrors infra/local/certificates.ts. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openCertificates, SERVER_NAMES } from "../../../infra/local/certificates.ts";

const START = new Date("2026-11-22T00:00:00Z");
const daysLater = (days: number) => () => new Date(START.getTime() + days * 24 * 60 * 60 * 1000);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-certificates-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("openCertificates: the server certificate covers every name and chains to an authority that may sign", async () => {
  const { ca, cert, key } = await openCertificates(folder, daysLater(0));
  const authority = new X509Certificate(ca);
  const server = new X509Certificate(cert);
  expect(authority.ca).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.checkIssued(authority) && server.verify(authority.publicKey)).toBe(true);
  for (const name of SERVER_NAMES) expect(server.checkHost(name.replace("*", "some-name"))).toBeDefined();
  expect(server.checkIP("127.0.0.1")).toBeDefined();
  expect(server.checkHost("example.com")).toBeUndefined();
  expect(key).toContain("BEGIN PRIVATE KEY");
});

test("openCertificates: keys can be read by their owner alone", async () => {
  await openCertificates(folder, daysLater(0));
  for (const name of ["ca.key", "server.key"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
});

test("openCertificates: opened again, everything is the same", async () => {
  const first = await openCertificates(folder, daysLater(0));
  expect(await openCertificates(folder, daysLater(300))).toEqual(first);
});

test("openCertificates: near its end the server certificate is renewed under the same authority", async () => {
  const first = await openCertificates(folder, daysLater(0));
  const second = await openCertificates(folder, daysLater(370));
  expect(second.ca).toBe(first.ca);
  expect(second.cert).not.toBe(first.cert);
  const end = new X509Certificate(second.cert).validToDate;
  expect(end.getTime()).toBeGreaterThan(daysLater(700)().getTime());
});

test("openCertificates: near the end of the authority both are made anew", async () => {
  const first = await openCertificates(folder, daysLater(0));
  const second = await openCertificates(folder, daysLater(3640));
  expect(second.ca).not.toBe(first.ca);
  expect(new X509Certificate(second.cert).verify(new X509Certificate(second.ca).publicKey)).toBe(true);
});

test("openCertificates: a server certificate of another authority is replaced", async () => {
  const first = await openCertificates(folder, daysLater(0));
  const other = await openCertificates(join(folder, "other"), daysLater(0));
  writeFileSync(first.certFile, other.cert);
  writeFileSync(first.keyFile, other.key);
  const mended = await openCertificates(folder, daysLater(0));
  expect(new X509Certificate(mended.cert).verify(new X509Certificate(first.ca).publicKey)).toBe(true);
});
