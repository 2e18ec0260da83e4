/** curl: from a token to a blob, every step over bare HTTP. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClientSystem, startClientSystem } from "./client-system.ts";
import {
  type Access,
  allowLending,
  CONTAINER,
  callApi,
  curl,
  issue,
  issueArmToken,
  type LentSas,
  lentSas,
  OTHER_CONTAINER,
  PLACE,
  registerConnector,
  SECRET,
  textAt,
  tokenFor,
  VAULT,
} from "./lending.ts";

const ALL: readonly Access[] = ["read", "write", "list", "delete"];

let system: ClientSystem;
let token: string;

beforeAll(async () => {
  system = await startClientSystem();
  token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const registered = await registerConnector(system, token);
  expect(registered.status, registered.text).toBe(201);
  await allowLending(system, token);
});
afterAll(() => system?.stop());

async function lend(access: readonly Access[]): Promise<LentSas> {
  const answer = await issue(system, token, access);
  expect(answer.status, answer.text).toBe(201);
  return lentSas(answer);
}

function put(url: string, text: string) {
  return curl(system, url, ["-X", "PUT", "-H", "x-ms-blob-type: BlockBlob", "--data-binary", text]);
}

async function expectNoRenewalAfterEnd(leaseId: string): Promise<void> {
  const renew = () => callApi(system, token, `leases/${leaseId}/renew`, {});
  expect((await renew()).status).toBe(200);
  const end = ["-X", "DELETE", "-H", `Authorization: Bearer ${token}`];
  expect((await curl(system, `${system.apiUrl}/api/leases/${leaseId}`, end)).status).toBe(200);
  expect(await renew()).toMatchObject({ status: 409, json: { code: "LEASE_CLOSED" } });
}

test("curl: describes the connector without its secret", async () => {
  const described = await callApi(system, token, "connectors/azure-service-principal");
  expect(described.status).toBe(200);
  expect(described.json).toMatchObject({ secrets: { clientSecret: "[HIDDEN]" } });
});

test("curl: writes, lists, reads and deletes a blob with the credential", async () => {
  const { containerUrl, sasToken } = await lend(ALL);
  const blob = `${containerUrl}/curl/hello%20world.txt?${sasToken}`;
  expect((await put(blob, "hello")).status).toBe(201);
  const list = await curl(system, `${containerUrl}?restype=container&comp=list&prefix=curl/&${sasToken}`);
  expect(list.status).toBe(200);
  expect(list.text).toContain("<Name>curl/hello world.txt</Name>");
  expect(await curl(system, blob)).toMatchObject({ status: 200, text: "hello" });
  expect((await curl(system, blob, ["-X", "DELETE"])).status).toBe(202);
  expect((await curl(system, blob)).status).toBe(404);
});

test("curl: is refused a write with a credential for reading and listing", async () => {
  const { containerUrl, sasToken } = await lend(["read", "list"]);
  const refused = await put(`${containerUrl}/curl/refused.txt?${sasToken}`, "no");
  expect(refused.status).toBe(403);
  expect(refused.text).toContain("<Code>AuthorizationPermissionMismatch</Code>");
});

test("curl: is refused outside the container", async () => {
  const { accountUrl, sasToken } = await lend(ALL);
  const outside = `${accountUrl.replace(/\/$/, "")}/${OTHER_CONTAINER}`;
  const written = await put(`${outside}/curl.txt?${sasToken}`, "no");
  expect(written.status).toBe(403);
  expect(written.text).toContain("<Code>AuthenticationFailed</Code>");
  expect((await curl(system, `${outside}?restype=container&comp=list&${sasToken}`)).status).toBe(403);
});

test("curl: is refused with a credential whose rights were changed by hand", async () => {
  const { containerUrl, sasToken } = await lend(["read", "list"]);
  const forged = new URLSearchParams(sasToken);
  expect(forged.get("sp")).toBe("rl");
  forged.set("sp", "racwdl");
  expect((await put(`${containerUrl}/curl/forged.txt?${forged}`, "no")).status).toBe(403);
});

test("curl: is refused at the app without a token and with that of an app that has no role", async () => {
  const without = await curl(system, `${system.apiUrl}/api/connectors`);
  expect(without).toMatchObject({ status: 401, json: { code: "TOKEN_MISSING" } });
  const stranger = textAt(await tokenFor(system, "stranger"), "access_token");
  const refused = await issue(system, stranger, ["read"]);
  expect(refused).toMatchObject({ status: 403, json: { code: "ROLE_REQUIRED" } });
});

test("curl: lists storage accounts with a lent token for Azure Resource Manager, which Key Vault refuses", async () => {
  const issued = await issueArmToken(system, token);
  expect(issued.status).toBe(201);
  const bearer = ["-H", `Authorization: Bearer ${textAt(issued, "credential", "token")}`];
  const accounts = `${textAt(issued, "resourceId")}/providers/Microsoft.Storage/storageAccounts?api-version=2023-05-01`;
  const listed = await curl(system, `https://management.azure.com${accounts}`, bearer);
  expect(listed).toMatchObject({
    status: 200,
    json: { value: expect.arrayContaining([expect.objectContaining({ name: CONTAINER.account })]) },
  });
  // The connector may read this secret: the audience alone is in the way.
  const refused = await curl(system, `${VAULT}/secrets/${SECRET}?api-version=7.4`, bearer);
  expect(refused).toMatchObject({ status: 401, json: { error: { code: "Unauthorized" } } });
  expect(refused.text).toContain("AKV10022");
});

test("curl: reads a secret, and an ended lease of it is not renewed", async () => {
  const wanted = { group: `${VAULT}/secrets/${SECRET}`, mountRequirement: "ENV_VAR", ...PLACE };
  const read = await callApi(system, token, "secrets/read", wanted);
  expect(read.status).toBe(201);
  expect(read.json).toMatchObject({ env: { EXAMPLE_SECRET: textAt(read, "credential", "value") } });
  await expectNoRenewalAfterEnd(textAt(read, "leaseId"));
});

test("curl: an ended lease of a token is not renewed", async () => {
  await expectNoRenewalAfterEnd(textAt(await issueArmToken(system, token), "leaseId"));
});

test("curl: a token of Entra names the account that it is for, and the secret is really checked", async () => {
  const wrong = { ...system, seed: withSecret(system.seed, "platform-automation", "wrong") };
  const refused = await tokenFor(wrong, "platform-automation");
  expect(refused).toMatchObject({ status: 401, json: { error: "invalid_client", error_codes: [7000215] } });
  const issued = await issue(system, token, ["read"]);
  expect(textAt(issued, "resourceId")).toContain(`/storageAccounts/${CONTAINER.account}/`);
});

function withSecret(seed: ClientSystem["seed"], name: string, secret: string): ClientSystem["seed"] {
  const applications = seed.applications.map((one) => (one.name === name ? { ...one, secret } : one));
  return { ...seed, applications };
}
