/** Azure Storage of the local Azure: who gets in and who may do what, by the official SDK and by raw requests. */
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, STORAGE_VERSION, storageBearer, tokenOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { type RawAnswer, rawRequest } from "../support/raw-request.ts";

const HOUR_MS = 60 * 60 * 1000;
const ARTIFACTS = "https://demozenmlartifacts.blob.core.windows.net";
const ARCHIVE = "https://demozenmlarchive.blob.core.windows.net";
const HOST_ACCOUNT = "https://latchkeyhost.blob.core.windows.net";
const STATE_TABLES = "https://latchkeystate.table.core.windows.net";

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

function raw(method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<RawAnswer> {
  return rawRequest(azure, { method, url, headers, ...(body === undefined ? {} : { body }) });
}

function blobs(name: string, account = ARTIFACTS): BlobServiceClient {
  return new BlobServiceClient(account, credentialOf(azure, name), { retryOptions: { maxTries: 1 } });
}

describe("bearer token", () => {
  test("blob: a principal with Storage Blob Data Contributor writes, reads, lists and deletes", async () => {
    const container = blobs("zenml-connector").getContainerClient("demo-zenmlartifactstore");
    const blob = container.getBlockBlobClient("models/1 ä.txt");
    await blob.upload("hello", 5);
    expect((await blob.downloadToBuffer()).toString()).toBe("hello");
    const names: string[] = [];
    for await (const item of container.listBlobsFlat({ prefix: "models/" })) names.push(item.name);
    expect(names).toEqual(["models/1 ä.txt"]);
    await blob.delete();
    expect(await blob.exists()).toBe(false);
  });

  test("blob: a body of several megabytes passes in both directions unchanged", async () => {
    const body = Buffer.alloc(6 * 1024 * 1024, "0123456789abcdef");
    const blob = blobs("zenml-connector").getContainerClient("datasets").getBlockBlobClient("large.bin");
    await blob.uploadData(body, { blockSize: 1024 * 1024, maxSingleShotSize: 1024 });
    expect((await blob.downloadToBuffer()).equals(body)).toBe(true);
    await blob.delete();
  });

  test.each([
    { who: "stranger", url: `${ARTIFACTS}/datasets/x`, method: "GET" },
    { who: "stranger", url: `${ARTIFACTS}/datasets/x`, method: "HEAD" },
    { who: "stranger", url: `${ARTIFACTS}/?comp=list`, method: "GET" },
    { who: "zenml-connector", url: `${ARCHIVE}/datasets/x`, method: "GET" },
    { who: "zenml-connector", url: `${ARCHIVE}/datasets?restype=container&comp=list`, method: "GET" },
    { who: "zenml-connector", url: `${ARCHIVE}/fresh?restype=container`, method: "PUT" },
    { who: "platform-automation", url: `${ARTIFACTS}/datasets/x`, method: "GET" },
    { who: "platform-automation", url: `${ARTIFACTS}/datasets/x`, method: "DELETE" },
  ])("rbac: $who is refused $method $url", async ({ who, url, method }) => {
    const answer = await raw(method, url, { ...(await storageBearer(azure, who)), "x-ms-client-request-id": "mine" });
    expect(answer.status).toBe(403);
    expect(answer.headers).toMatchObject({
      "x-ms-error-code": "AuthorizationPermissionMismatch",
      "x-ms-version": STORAGE_VERSION,
      "x-ms-client-request-id": "mine",
      server: "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
    });
    expect(answer.headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(answer.headers.date ?? "")).not.toBeNaN();
    if (method === "HEAD") return expect(answer.body).toBe("");
    expect(answer.headers["content-type"]).toBe("application/xml");
    expect(answer.body).toMatch(
      /^\uFEFF<\?xml version="1\.0" encoding="utf-8"\?><Error><Code>AuthorizationPermissionMismatch<\/Code><Message>.+\nRequestId:.{36}\nTime:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z<\/Message><\/Error>$/,
    );
  });

  test("rbac: a contributor of the control plane alone may list containers, not read blobs", async () => {
    const answer = await raw("GET", `${ARTIFACTS}/?comp=list`, await storageBearer(azure, "platform-automation"));
    expect(answer.status).toBe(200);
    expect(answer.body).toContain(`ServiceEndpoint="${ARTIFACTS}/"`);
  });

  test.each([
    { what: "not a token", token: async () => "x.y.z" },
    {
      what: "a token for another audience",
      token: () => tokenOf(azure, "zenml-connector", "https://vault.azure.net/.default"),
    },
    { what: "a token whose signature was changed", token: async () => forged(await tokenOf(azure, "zenml-connector")) },
    { what: "a token with alg none", token: async () => unsigned(await tokenOf(azure, "zenml-connector")) },
  ])("token: refuses $what with a challenge", async ({ token }) => {
    const headers = { authorization: `Bearer ${await token()}`, "x-ms-version": STORAGE_VERSION };
    const answer = await raw("GET", `${ARTIFACTS}/datasets/x`, headers);
    expect(answer.status).toBe(401);
    expect(answer.headers["x-ms-error-code"]).toBe("InvalidAuthenticationInfo");
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer authorization_uri=https://login.microsoftonline.com/${azure.seed.tenant.id}/oauth2/authorize resource_id=https://storage.azure.com`,
    );
    expect(answer.body).toContain("<AuthenticationErrorDetail>");
  });

  test("token: an API version before bearer tokens refuses it", async () => {
    const { authorization = "" } = await storageBearer(azure, "zenml-connector");
    const answer = await raw("GET", `${ARTIFACTS}/datasets/x`, { authorization });
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
  });

  test("token: refuses an unknown scheme as malformed", async () => {
    const answer = await raw("GET", `${ARTIFACTS}/datasets/x`, {
      authorization: "Basic eDp5",
      "x-ms-version": STORAGE_VERSION,
    });
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([400, "InvalidAuthenticationInfo"]);
  });

  test("operation: one that is not there is named in a 501", async () => {
    const answer = await raw("POST", `${ARTIFACTS}/?comp=batch`, await storageBearer(azure, "zenml-connector"));
    expect(answer.status).toBe(501);
    expect(answer.body).toContain("POST blob account ?comp=batch");
  });
});

