/** Python SDKs of Azure, newer than the Node ones in places: each script does one job and prints what it got as JSON. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { CONNECTOR, CONTAINER, type LentSas, OTHER_CONTAINER, openLending, PLACE, SECRET, VAULT } from "./lending.ts";

const SCRIPTS = fileURLToPath(new URL("python/", import.meta.url));
/** Made by scripts/clients/install.sh. */
const PYTHON = `${SCRIPTS}.venv/bin/python`;

let system: ClientSystem;
let sas: LentSas;
let readOnly: LentSas;
/** For the app. */
let token: string;
/** For Azure Resource Manager, lent. */
let armToken: string;

beforeAll(async () => {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is not there. Run scripts/clients/install.sh first.`);
  system = await startClientSystem();
  const lending = await openLending(system);
  token = lending.token;
  sas = await lending.lend(["read", "write", "list", "delete"]);
  readOnly = await lending.lend(["read", "list"]);
  armToken = await lending.lendArmToken();
});
afterAll(() => system?.stop());

/** Signs in as an application, the way that a deployed program does: from the environment. */
async function python(script: string, application: string, args: readonly string[] = []): Promise<unknown> {
  const { clientId, secret } = applicationOf(system.seed, application);
  const env = {
    AZURE_TENANT_ID: system.seed.tenant.id,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: secret,
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const { code, stdout, stderr } = await system.run(PYTHON, [`${SCRIPTS}${script}`, ...args], { env });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

test("python: azure-mgmt-storage lists accounts and containers as the connector", async () => {
  expect(await python("resources.py", "zenml-connector", [system.seed.subscriptions[0]?.id ?? ""])).toEqual({
    groups: expect.arrayContaining(["demo-zenml-demos", "latchkey"]),
    accounts: expect.arrayContaining(["demozenmlarchive", "demozenmlartifacts", "latchkeystate", "otherteamdata"]),
    containers: ["datasets", CONTAINER.name],
    missingGroup: { status: 404, code: "ResourceGroupNotFound" },
  });
});

test("python: azure-mgmt-storage shows nothing to an app without roles", async () => {
  const refused = await python("refused-resources.py", "stranger", [system.seed.subscriptions[0]?.id ?? ""]);
  expect(refused).toEqual({ status: 403, code: "AuthorizationFailed" });
});

test("python: azure-keyvault-secrets sets, reads, deletes, recovers and purges as the app's identity", async () => {
  expect(await python("key-vault.py", "latchkey-service")).toEqual({
    read: "second",
    before: "first",
    deleted: { status: 404, code: "SecretNotFound" },
    recovered: "second",
    purged: { status: 404, code: "SecretNotFound" },
  });
});

test("python: azure-keyvault-secrets is refused for the connector", async () => {
  expect(await python("refused-secrets.py", "zenml-connector")).toEqual({ status: 403, code: "Forbidden" });
});

test("python: azure-data-tables reads the connector's record, which holds no secret", async () => {
  const { secret } = applicationOf(system.seed, "zenml-connector");
  const rows = await python("table-row.py", "latchkey-service", ["Connectors", `n~${CONNECTOR}`]);
  expect(rows).toMatchObject({ record: { PartitionKey: "c", authMethod: "service-principal", state: "degraded" } });
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test("python: azure-storage-blob uses the credential inside its container and nowhere else", async () => {
  const args = [sas.accountUrl, sas.sasToken, CONTAINER.name, OTHER_CONTAINER];
  expect(await python("blobs.py", "stranger", args)).toEqual({
    read: "hello",
    listed: ["python/hello.txt"],
    outside: { status: 403, code: "AuthenticationFailed" },
    deleted: { status: 404, code: "BlobNotFound" },
  });
});

test("python: azure-storage-blob cannot write with a credential for reading and listing", async () => {
  const args = [readOnly.accountUrl, readOnly.sasToken, CONTAINER.name];
  expect(await python("refused-blobs.py", "stranger", args)).toEqual({
    status: 403,
    code: "AuthorizationPermissionMismatch",
  });
});

test("python: azure-mgmt-storage lists accounts with a lent token, which azure-keyvault-secrets is refused with", async () => {
  const args = [armToken, system.seed.subscriptions[0]?.id ?? "", VAULT, SECRET];
  expect(await python("lent-token.py", "stranger", args)).toEqual({
    accounts: expect.arrayContaining(["demozenmlarchive", CONTAINER.account]),
    secret: { status: 401, code: "Unauthorized" },
  });
});

test("python: the app lends the very value that azure-keyvault-secrets set, version by version", async () => {
  const [first, second] = ["first value", "second välue"];
  const versions: Record<string, unknown>[] = [];
  for (const value of [first, second]) {
    const { version } = Object(await python("set-secret.py", "platform-automation", [VAULT, SECRET, value]));
    const wanted = { group: `${VAULT}/secrets/${SECRET}`, mountRequirement: "FILE", ...PLACE };
    const read = (more: object) =>
      python("read-secret.py", "stranger", [system.apiUrl, token, JSON.stringify({ ...wanted, ...more })]);
    expect(await read({})).toMatchObject({ status: 201, value, version });
    versions.push({ value, version });
    for (const old of versions) {
      expect(await read({ groupVersion: old.version })).toMatchObject({ status: 201, ...old });
    }
  }
});
