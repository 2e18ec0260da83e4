/** Key Vault of the local Azure with the official SDK. Its answers on the wire: key-vault-wire.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretClient } from "@azure/keyvault-secrets";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const VAULT = "https://latchkey-vault.vault.azure.net";
const VERSION = /^[0-9a-f]{32}$/;

let azure: LocalAzure;
let client: SecretClient;
const stateDir = mkdtempSync(join(tmpdir(), "latchkey-vault-"));

async function start() {
  azure = await startLocalAzure({ stateDir });
  client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
}

beforeAll(start);
afterAll(async () => {
  await azure?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("keyvault-secrets SDK", () => {
  test("setSecret: makes a new version each time, and getSecret gives the latest or the one that is named", async () => {
    const first = await client.setSecret("connector-one", "alpha", {
      contentType: "text/plain",
      tags: { purpose: "test" },
      expiresOn: new Date("2030-01-01T00:00:00Z"),
    });
    const second = await client.setSecret("connector-one", "beta");
    expect(first.properties.version).toMatch(VERSION);
    expect(await client.getSecret("connector-one")).toMatchObject({
      value: "beta",
      properties: { version: second.properties.version },
    });
    const old = await client.getSecret("connector-one", { version: first.properties.version ?? "" });
    expect(old).toMatchObject({
      name: "connector-one",
      value: "alpha",
      properties: {
        contentType: "text/plain",
        tags: { purpose: "test" },
        enabled: true,
        expiresOn: new Date("2030-01-01T00:00:00Z"),
        recoveryLevel: "Recoverable+Purgeable",
        recoverableDays: 90,
      },
    });
  });

  test("setSecret: a disabled version cannot be read, the one before it can", async () => {
    const { properties } = await client.setSecret("connector-disabled", "value");
    await client.setSecret("connector-disabled", "next", { enabled: false });
    await expect(client.getSecret("connector-disabled")).rejects.toMatchObject({ statusCode: 403, code: "Forbidden" });
    const before = await client.getSecret("connector-disabled", { version: properties.version ?? "" });
    expect(before.value).toBe("value");
  });

  test("beginDeleteSecret: takes the secret away with all versions, and recovery brings them back", async () => {
    const first = await client.setSecret("connector-gone", "one");
    await client.setSecret("connector-gone", "two");
    const deleted = await (await client.beginDeleteSecret("connector-gone")).pollUntilDone();
    expect(deleted.recoveryId).toBe(`${VAULT}/deletedsecrets/connector-gone`);
    const day = 24 * 3600 * 1000;
    expect((deleted.scheduledPurgeDate?.getTime() ?? 0) - (deleted.deletedOn?.getTime() ?? 0)).toBe(90 * day);
    await expect(client.getSecret("connector-gone")).rejects.toMatchObject({ statusCode: 404, code: "SecretNotFound" });
    await expect(client.setSecret("connector-gone", "three")).rejects.toMatchObject({
      statusCode: 409,
      code: "Conflict",
    });
    await (await client.beginRecoverDeletedSecret("connector-gone")).pollUntilDone();
    expect((await client.getSecret("connector-gone")).value).toBe("two");
    const old = await client.getSecret("connector-gone", { version: first.properties.version ?? "" });
    expect(old.value).toBe("one");
  });

  test("purgeDeletedSecret: frees the name", async () => {
    const { properties } = await client.setSecret("connector-purged", "one");
    await (await client.beginDeleteSecret("connector-purged")).pollUntilDone();
    await client.purgeDeletedSecret("connector-purged");
    await expect(client.getDeletedSecret("connector-purged")).rejects.toMatchObject({ statusCode: 404 });
    const again = await client.setSecret("connector-purged", "two");
    expect(again.value).toBe("two");
    const gone = client.getSecret("connector-purged", { version: properties.version ?? "" });
    await expect(gone).rejects.toMatchObject({ statusCode: 404, code: "SecretNotFound" });
  });

  test("getSecret: refuses a caller without a role on the vault", async () => {
    const stranger = new SecretClient(VAULT, credentialOf(azure, "stranger"));
    await expect(stranger.getSecret("connector-one")).rejects.toMatchObject({ statusCode: 403, code: "Forbidden" });
    const owner = new SecretClient(VAULT, credentialOf(azure, "platform-automation"));
    await expect(owner.setSecret("connector-one", "x")).rejects.toMatchObject({ statusCode: 403, code: "Forbidden" });
    const other = new SecretClient("https://examplevault.vault.azure.net", credentialOf(azure, "latchkey-service"));
    await expect(other.getSecret("example-secret")).rejects.toMatchObject({ statusCode: 403, code: "Forbidden" });
  });
});

describe("lists", () => {
  const example = (name: string) => new SecretClient("https://examplevault.vault.azure.net", credentialOf(azure, name));
  const collect = async <T>(pages: AsyncIterable<T>) => {
    const all: T[] = [];
    for await (const item of pages) all.push(item);
    return all;
  };

  test("name every secret that is not deleted, and every version of one, in pages and without a value", async () => {
    const automation = example("platform-automation");
    const secrets = await collect(automation.listPropertiesOfSecrets().byPage({ maxPageSize: 2 }));
    expect(secrets.map((page) => page.map(({ name }) => name))).toEqual([
      ["disabled-secret", "early-secret"],
      ["example-secret", "expired-secret"],
      ["unshared-secret"],
    ]);
    const versions = await collect(automation.listPropertiesOfSecretVersions("example-secret"));
    expect(versions.map(({ version }) => version)).toContain("5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02");
    expect(versions).toHaveLength(2);
    expect(JSON.stringify([secrets, versions])).not.toContain("local-example");
    expect(await collect(automation.listPropertiesOfSecretVersions("nothing"))).toEqual([]);
  });

  test("need the right where they list: the vault, or the secret", async () => {
    const connector = example("zenml-connector");
    const refusal = { statusCode: 403, code: "Forbidden" };
    await expect(collect(connector.listPropertiesOfSecrets())).rejects.toMatchObject(refusal);
    await expect(collect(connector.listPropertiesOfSecretVersions("unshared-secret"))).rejects.toMatchObject(refusal);
    expect(await collect(connector.listPropertiesOfSecretVersions("example-secret"))).toHaveLength(2);
    // The SDK's error of a list does not hold the finer reason, which is on the wire.
    const token = await tokenOf(azure, "zenml-connector", "https://vault.azure.net/.default");
    const url = "https://examplevault.vault.azure.net/secrets?api-version=7.5";
    expect((await jsonRequest(azure, "GET", url, { token })).json).toMatchObject({
      error: { innererror: { code: "ForbiddenByRbac" } },
    });
  });
});

describe("a vault on access policies", () => {
  const vault = (name: string) =>
    new SecretClient("https://research-policies.vault.azure.net", credentialOf(azure, name));

  test("heeds them, and no Azure role", async () => {
    expect((await vault("research-connector").getSecret("research-secret")).value).toBe("local-research-secret-value");
    const refusal = {
      statusCode: 403,
      code: "Forbidden",
      message: expect.stringContaining("does not have secrets set permission on key vault 'research-policies;"),
      details: { error: { innerError: { code: "AccessDenied" } } },
    };
    await expect(vault("research-connector").setSecret("research-secret", "x")).rejects.toMatchObject(refusal);
    expect((await vault("research-connector").listPropertiesOfSecrets().next()).value?.name).toBe("research-secret");
    await expect(vault("zenml-connector").getSecret("research-secret")).rejects.toMatchObject({
      details: { error: { innerError: { code: "AccessDenied" } } },
    });
  });
});

describe("state", () => {
  test("secrets, versions and deletions survive a restart", async () => {
    const first = await client.setSecret("kept", "one");
    await client.setSecret("kept", "two");
    await client.setSecret("kept-deleted", "gone");
    await (await client.beginDeleteSecret("kept-deleted")).pollUntilDone();
    await azure.stop();
    await start();
    expect((await client.getSecret("kept")).value).toBe("two");
    expect((await client.getSecret("kept", { version: first.properties.version ?? "" })).value).toBe("one");
    expect((await client.getDeletedSecret("kept-deleted")).name).toBe("kept-deleted");
  });
});