describe("no credential", () => {
  test.each([
    {
      method: "GET",
      url: `${ARTIFACTS}/datasets/x`,
      version: STORAGE_VERSION,
      status: 401,
      code: "NoAuthenticationInformation",
    },
    {
      method: "PUT",
      url: `${ARTIFACTS}/datasets/x`,
      version: STORAGE_VERSION,
      status: 401,
      code: "NoAuthenticationInformation",
    },
    {
      method: "GET",
      url: `${ARTIFACTS}/datasets/x`,
      version: undefined,
      status: 409,
      code: "PublicAccessNotPermitted",
    },
    { method: "PUT", url: `${ARTIFACTS}/datasets/x`, version: undefined, status: 404, code: "ResourceNotFound" },
    {
      method: "GET",
      url: `${STATE_TABLES}/Tables`,
      version: "2020-12-06",
      status: 401,
      code: "InvalidAuthenticationInfo",
    },
    { method: "GET", url: `${STATE_TABLES}/Tables`, version: "2019-02-02", status: 403, code: "AuthenticationFailed" },
  ])("$method $url at version $version: $status $code", async ({ method, url, version, status, code }) => {
    const answer = await raw(method, url, version === undefined ? {} : { "x-ms-version": version });
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([status, code]);
    expect(answer.headers["www-authenticate"] !== undefined).toBe(status === 401);
  });

  test("account: a name that is not in the tenant is not found by the proxy", async () => {
    const answer = await raw("GET", "https://nosuchaccount.blob.core.windows.net/");
    expect(answer.status).toBe(502);
  });
});

describe("account key", () => {
  const hostKey = () => {
    const accounts = azure.seed.subscriptions.flatMap(({ resourceGroups }) =>
      resourceGroups.flatMap(({ storageAccounts }) => storageAccounts),
    );
    return accounts.find(({ name }) => name === "latchkeyhost")?.key ?? "";
  };

  test("works on an account that takes keys", async () => {
    const service = new BlobServiceClient(HOST_ACCOUNT, new StorageSharedKeyCredential("latchkeyhost", hostKey()));
    const { containerClient } = await service.createContainer("by-key");
    await containerClient.getBlockBlobClient("a/b.txt").upload("key", 3);
    expect((await containerClient.getBlockBlobClient("a/b.txt").downloadToBuffer()).toString()).toBe("key");
    const table = new TableClient(
      "https://latchkeyhost.table.core.windows.net",
      "ByKey",
      new AzureNamedKeyCredential("latchkeyhost", hostKey()),
    );
    await table.createTable();
    await table.createEntity({ partitionKey: "p", rowKey: "r" });
    expect((await table.getEntity("p", "r")).rowKey).toBe("r");
    await table.submitTransaction([
      ["upsert", { partitionKey: "p", rowKey: "s", v: "1" }, "Replace"],
      ["delete", { partitionKey: "p", rowKey: "r" }],
    ]);
    expect((await table.getEntity("p", "s")).v).toBe("1");
    await expect(table.getEntity("p", "r")).rejects.toMatchObject({ statusCode: 404 });
  });

  test("a wrong key fails to authenticate", async () => {
    const wrong = new StorageSharedKeyCredential("latchkeyhost", Buffer.alloc(64, 1).toString("base64"));
    const listing = new BlobServiceClient(HOST_ACCOUNT, wrong).listContainers().next();
    await expect(listing).rejects.toMatchObject({ statusCode: 403, code: "AuthenticationFailed" });
  });

  test("is refused on every other account, as is a SAS made with one", async () => {
    const key = new StorageSharedKeyCredential("demozenmlartifacts", hostKey());
    const listing = new BlobServiceClient(ARTIFACTS, key).listContainers().next();
    await expect(listing).rejects.toMatchObject({ statusCode: 403, code: "KeyBasedAuthenticationNotPermitted" });
    const accountSas = generateAccountSASQueryParameters(
      {
        expiresOn: new Date(Date.now() + HOUR_MS),
        permissions: AccountSASPermissions.parse("rl"),
        resourceTypes: AccountSASResourceTypes.parse("sco").toString(),
        services: AccountSASServices.parse("b").toString(),
      },
      key,
    );
    const serviceSas = generateBlobSASQueryParameters(
      {
        containerName: "datasets",
        permissions: ContainerSASPermissions.parse("rl"),
        expiresOn: new Date(Date.now() + HOUR_MS),
      },
      key,
    );
    for (const sas of [accountSas, serviceSas]) {
      const answer = await raw("GET", `${ARTIFACTS}/datasets?restype=container&comp=list&${sas}`);
      expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "KeyBasedAuthenticationNotPermitted"]);
    }
  });
});

function forged(token: string): string {
  const [header = "", claims = "", signature = ""] = token.split(".");
  return [header, claims, `${signature.slice(0, -8)}AAAAAAAA`].join(".");
}

function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  return `${header}.${token.split(".")[1]}.`;
}
