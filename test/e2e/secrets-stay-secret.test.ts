/** After calls of every kind, also failing ones: no secret is in a log, a table, a blob, an error or a description. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
} from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { applicationOf, createApi, registration } from "../support/api.ts";
import { grantContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import { OTHER_DATASETS } from "../support/granted.ts";
import { createLeakSearch } from "../support/leak-search.ts";
import { livesOf } from "../support/lease-calls.ts";
import { lendContainers } from "../support/lend-containers.ts";
import { ARTIFACTS, containerId, DATASETS, grantToAutomation, numbered } from "../support/policy.ts";
import { rawRequest } from "../support/raw-request.ts";
import { openStateAccount } from "../support/state-account.ts";
import { startOwnSystem } from "../support/system.ts";

const ACCOUNT_URL = "https://demozenmlartifacts.blob.core.windows.net";
/** Not secret, and written to every place that is searched: proof that the search looks there. */
const CANARY = "canary-of-this-run";
const WRONG_SECRETS = ["wrong-secret-with-+/=&%-signs", "another wrong secret ü", "misplaced-secret-4711"];
const TABLES = "latchkeystate.table.core.windows.net";
/** What fails, one after another. */
const FAULTS: readonly FaultRule[] = [
  { service: "key-vault", status: 503 },
  { service: "key-vault", drop: true },
  { service: "entra", status: 500 },
  { service: "arm", status: 429, retryAfterSeconds: 1 },
  { service: "storage", path: "comp=userdelegationkey", status: 503 },
  { host: TABLES, method: "POST", path: "^/\\$batch", body: "/Leases\\b", status: 500 },
  { host: TABLES, method: "POST", path: "^/\\$batch", drop: true },
];
/** The vault's own state, and the keys of the emulated Azure itself. */
const isSafe = (path: string) =>
  /^(state\/(key-vault-.*|entra|cluster-authorities)\.json|certificates\/.*|host\/keys\.json)$/.test(path);

const search = createLeakSearch();
/** Every answer that is not meant to hold a credential. */
const answers: string[] = [];
let system: Awaited<ReturnType<typeof startOwnSystem>>;
let stateTexts: Record<string, string> = {};

beforeAll(async () => {
  system = await startOwnSystem();
  const leave = enterLocalAzure(system);
  try {
    await callEverything();
  } finally {
    leave();
    // What Azurite still has in memory is written when it stops.
    await system.stop();
  }
});
afterAll(() => system?.remove());

async function callEverything() {
  const api = createApi(system, (secret) => addToken(secret));
  const control = createControl(system);
  const keep = <T extends { text: string; headers: Headers; status: number }>(answer: T): T => {
    answers.push(`${answer.text} ${JSON.stringify([...answer.headers])}`);
    return answer;
  };
  for (const { name, secret } of system.seed.applications)
    if (secret !== undefined) search.add(`secret of ${name}`, secret);
  for (const { name, password } of system.seed.users) search.add(`password of ${name}`, password);
  for (const wrong of WRONG_SECRETS) search.add("a wrong secret", wrong);

  keep(await api.register(CANARY));
  keep(await api.register(CANARY));
  await allowOtherKinds(api);
  await grantContainers(api);
  await grantToAutomation(system, api, {
    [CANARY]: [ARTIFACTS, DATASETS, OTHER_DATASETS, containerId("demozenmlarchive", "cold-models")],
    "leaks-unverified": [ARTIFACTS],
    ...numbered("leaks", FAULTS.length),
  });
  for (const clientSecret of WRONG_SECRETS) {
    keep(await api.register("leaks-wrong", { secrets: { clientSecret } }));
    keep(await api.register("leaks-wrong", { secrets: clientSecret }));
    keep(await api.register("leaks-wrong", { [clientSecret]: clientSecret }));
    keep(await api.register("leaks-wrong", { labels: { [clientSecret]: clientSecret.repeat(30) } }));
    keep(await api.call("POST", "connectors", { rawBody: `{"secrets":{"clientSecret":"${clientSecret}"` }));
    keep(await api.call("GET", `connectors?clientSecret=${encodeURIComponent(clientSecret)}`));
    keep(await api.call("GET", "connectors", { token: clientSecret.replace("ü", "u") }));
  }
  const unverified = { ...registration(system, "leaks-unverified"), secrets: { clientSecret: WRONG_SECRETS[0] } };
  keep(await api.call("POST", "connectors?verify=false", { body: unverified }));
  keep(await api.issue("leaks-unverified"));
  for (const path of ["connectors", `connectors/${CANARY}`, "openapi.json", "health"])
    keep(await api.call("GET", path));
  for (const name of ["stranger", "scientist", "admin"]) {
    keep(await api.call("GET", `connectors/${CANARY}`, { token: await api.tokenOf(name) }));
  }
  const wrongAudience = await api.tokenOf("platform-automation", "https://management.azure.com/.default");
  keep(await api.call("GET", "connectors", { token: wrongAudience }));
  keep(await api.call("GET", "connectors", { token: `${wrongAudience}x` }));

  const issued = await api.issue(CANARY, { reason: CANARY });
  expect(issued.status).toBe(201);
  await useSas(issued.body.credential.sasToken);
  addDelegationKey(
    issued.body.credential.sasToken,
    issued.body.expiresAt,
    await delegationKey(issued.body.credential.sasToken),
  );
  await lendOtherKinds(api);
  for (const answer of await lendContainers(system, api, search)) keep(answer);
  for (const resourceId of ["az://none", "datasets", "az://cold-models"]) keep(await api.issue(CANARY, { resourceId }));

  const { renewed, said } = await livesOf(api, CANARY, issued.body.leaseId);
  addToken(renewed.credential.sasToken);
  for (const answer of said) keep(answer);

  for (const [index, rule] of FAULTS.entries()) {
    const name = `leaks-${index + 1}`;
    keep(await api.register(name));
    await control.fault(rule);
    const [registered, during] = await Promise.all([api.register(`${name}-during`), api.issue(name)]);
    keep(registered);
    // The one that does not fail is as secret as any.
    if (during.status !== 201) keep(during);
    await control.clear();
    const after = await api.issue(name);
    expect(after.status, after.text).toBe(201);
  }

  const account = openStateAccount(system);
  const { tables, blobs } = await account.read();
  search.add("the key of the audit's MAC", (await account.secretOf("audit-credential-mac")) ?? "");
  stateTexts = { tables: JSON.stringify(tables) };
  for (const place of Object.keys(blobs)) {
    const [container = "", ...name] = place.split("/");
    stateTexts[place] = await account.blob(container, name.join("/"));
  }
  stateTexts.requests = await (await fetch(`${system.controlUrl}/requests`)).text();
}

