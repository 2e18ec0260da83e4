/** Connectors' secrets and the credential's mark, in Key Vault. */
import { createHmac, randomBytes } from "node:crypto";
import { SecretClient } from "@azure/keyvault-secrets";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createCredentialMac, createSecretStore, createVault } from "../../shared/azure/key-vault.ts";
import type { SecretStore } from "../../shared/connectors/ports.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { SECRET } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { VAULT } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let secrets: SecretStore;
const vaultOf = (application: string) => createVault(VAULT, credentialOf(azure, application));
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  secrets = createSecretStore(vaultOf("latchkey-service"));
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

describe("secrets", () => {
  test("each value is a version of its own and stays readable", async () => {
    const first = await secrets.put("connector-a", SECRET);
    const second = await secrets.put("connector-a", "another");
    expect(second).not.toBe(first);
    expect(await secrets.get("connector-a", first)).toBe(SECRET);
    expect(await secrets.get("connector-a", second)).toBe("another");
  });

  test("remove takes all versions away; twice, or what never was, is no error", async () => {
    const version = await secrets.put("connector-gone", SECRET);
    await secrets.remove("connector-gone");
    await secrets.remove("connector-gone");
    await secrets.remove("connector-never");
    await expect(secrets.get("connector-gone", version)).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
  });

  test("a lost reply is a version that nobody names: the one that is told is readable", async () => {
    await control.fault({ service: "key-vault", method: "PUT", dropReply: true, times: 1 });
    const version = await secrets.put("connector-lost", SECRET);
    expect(await control.clear()).toBe(1);
    expect(await secrets.get("connector-lost", version)).toBe(SECRET);
  });
});

describe("a deleted secret that holds the name", () => {
  const stored = async (name: string) => {
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    const versions = [];
    for await (const { version, enabled } of client.listPropertiesOfSecretVersions(name))
      versions.push({ version, enabled });
    return versions;
  };

  test.each([
    ["once its deletion is done", true],
    ["while it is being deleted", false],
  ])("%s: the new value is stored, and no old one comes to life", async (_what, isSettled) => {
    const name = `connector-again-${isSettled}`;
    const [first, second] = [await secrets.put(name, "old"), await secrets.put(name, "older")];
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    const deletion = await client.beginDeleteSecret(name);
    if (isSettled) await deletion.pollUntilDone();
    const third = await secrets.put(name, SECRET);
    expect(await secrets.get(name, third)).toBe(SECRET);
    for (const old of [first, second]) {
      await expect(secrets.get(name, old)).rejects.toMatchObject({ failure: { status: 403 } });
    }
    expect((await stored(name)).filter(({ enabled }) => enabled)).toEqual([{ version: third, enabled: true }]);
  });
});

describe("faults", () => {
  test.each([503, 500, 429] as const)("%d is VAULT_UNAVAILABLE, without the secret in it", async (status) => {
    await control.fault({ service: "key-vault", status, retryAfterSeconds: 1 });
    const failure = { code: "VAULT_UNAVAILABLE", retryAfterSeconds: 1, failure: { status } };
    const put = secrets.put(`connector-${status}`, SECRET);
    await expect(put).rejects.toMatchObject(failure);
    await expect(put).rejects.toThrow(expect.not.objectContaining({ message: expect.stringContaining(SECRET) }));
    await expect(secrets.remove("connector-a")).rejects.toMatchObject(failure);
  });

  test("a Retry-After of a minute ends the call at the first answer, and says so", async () => {
    await control.fault({ service: "key-vault", status: 429, retryAfterSeconds: 60 });
    await expect(secrets.put("connector-minute", SECRET)).rejects.toMatchObject({
      code: "VAULT_UNAVAILABLE",
      retryAfterSeconds: 60,
    });
    expect(await control.clear()).toBe(1);
  });

  test("an identity without the role is VAULT_UNAVAILABLE", async () => {
    const stranger = createSecretStore(vaultOf("stranger"));
    await expect(stranger.put("connector-x", SECRET)).rejects.toMatchObject({
      code: "VAULT_UNAVAILABLE",
      failure: { status: 403, code: "Forbidden" },
    });
  });

  test("Entra down for the service's own sign-in is VAULT_UNAVAILABLE, not the connector's sign-in", async () => {
    await control.fault({ service: "entra", status: 503 });
    const fresh = createSecretStore(vaultOf("latchkey-service"));
    await expect(fresh.put("connector-x", SECRET)).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
  });
});

describe("credential MAC", () => {
  const newMac = (now = () => new Date()) =>
    createCredentialMac({ vault: vaultOf("latchkey-service"), randomBytes, now });

  test("is HMAC-SHA-256 under a key in the vault that it names by version, the same in every process", async () => {
    await control.fault({ service: "key-vault", status: 503 });
    const mac = newMac();
    await expect(mac("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
    await control.clear();

    const marked = await mac("sas");
    expect(await newMac()("sas")).toBe(marked);
    expect(await mac("sas2")).not.toBe(marked);
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    const { value = "", properties } = await client.getSecret("audit-credential-mac");
    const key = Buffer.from(value, "base64");
    expect(key).toHaveLength(32);
    expect(marked).toBe(`${properties.version}:${createHmac("sha256", key).update("sas").digest("hex")}`);
  });

  test("the key is read anew after a minute: a changed one is used, and without the vault nothing is marked", async () => {
    let now = new Date();
    const mac = newMac(() => now);
    const marked = await mac("sas");
    await control.fault({ service: "key-vault", status: 503 });
    now = new Date(now.getTime() + 59_000);
    expect(await mac("sas")).toBe(marked);
    now = new Date(now.getTime() + 1_000);
    await expect(mac("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
    await control.clear();
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    const { properties } = await client.setSecret("audit-credential-mac", randomBytes(32).toString("base64"));
    expect((await mac("sas")).split(":")[0]).toBe(properties.version);
  });

  test("a key that was deleted is not made anew: VAULT_UNAVAILABLE, not to be repeated, until it is recovered", async () => {
    const before = await newMac()("sas");
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    await (await client.beginDeleteSecret("audit-credential-mac")).pollUntilDone();
    await expect(newMac()("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE", retryable: false });
    await (await client.beginRecoverDeletedSecret("audit-credential-mac")).pollUntilDone();
    expect(await newMac()("sas")).toBe(before);
  });

  test("a key that was changed is used by the next process, under its own version", async () => {
    const before = await newMac()("sas");
    const client = new SecretClient(VAULT, credentialOf(azure, "latchkey-service"));
    const { properties } = await client.setSecret("audit-credential-mac", randomBytes(32).toString("base64"));
    const after = await newMac()("sas");
    expect(after.split(":")[0]).toBe(properties.version);
    expect(after.split(":")[1]).not.toBe(before.split(":")[1]);
  });
});
