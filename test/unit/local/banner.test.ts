/** Mirrors infra/local/banner.ts. That its commands work is shown by test/e2e/start.test.ts. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { banner } from "../../../infra/local/banner.ts";
import { loadSeed } from "../../../infra/local/seed.ts";

const azure = {
  stateDir: "/home/it's me/.local",
  proxyUrl: "http://127.0.0.1:7080",
  controlUrl: "http://127.0.0.1:7081",
  caFile: "/home/it's me/.local/certificates/ca.pem",
  ca: "",
  seed: loadSeed(),
  clientEnv: { SSL_CERT_FILE: "/home/it's me/.local/certificates/ca.pem" },
  appEnv: { IDENTITY_ENDPOINT: "http://127.0.0.1:7082/msi/token", IDENTITY_HEADER: "secret" },
  azuriteLog: "/azurite.log",
  stop: async () => {},
};
const plain = (text: string) => text;

test("banner: is a valid bash script from the first comment on, whatever the path", () => {
  const text = banner(azure, { apiUrl: "http://127.0.0.1:7071", hostLog: "/host.log" }, 1.26, plain);
  const script = text.slice(text.indexOf("\n#"));
  execFileSync("bash", ["-n"], { input: script });
  const exports = script.split("\n").filter((line) => line.startsWith("export "));
  const shown = execFileSync("bash", ["-c", `${exports.join("\n")}\nprintf %s "$SSL_CERT_FILE"`]).toString();
  expect(shown).toBe(azure.caFile);
});

test("banner: shows where an application's certificate is, and the app's own settings to nobody else", () => {
  const text = banner(azure, { apiUrl: "http://127.0.0.1:7071", hostLog: "/host.log" }, 1, plain);
  expect(text).toContain("/home/it's me/.local/certificates/zenml-certificate.pem");
  expect(text).not.toContain("IDENTITY_HEADER");
});

test("banner: without the host it names func and no address of an API", () => {
  const text = banner(azure, undefined, 1, plain);
  expect(text).toContain("func start");
  expect(text).toContain("export IDENTITY_ENDPOINT=http://127.0.0.1:7082/msi/token\nexport IDENTITY_HEADER=secret\n");
  expect(text).not.toContain("/api");
});
