/** The harmless calls of verification against stores that let in, refuse and fail; and what a verdict is made of them. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createOpenProbes } from "../../shared/azure/probes.ts";
import type { Probes } from "../../shared/connectors/probe.ts";
import { type VerifyAsk, verifyConnector } from "../../shared/connectors/verify.ts";
import { type Control, createControl } from "../support/control.ts";
import { OWN_ACCOUNTS, OWN_VAULT, SUBSCRIPTION } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

const now = () => new Date();
let azure: LocalAzure;
let control: Control;
let connector: Probes;
let stranger: Probes;
const open = (name: string) =>
  createOpenProbes({ identities: createConnectorIdentities(), now })(signInOf(azure, name));
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  connector = open("zenml-connector");
  stranger = open("stranger");
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml-demos" };
const STORE = { ...PLACE, account: "demozenmlartifacts", container: "demo-zenmlartifactstore" };
const COLD = { ...PLACE, account: "demozenmlarchive", container: "cold-models" };
const SECRET = { cloud: "public", vault: "examplevault", name: "example-secret" } as const;
const roleMissing = (code: string) => ({ ok: false, reason: "role", code });

describe("blobs", () => {
  test("a data role opens list and key", async () => {
    expect(await connector.listBlobs(STORE)).toEqual({ ok: true });
    expect(await connector.delegationKey(STORE)).toEqual({ ok: true });
  });

  test("Reader opens neither", async () => {
    expect(await connector.listBlobs(COLD)).toEqual(roleMissing("AuthorizationPermissionMismatch"));
    expect(await connector.delegationKey(COLD)).toEqual(roleMissing("AuthorizationPermissionMismatch"));
  });

  test("a container that is not there", async () => {
    const gone = { ok: false, reason: "gone", code: "ContainerNotFound" };
    expect(await connector.listBlobs({ ...STORE, container: "nothing" })).toEqual(gone);
  });
});

describe("secrets", () => {
  test("a role at one secret shows that one, not the vault's list", async () => {
    expect(await connector.listVersions(SECRET)).toEqual({ ok: true });
    expect(await connector.listSecrets("examplevault")).toEqual(roleMissing("ForbiddenByRbac"));
  });

  test("without a role", async () => {
    expect(await stranger.listVersions(SECRET)).toEqual(roleMissing("ForbiddenByRbac"));
  });
});

describe("a network that keeps us out is told from a missing role", () => {
  test.each(["AuthorizationFailure", "AuthorizationSourceIPMismatch"])("storage says %s", async (code) => {
    const text = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>This request is not authorized to perform this operation.</Message></Error>`;
    const reply = { status: 403, contentType: "application/xml", text };
    await control.fault({ host: "demozenmlartifacts.blob.core.windows.net", reply });
    expect(await connector.listBlobs(STORE)).toEqual({ ok: false, reason: "network", code });
    expect(await connector.delegationKey(STORE)).toEqual({ ok: false, reason: "network", code });
  });

  test.each([
    ["ForbiddenByFirewall", "network"],
    ["ForbiddenByConnection", "network"],
    ["AccessDenied", "policy"],
    ["ForbiddenByPolicy", "policy"],
    ["SomethingNew", "other"],
  ])("a vault says %s", async (code, reason) => {
    const text = JSON.stringify({ error: { code: "Forbidden", message: "no", innererror: { code } } });
    const reply = { status: 403, contentType: "application/json", text };
    await control.fault({ host: "examplevault.vault.azure.net", reply });
    expect(await connector.listSecrets("examplevault")).toEqual({ ok: false, reason, code });
    expect(await connector.listVersions(SECRET)).toEqual({ ok: false, reason, code });
  });
});

describe("faults", () => {
  test.each([429, 500, 503])("%d is no verdict", async (status) => {
    await control.fault({ host: "demozenmlartifacts.blob.core.windows.net", status, retryAfterSeconds: 1 });
    await expect(connector.listBlobs(STORE)).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
    await expect(connector.delegationKey(STORE)).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
  });

  test("a vault that is down is no verdict", async () => {
    await control.fault({ host: "examplevault.vault.azure.net", status: 503 });
    await expect(connector.listVersions(SECRET)).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
  });

  test("a sign-in that is refused is none either, and is called so", async () => {
    const signIn = signInOf(azure, "zenml-connector");
    const wrong = {
      ...signIn,
      key: randomUUID(),
      secret: { kind: "clientSecret", read: async () => "wrong" },
    } as const;
    const probes = createOpenProbes({ identities: createConnectorIdentities(), now })(wrong);
    await expect(probes.listBlobs(STORE)).rejects.toMatchObject({ code: "SIGN_IN_FAILED" });
    await expect(probes.listSecrets("examplevault")).rejects.toMatchObject({ code: "SIGN_IN_FAILED" });
  });
});

describe("verifyConnector over the local Azure", () => {
  async function verify(name: string, types: VerifyAsk["types"], resourceId: string | null = null) {
    const signIn = signInOf(azure, name);
    const identities = createConnectorIdentities();
    const view = createOpenAzure(identities)(signIn);
    const who = await view.signIn();
    const reach = {
      configuration: signIn.configuration,
      resourceId,
      ownAccounts: OWN_ACCOUNTS,
      ownVaults: [OWN_VAULT],
      cloud: "public" as const,
    };
    const probes = createOpenProbes({ identities, now })(signIn);
    const ask = { view, probes, who, authMethod: signIn.authMethod, reach, types, areTypesNamed: true };
    return verifyConnector(ask, now);
  }
  const objectIdOf = (name: string) => azure.seed.applications.find((one) => one.name === name)?.objectId;

  test("tells the containers that a data role opens from those that Reader only lists, with the command that mends it", async () => {
    const { state, resourceTypes } = await verify("zenml-connector", ["blob-container"]);
    expect(state).toBe("degraded");
    const checks = new Map(resourceTypes[0]?.checks.map((check) => [check.displayName, check]));
    expect(checks.get("az://demo-zenmlartifactstore")?.state).toBe("ok");
    const cold = checks.get("az://cold-models");
    expect(cold?.state).toBe("failed");
    const [read] = cold?.access ?? [];
    expect(read).toMatchObject({ access: "read", ok: false, proof: "proved", code: "ROLE_MISSING" });
    expect(read?.remedy?.role).toBe("Storage Blob Data Reader");
    expect(read?.remedy?.az).toContain(`--assignee-object-id ${objectIdOf("zenml-connector")} `);
    expect(read?.remedy?.az).toContain(`--scope "${cold?.resourceId}"`);
  });

  test("one account that fails is unknown, and the rest is told", async () => {
    await control.fault({ host: "demozenmlarchive.blob.core.windows.net", status: 503 });
    const { resourceTypes } = await verify("zenml-connector", ["blob-container"]);
    const states = new Map(resourceTypes[0]?.checks.map(({ displayName, state }) => [displayName, state]));
    expect([states.get("az://cold-models"), states.get("az://demo-zenmlartifactstore")]).toEqual(["unknown", "ok"]);
  });

  test("one secret: seen, and refused to somebody else", async () => {
    const url = "https://examplevault.vault.azure.net/secrets/example-secret";
    expect(await verify("zenml-connector", ["key-vault-secret"], url)).toMatchObject({ state: "healthy" });
    expect(await verify("stranger", ["key-vault-secret"], url)).toMatchObject({
      state: "failed",
      resourceTypes: [{ checks: [{ access: [{ code: "ROLE_MISSING", remedy: { role: "Key Vault Secrets User" } }] }] }],
    });
  });

  test("no value of a secret is ever asked for", async () => {
    await control.fault({
      host: "examplevault.vault.azure.net",
      path: "/secrets/[^/?]+(/[0-9a-f]{32})?/?\\?",
      status: 500,
    });
    await verify(
      "zenml-connector",
      ["key-vault-secret"],
      "https://examplevault.vault.azure.net/secrets/example-secret",
    );
    expect(await control.clear()).toBe(0);
  });
});