const OTHER_KINDS = "leaks-other-kinds";
const PLACE = { project: OTHER_KINDS, domain: "production" };
const VAULT_SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";

/** Before the first credential is asked for: a process goes by the policy that it has read for some seconds. */
async function allowOtherKinds(api: ReturnType<typeof createApi>): Promise<void> {
  await api.register(OTHER_KINDS, { resourceTypes: [] });
  const automation = `app:${system.seed.tenant.id}/${applicationOf(system, "platform-automation").objectId}`;
  const grant = { connector: OTHER_KINDS, ...PLACE };
  const subscription = `/subscriptions/${system.seed.subscriptions[0]?.id}`;
  for (const [path, body] of [
    [`memberships/${OTHER_KINDS}`, { principals: [automation], ...PLACE }],
    ["grants/leaks-secret", { ...grant, resourceId: VAULT_SECRET, access: ["read"] }],
    ["grants/leaks-token", { ...grant, resourceId: subscription, access: ["use"], scope: { audience: "arm" } }],
  ] as const) {
    const answer = await api.call("PUT", path, { body, headers: { "if-none-match": "*" } });
    expect(answer.status, answer.text).toBe(200);
  }
}

/** A secret's value and a token: read, renewed, and searched for from then on. */
async function lendOtherKinds(api: ReturnType<typeof createApi>): Promise<void> {
  type Lent = { leaseId: string; credential: { value?: string; token?: string } };
  const token = { resourceType: "azure-generic", resourceId: "ZenML Subscription", access: ["use"] };
  const read = { group: VAULT_SECRET, mountRequirement: "ENV_VAR", ...PLACE, reason: CANARY };
  for (const [path, body] of [
    ["secrets/read", read],
    ["secrets/read", { ...read, groupVersion: "5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02" }],
    [`connectors/${OTHER_KINDS}/credentials`, { ...token, scope: { audience: "arm" }, ...PLACE }],
  ] as const) {
    const lent = await api.call<Lent>("POST", path, { body });
    expect(lent.status).toBe(201);
    const renewed = await api.call<Lent>("POST", `leases/${lent.body.leaseId}/renew`, { body: {} });
    expect(renewed.status).toBe(200);
    for (const { credential } of [lent.body, renewed.body]) {
      search.add("a lent secret or token", credential.value ?? credential.token ?? "");
    }
  }
}

/** A JWT, or a SAS with its signature alone. */
function addToken(secret: string): void {
  search.add("a token", secret);
  const signature = new URLSearchParams(secret).get("sig");
  if (signature !== null) search.add("a SAS signature by value", signature);
}

