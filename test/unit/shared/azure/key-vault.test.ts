import { createHmac } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { describe, expect, test } from "vitest";
import { ownOptions } from "../../../../shared/azure/client-options.ts";
import { createCredentialMac } from "../../../../shared/azure/key-vault.ts";
import { countingBytes, NOW, TENANT } from "../../../support/fakes.ts";
import { fakeHttp, type HttpAnswer } from "../../../support/fakes-azure-http.ts";

const VAULT = "https://latchkey.vault.azure.net";
const credential: TokenCredential = {
  getToken: async () => ({ token: "t", expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const refusal = (status: number, code: string): HttpAnswer => ({ status, body: { error: { code, message: "x" } } });

/** A vault with versions of the key; `refuse` answers in its place. */
function macParts() {
  const keys: string[] = [];
  const state = { at: NOW.getTime(), reads: 0, refuse: (_method: string): HttpAnswer | null => null };
  const secretOf = (index: number): HttpAnswer => {
    const version = String(index + 1).padStart(32, "0");
    const id = `${VAULT}/secrets/audit-credential-mac/${version}`;
    return { status: 200, body: { id, value: keys[index], attributes: { enabled: true } } };
  };
  const { httpClient } = fakeHttp((_index, { method, headers, body }) => {
    // The client asks without a token first, and learns from the refusal where to get one.
    if (!headers.has("authorization")) {
      const challenge = `Bearer authorization="https://login.microsoftonline.com/${TENANT}", resource="https://vault.azure.net"`;
      return { status: 401, headers: { "www-authenticate": challenge } };
    }
    if (method === "GET") state.reads += 1;
    const refused = state.refuse(method);
    if (refused !== null) return refused;
    if (method === "PUT") keys.push(JSON.parse(String(body)).value);
    return keys.length === 0 ? refusal(404, "SecretNotFound") : secretOf(keys.length - 1);
  });
  const client = new SecretClient(VAULT, credential, { ...ownOptions(VAULT), httpClient });
  const newMac = () =>
    createCredentialMac({ vault: async () => client, randomBytes: countingBytes, now: () => new Date(state.at) });
  return { state, keys, newMac };
}
const under = (key: Uint8Array, version: number) =>
  `${String(version).padStart(32, "0")}:${createHmac("sha256", key).update("sas").digest("hex")}`;

describe("createCredentialMac", () => {
  test("makes a key of 32 bytes at the first use ever, and names its version", async () => {
    const { keys, newMac } = macParts();
    expect(await newMac()("sas")).toBe(under(countingBytes(32), 1));
    expect(await newMac()("sas")).toBe(under(countingBytes(32), 1));
    expect(keys).toHaveLength(1);
  });

  test("reads the key once for a minute, then anew: a changed one is used from then on", async () => {
    const [old, changed] = [Buffer.alloc(32, "old"), Buffer.alloc(48, "new")];
    const { state, keys, newMac } = macParts();
    keys.push(old.toString("base64"));
    const mac = newMac();
    await Promise.all([mac("sas"), mac("sas")]);
    keys.push(changed.toString("base64"));
    state.at += 59_999;
    expect(await mac("sas")).toBe(under(old, 1));
    expect(state.reads).toBe(1);
    state.at += 1;
    expect(await mac("sas")).toBe(under(changed, 2));
    expect(state.reads).toBe(2);
  });

  test("without the vault nothing is marked for longer than a minute, and again once it is back", async () => {
    const { state, newMac } = macParts();
    const mac = newMac();
    const marked = await mac("sas");
    state.refuse = () => refusal(403, "Forbidden");
    expect(await mac("sas")).toBe(marked);
    state.at += 60_000;
    await expect(mac("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE", retryable: true });
    state.refuse = () => null;
    expect(await mac("sas")).toBe(marked);
  });

  test.each([
    ["empty", ""],
    ["31 bytes", Buffer.alloc(31, "x").toString("base64")],
    ["a word", "secret"],
    ["no base64 at all", "!".repeat(64)],
  ])("%s: no key, so nothing is marked, until an operator stores one", async (_what, value) => {
    const { keys, newMac } = macParts();
    keys.push(value);
    const mac = newMac();
    await expect(mac("sas")).rejects.toMatchObject({
      code: "VAULT_UNAVAILABLE",
      retryable: false,
      message: expect.stringContaining("audit-credential-mac"),
    });
    expect(keys).toEqual([value]);
    keys.push(Buffer.alloc(32, "good").toString("base64"));
    expect(await mac("sas")).toBe(under(Buffer.alloc(32, "good"), 2));
  });

  test("an answer without a value is the vault's failure, not ours", async () => {
    const { state, newMac } = macParts();
    state.refuse = () => ({ status: 200, body: { id: `${VAULT}/secrets/audit-credential-mac/1`, attributes: {} } });
    await expect(newMac()("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
  });

  test("a deleted key is explained: waiting does not help, and no other key is made", async () => {
    const { state, keys, newMac } = macParts();
    state.refuse = (method) => (method === "GET" ? refusal(404, "SecretNotFound") : refusal(409, "Conflict"));
    await expect(newMac()("sas")).rejects.toMatchObject({
      code: "VAULT_UNAVAILABLE",
      retryable: false,
      failure: { status: 409, code: "Conflict" },
      message: expect.stringContaining("audit-credential-mac"),
    });
    expect(keys).toEqual([]);
  });

  test("a key that cannot be made for another reason may be tried again", async () => {
    const { state, newMac } = macParts();
    state.refuse = (method) => (method === "GET" ? refusal(404, "SecretNotFound") : refusal(403, "Forbidden"));
    await expect(newMac()("sas")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE", retryable: true });
  });
});
