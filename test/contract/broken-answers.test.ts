/** Answers that are none: every adapter turns them into a code of ours, and none into a defect. */
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { chainRow } from "../../shared/audit/record.ts";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createTokenIssuer } from "../../shared/azure/arm-token.ts";
import { createBlobSas } from "../../shared/azure/blob-sas.ts";
import { createCustomerSecrets } from "../../shared/azure/customer-secrets.ts";
import { createRevokeDelegationKeys } from "../../shared/azure/delegation-keys.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createCredentialMac, createSecretStore, createVault } from "../../shared/azure/key-vault.ts";
import { createRegistryTokenAdmin } from "../../shared/azure/registry-token-admin.ts";
import { LatchkeyError } from "../../shared/errors.ts";
import { createAuditReader, createAuditStore } from "../../shared/store/audit-records.ts";
import { openSeals } from "../../shared/store/audit-seals.ts";
import { createConnectorStore } from "../../shared/store/connector-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { connector, SUBSCRIPTION } from "../support/fakes.ts";
import { auditEvent } from "../support/fakes-audit.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_BLOBS, signInOf, stateBlobs, stateTable, VAULT } from "../support/product-parts.ts";

type Reply = NonNullable<FaultRule["reply"]>;

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const now = () => new Date();
const identities = createConnectorIdentities();
const CONTAINER = {
  subscriptionId: SUBSCRIPTION,
  resourceGroup: "g",
  account: "demozenmlartifacts",
  container: "datasets",
};
const ROW = chainRow(auditEvent(), { at: "2026-11-21T10:00:00Z", writerId: "w", sequence: 1, prevHash: "" });

/** Every use of Azure. Signed in before: what comes is the answer of the service itself. */
function calls(): Record<string, Record<string, () => Promise<unknown>>> {
  const signIn = signInOf(azure, "zenml-connector");
  const view = createOpenAzure(identities)(signIn);
  const vault = createVault(VAULT, credentialOf(azure, "latchkey-service"));
  const secrets = createSecretStore(vault);
  const connectors = createConnectorStore(stateTable(azure, "Connectors", "STATE_UNAVAILABLE"));
  const audit = stateTable(azure, "Audit", "AUDIT_UNAVAILABLE");
  const blobs = stateBlobs(azure);
  const seals = openSeals({ url: STATE_BLOBS, identity: credentialOf(azure, "latchkey-service") });
  const tokens = () =>
    createRegistryTokenAdmin({ identities, now, wait })({
      signIn,
      resourceId: "r",
      registry: { subscriptionId: SUBSCRIPTION, resourceGroup: "g", registry: "registryone" },
    });
  const sas = {
    signIn,
    account: CONTAINER.account,
    container: "datasets",
    permissions: "r",
    expiresAt: new Date(Date.now() + 3_600_000),
  };
  const week = { from: new Date("2026-11-20"), to: new Date("2026-11-22"), principalId: null, resourceId: null };
  return {
    "key-vault": {
      "secret write": () => secrets.put("connector-a", "s"),
      "secret read": () => secrets.get("connector-a", "0".repeat(32)),
      "secret removal": () => secrets.remove("connector-a"),
      "credential MAC": () => createCredentialMac({ vault, randomBytes, now })("sas"),
      "customer's secret": () =>
        createCustomerSecrets(identities)({
          signIn,
          secret: { cloud: "public", vault: "examplevault", name: "example-secret" },
          version: null,
        }),
    },
    arm: {
      subscriptions: () => view.subscriptions(),
      accounts: () => view.storageAccounts(SUBSCRIPTION, null),
      containers: () => view.containers(CONTAINER),
      container: () => view.container(CONTAINER),
      "registry usage": () => tokens().usage(),
      "scope map": () => tokens().ensureScopeMap({ name: "map-1", description: "d", actions: [] }, false),
      token: () => tokens().createToken("token-1", "map-1"),
      password: () => tokens().generatePassword("token-1", "password1", new Date(Date.now() + 3_600_000)),
      "password removal": () => tokens().removePassword("token-1", "password1"),
      "token removal": () => tokens().removeToken("token-1"),
      "scope map removal": () => tokens().removeScopeMap("map-1"),
      "key revocation": () =>
        createRevokeDelegationKeys({ identities, keys: { forget: () => {} } })({
          signIn,
          account: CONTAINER,
          connector: { id: "i", name: "n", expiresAt: null },
          resourceId: "r",
          displayName: "d",
        }),
    },
    storage: {
      "connector read": () => connectors.find("a"),
      "connector list": () => connectors.list(null, 1),
      "connector write": () => connectors.insert(connector()),
      "audit write": () => createAuditStore(audit).insert([ROW]),
      "audit read": () => createAuditReader(audit)(week, null, 10),
      "blob read": () => blobs.get("a.json"),
      "blob write": () => blobs.put("a.json", 1),
      "blob removal": () => blobs.remove("a.json"),
      "last seal": () => seals.latest(now()),
      "new seal": () => seals.add({ name: "a", text: "{}" }),
      "delegation key": () => createBlobSas({ identities, now })(sas),
    },
    entra: {
      "sign-in": () => createOpenAzure(createConnectorIdentities())(signInOf(azure, "zenml-connector")).signIn(),
      token: () => createTokenIssuer(createConnectorIdentities())({ signIn, audience: "https://vault.azure.net" }),
    },
  };
}