async function useSas(sas: string): Promise<void> {
  const url = `${ACCOUNT_URL}/demo-zenmlartifactstore/${CANARY}.txt?${sas}`;
  const put = { method: "PUT", url, headers: { "x-ms-blob-type": "BlockBlob", "content-length": "2" }, body: "ok" };
  expect((await rawRequest(system, put)).status).toBe(201);
  for (const method of ["GET", "DELETE"]) await rawRequest(system, { method, url });
  await rawRequest(system, { method: "GET", url: url.replace("demo-zenmlartifactstore", "datasets") });
  await rawRequest(system, { method: "GET", url: `${url}tampered` });
}

/** The same key once more: it follows from who asks and for which time. */
async function delegationKey(sas: string) {
  const { clientId, secret } = applicationOf(system, "zenml-connector");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const parts = new URLSearchParams(sas);
  const [start, expiry] = [parts.get("skt"), parts.get("ske")];
  return new BlobServiceClient(ACCOUNT_URL, identity).getUserDelegationKey(
    new Date(start ?? ""),
    new Date(expiry ?? ""),
  );
}

function addDelegationKey(sas: string, expiresAt: string, key: Awaited<ReturnType<typeof delegationKey>>): void {
  const again = generateBlobSASQueryParameters(
    {
      containerName: "demo-zenmlartifactstore",
      permissions: ContainerSASPermissions.parse("racwl"),
      expiresOn: new Date(expiresAt),
      protocol: SASProtocol.Https,
    },
    key,
    "demozenmlartifacts",
  );
  // It signs the same, so it is the very key.
  expect(again.toString()).toBe(sas);
  search.add("a delegation key by value", key.value);
}

describe("no secret is", () => {
  it("in an answer that is not a credential, nor in the description", () => {
    expect(answers.length).toBeGreaterThan(40);
    expect(answers.flatMap((text, index) => search.inText(`answer ${index}`, text))).toEqual([]);
  });

  it("in a row of a table, in a blob, or in what was seen of requests", () => {
    expect(Object.entries(stateTexts).flatMap(([place, text]) => search.inText(place, text))).toEqual([]);
  });

  it("in a file of the whole local system: logs, Azurite's disk, what the host keeps", () => {
    expect(search.inFiles(system.stateDir, isSafe)).toEqual([]);
  });
});

describe("the search", () => {
  it("reads what it should: a name that is not secret is in the tables, on Azurite's disk and in answers", () => {
    const canary = createLeakSearch();
    canary.add("canary", CANARY);
    const files = canary.inFiles(system.stateDir, isSafe).map(({ place }) => place);
    expect(files).toContain("azurite/__azurite_db_table__.json");
    expect(files).toContain("azurite/__azurite_db_blob__.json");
    expect(canary.inText("tables", stateTexts.tables ?? "")).toHaveLength(1);
    expect(canary.inText("answers", answers.join("\n"))).toHaveLength(1);
  });

  it("reads the log of the host: the correlation id of an answer is there", () => {
    const correlation = createLeakSearch();
    correlation.add("id", /"correlationId":"([0-9a-f-]{36})"/.exec(answers[1] ?? "")?.[1] ?? "");
    expect(correlation.inFiles(system.stateDir, isSafe).map(({ place }) => place)).toContain("host.log");
  });

  it("finds the connector's secret in the vault, the one place where it may be", () => {
    const one = createLeakSearch();
    one.add("secret", applicationOf(system, "zenml-connector").secret);
    expect(one.inFiles(system.stateDir, () => false)).toEqual([
      { place: "state/key-vault-latchkey-vault.json", secret: "secret" },
    ]);
  });

  it.each(["raw", "encoded", "json", "base64", "binary"])("finds a secret that is written %s", (form) => {
    const secret = 'a"secret+with/odd=signs';
    const texts: Record<string, string | Buffer> = {
      raw: `x${secret}x`,
      encoded: `?a=${encodeURIComponent(secret)}`,
      json: JSON.stringify({ secret }),
      base64: Buffer.from(secret).toString("base64"),
      binary: Buffer.concat([Buffer.from([0, 255, 254]), Buffer.from(secret), Buffer.from([200])]),
    };
    const folder = mkdtempSync(join(tmpdir(), "latchkey-leak-"));
    try {
      writeFileSync(join(folder, "file"), texts[form] ?? "");
      const one = createLeakSearch();
      one.add("it", secret);
      expect(one.inFiles(folder, () => false)).toEqual([{ place: "file", secret: "it" }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ["a signed JWT", `x eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.${"s".repeat(40)} x`],
    ["a SAS signature", `?sv=1&sig=${"Ab%2B1".repeat(8)}&se=2`],
    ["a bearer header", `authorization: Bearer ${"t".repeat(30)}`],
    ["a delegation key", `<Value>${"k".repeat(43)}=</Value>`],
  ])("finds %s that it never saw", (what, text) => {
    expect(createLeakSearch().inText("text", text)).toContainEqual({ place: "text", secret: what });
  });
});
