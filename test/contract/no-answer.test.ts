/** Every adapter gives up by itself when Azure does not answer: all at once here, since each waits for its limit. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuditTrail } from "../../shared/audit/chain.ts";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createBlobSas } from "../../shared/azure/blob-sas.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { createCredentialMac, createSecretStore, createVault } from "../../shared/azure/key-vault.ts";
import { createAuditStore } from "../../shared/store/audit-records.ts";
import { createConnectorStore } from "../../shared/store/connector-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { createControl } from "../support/control.ts";
import { connector, SUBSCRIPTION } from "../support/fakes.ts";
import { auditEvent } from "../support/fakes-audit.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { HANG_MS, signInOf, stateBlobs, stateTable, VAULT } from "../support/product-parts.ts";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

test("no answer is a code of ours, and nobody waits for ever", async () => {
  const now = () => new Date();
  const identities = createConnectorIdentities();
  const signIn = signInOf(azure, "zenml-connector");
  const view = createOpenAzure(identities)(signIn);
  // Tokens first: what is asked for below must hang at its own service.
  await view.signIn();
  const connectors = createConnectorStore(stateTable(azure, "Connectors", "STATE_UNAVAILABLE"));
  const audit = createAuditStore(stateTable(azure, "Audit", "AUDIT_UNAVAILABLE"));
  const trail = createAuditTrail({ store: audit, writerId: "w", now });
  const blobs = stateBlobs(azure);
  const vault = createVault(VAULT, credentialOf(azure, "latchkey-service"));
  const container = {
    subscriptionId: SUBSCRIPTION,
    resourceGroup: "g",
    account: "demozenmlartifacts",
    container: "datasets",
  };
  const sas = { signIn, account: "demozenmlartifacts", container: "datasets", permissions: "r", expiresAt: now() };

  await createControl(azure).fault(
    ...["arm", "key-vault", "storage"].map((service) => ({ service, latencyMs: HANG_MS })),
    { service: "entra", path: "/token", latencyMs: HANG_MS },
  );
  const calls = {
    "connector read": connectors.find("a"),
    "connector list": connectors.list(null, 1),
    "connector write": connectors.insert(connector()),
    "audit record": trail.append(auditEvent()),
    "blob read": blobs.get("a.json"),
    "blob write": blobs.put("a.json", 1),
    "secret write": createSecretStore(vault).put("connector-a", "s"),
    "secret removal": createSecretStore(vault).remove("connector-a"),
    "credential mark": createCredentialMac({ vault, randomBytes, now })("sas"),
    subscriptions: view.subscriptions(),
    container: view.container(container),
    "delegation key": createBlobSas({ identities, now })(sas),
    "sign-in": createOpenAzure(createConnectorIdentities())(signInOf(azure, "zenml-connector")).signIn(),
  };
  const codes = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => [
      name,
      await call.then(
        () => "answered",
        ({ code }: { code: unknown }) => code,
      ),
    ]),
  );
  expect(Object.fromEntries(codes)).toEqual({
    "connector read": "STATE_UNAVAILABLE",
    "connector list": "STATE_UNAVAILABLE",
    "connector write": "STATE_UNAVAILABLE",
    "audit record": "AUDIT_UNAVAILABLE",
    "blob read": "STATE_UNAVAILABLE",
    "blob write": "STATE_UNAVAILABLE",
    "secret write": "VAULT_UNAVAILABLE",
    "secret removal": "VAULT_UNAVAILABLE",
    "credential mark": "VAULT_UNAVAILABLE",
    subscriptions: "UPSTREAM_TIMEOUT",
    container: "UPSTREAM_TIMEOUT",
    "delegation key": "UPSTREAM_TIMEOUT",
    "sign-in": "UPSTREAM_TIMEOUT",
  });
});