const HTML = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>";
const replies: [string, Reply][] = [];
for (const status of [200, 403, 404, 409, 503]) {
  const add = (what: string, contentType: string, text: string, cut?: boolean) =>
    replies.push([`${status} ${what}`, { status, contentType, text, ...(cut === undefined ? {} : { cut }) }]);
  add("empty", "application/json", "");
  add("HTML", "text/html", HTML);
  add("HTML as JSON", "application/json", HTML);
  add("HTML as XML", "application/xml", HTML.slice(0, 40));
  add("half JSON", "application/json", '{"error":{"code":"Forb');
  add("JSON of another form", "application/json", "[]");
  add("null", "application/json", "null");
  add("a number", "application/json", "7");
  add("a list of nothing", "application/json", '{"value":[null]}');
  add("cut off", "application/json", '{"error":{"code":"Forbidden"', true);
}

/** What a service may answer for; the sign-in with Entra is never taken for refused. */
const CODES: Readonly<Record<string, RegExp>> = {
  "key-vault": /^(VAULT_UNAVAILABLE|UPSTREAM_REFUSED|UPSTREAM_TIMEOUT)$/,
  arm: /^(UPSTREAM_REFUSED|UPSTREAM_TIMEOUT)$/,
  storage: /^(STATE_UNAVAILABLE|AUDIT_UNAVAILABLE|UPSTREAM_REFUSED|UPSTREAM_TIMEOUT)$/,
  entra: /^(UPSTREAM_REFUSED|UPSTREAM_TIMEOUT)$/,
};
/** With these, "done" or "gone" is all that is asked, and the status says it. */
const NEEDS_NO_BODY =
  /^(200 .* (blob write|blob removal|new seal|connector write|audit write|key revocation)|404 .* (blob read|blob removal|blob write))$/;

test.each(replies)("%s: a code for every use, and no success", async (what, reply) => {
  const wrong: string[] = [];
  for (const [service, uses] of Object.entries(calls())) {
    await control.clear();
    await createOpenAzure(identities)(signInOf(azure, "zenml-connector")).signIn();
    await control.fault({ service, reply });
    await Promise.all(
      Object.entries(uses).map(async ([name, use]) => {
        const code = await use().then(
          () => "success",
          (error: unknown) => (error instanceof LatchkeyError ? error.code : inspect(error)),
        );
        const isFine = CODES[service]?.test(code) || (code === "success" && NEEDS_NO_BODY.test(`${what} ${name}`));
        if (!isFine) wrong.push(`${service} ${name}: ${code}`);
      }),
    );
  }
  expect(wrong).toEqual([]);
});
