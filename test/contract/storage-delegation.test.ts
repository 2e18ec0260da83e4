/** User delegation keys and SAS of the local Azure Storage: made by the official SDK, used by raw requests. */
import {
  BlobServiceClient,
  ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, STORAGE_VERSION, storageBearer } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { type RawAnswer, rawRequest } from "../support/raw-request.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const ARTIFACTS = "https://demozenmlartifacts.blob.core.windows.net";
const KEY_PATH = "/?restype=service&comp=userdelegationkey";

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

function raw(method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<RawAnswer> {
  return rawRequest(azure, { method, url, headers, ...(body === undefined ? {} : { body }) });
}

function blobs(name: string): BlobServiceClient {
  return new BlobServiceClient(ARTIFACTS, credentialOf(azure, name), { retryOptions: { maxTries: 1 } });
}

type SasOptions = {
  readonly permissions?: string;
  readonly container?: string;
  readonly blobName?: string;
  readonly keyLifeMs?: number;
  readonly sasLifeMs?: number;
  readonly owner?: string;
};

/** A user delegation SAS as the SDK makes it. */
async function delegatedSas(options: SasOptions = {}): Promise<string> {
  const { permissions = "rwdl", container = "datasets", keyLifeMs = HOUR_MS, sasLifeMs = HOUR_MS / 2 } = options;
  const startsOn = new Date(Date.now() - 60_000);
  const key = await blobs(options.owner ?? "zenml-connector").getUserDelegationKey(
    startsOn,
    new Date(Date.now() + keyLifeMs),
  );
  return generateBlobSASQueryParameters(
    {
      containerName: container,
      ...(options.blobName === undefined ? {} : { blobName: options.blobName }),
      permissions: ContainerSASPermissions.parse(permissions),
      startsOn,
      expiresOn: new Date(Date.now() + sasLifeMs),
    },
    key,
    "demozenmlartifacts",
  ).toString();
}

function keyRequest(life: { startMs?: number; expiryMs?: number } = {}, more = ""): string {
  const start = new Date(Date.now() + (life.startMs ?? 0)).toISOString();
  const expiry = new Date(Date.now() + (life.expiryMs ?? HOUR_MS)).toISOString();
  return `<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>${start}</Start><Expiry>${expiry}</Expiry>${more}</KeyInfo>`;
}

describe("user delegation key", () => {
  test("answers every member, in the API version of the request", async () => {
    const answer = await raw(
      "POST",
      `${ARTIFACTS}${KEY_PATH}`,
      await storageBearer(azure, "zenml-connector"),
      keyRequest(),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ "content-type": "application/xml", "x-ms-version": STORAGE_VERSION });
    const members = [...answer.body.matchAll(/<(\w+)>([^<]+)<\/\1>/g)].map(([, name, text]) => [name, text]);
    const connector = azure.seed.applications.find(({ name }) => name === "zenml-connector");
    expect(members).toEqual([
      ["SignedOid", connector?.objectId],
      ["SignedTid", azure.seed.tenant.id],
      ["SignedStart", expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)],
      ["SignedExpiry", expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)],
      ["SignedService", "b"],
      ["SignedVersion", STORAGE_VERSION],
      ["Value", expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/)],
    ]);
  });

  test("names the tenant of the delegated user when it is asked", async () => {
    const body = keyRequest({}, "<DelegatedUserTid>11111111-2222-4333-8444-555555555555</DelegatedUserTid>");
    const answer = await raw("POST", `${ARTIFACTS}${KEY_PATH}`, await storageBearer(azure, "zenml-connector"), body);
    expect(answer.body).toContain(
      "<SignedDelegatedUserTid>11111111-2222-4333-8444-555555555555</SignedDelegatedUserTid>",
    );
  });

  test("is refused to a principal without the right", async () => {
    const answer = await raw("POST", `${ARTIFACTS}${KEY_PATH}`, await storageBearer(azure, "stranger"), keyRequest());
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthorizationPermissionMismatch"]);
  });

  test.each([
    { what: "ends later than 7 days from now", body: () => keyRequest({ expiryMs: 7 * DAY_MS + 60_000 }) },
    { what: "ends in the past", body: () => keyRequest({ startMs: -2 * HOUR_MS, expiryMs: -HOUR_MS }) },
    { what: "ends before it starts", body: () => keyRequest({ startMs: 2 * HOUR_MS, expiryMs: HOUR_MS }) },
    { what: "has a time in no known form", body: () => "<KeyInfo><Start>now</Start><Expiry>later</Expiry></KeyInfo>" },
  ])("is refused when it $what", async ({ body }) => {
    const answer = await raw("POST", `${ARTIFACTS}${KEY_PATH}`, await storageBearer(azure, "zenml-connector"), body());
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([400, "InvalidXmlNodeValue"]);
    expect(answer.body).toMatch(/<XmlNodeName>(.+)<\/XmlNodeName><XmlNodeValue>\1<\/XmlNodeValue>/);
  });

  test("is given for just under 7 days", async () => {
    const body = keyRequest({ expiryMs: 7 * DAY_MS - 60_000 });
    expect(
      (await raw("POST", `${ARTIFACTS}${KEY_PATH}`, await storageBearer(azure, "zenml-connector"), body)).status,
    ).toBe(200);
  });

  test("is refused for a body that is no key request", async () => {
    const answer = await raw(
      "POST",
      `${ARTIFACTS}${KEY_PATH}`,
      await storageBearer(azure, "zenml-connector"),
      "<KeyInfo>",
    );
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([400, "InvalidXmlDocument"]);
  });
});

describe("user delegation SAS", () => {
  test("container: writes, reads, lists and deletes what its permissions name", async () => {
    const client = new ContainerClient(`${ARTIFACTS}/datasets?${await delegatedSas()}`);
    const blob = client.getBlockBlobClient("sas.txt");
    await blob.upload("by sas", 6);
    expect((await blob.downloadToBuffer()).toString()).toBe("by sas");
    const names: string[] = [];
    for await (const item of client.listBlobsFlat()) names.push(item.name);
    expect(names).toContain("sas.txt");
    await blob.delete();
  });

  test("blob: reads its one blob and no other", async () => {
    const owner = blobs("zenml-connector").getContainerClient("datasets");
    await owner.getBlockBlobClient("one.txt").upload("1", 1);
    await owner.getBlockBlobClient("two.txt").upload("2", 1);
    const sas = await delegatedSas({ permissions: "r", blobName: "one.txt" });
    expect((await raw("GET", `${ARTIFACTS}/datasets/one.txt?${sas}`)).body).toBe("1");
    const other = await raw("GET", `${ARTIFACTS}/datasets/two.txt?${sas}`);
    expect([other.status, other.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
  });

  test.each([
    { what: "writing with read and list", permissions: "rl", method: "PUT", path: "/datasets/no.txt" },
    { what: "listing with read", permissions: "r", method: "GET", path: "/datasets?restype=container&comp=list" },
    { what: "deleting with read and write", permissions: "rw", method: "DELETE", path: "/datasets/large.bin" },
  ])("permissions: refuses $what", async ({ permissions, method, path }) => {
    const url = new URL(`${ARTIFACTS}${path}`);
    const sas = await delegatedSas({ permissions });
    const separator = url.search === "" ? "?" : "&";
    const headers = { "x-ms-blob-type": "BlockBlob", "x-ms-version": STORAGE_VERSION };
    const answer = await raw(method, `${url}${separator}${sas}`, headers);
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthorizationPermissionMismatch"]);
  });

  test("rbac: a SAS can do no more than the one who signed it", async () => {
    // Contributor of the control plane: gets a key, and has no right on blobs.
    const sas = await delegatedSas({ owner: "platform-automation" });
    const answer = await raw("GET", `${ARTIFACTS}/datasets?restype=container&comp=list&${sas}`);
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthorizationPermissionMismatch"]);
  });

  test.each([
    { what: "its signature was changed", change: (sas: URLSearchParams) => sas.set("sig", "AAAA") },
    { what: "its permissions were changed", change: (sas: URLSearchParams) => sas.set("sp", "racwdl") },
    { what: "it has expired", change: (sas: URLSearchParams) => sas.set("se", "2020-01-01T00:00:00Z") },
    { what: "it has not begun", change: (sas: URLSearchParams) => sas.set("st", "2100-01-01T00:00:00Z") },
    { what: "its key has expired", change: (sas: URLSearchParams) => sas.set("ske", "2020-01-01T00:00:00Z") },
    { what: "its key is of another tenant", change: (sas: URLSearchParams) => sas.set("sktid", "other") },
    { what: "its key has no end", change: (sas: URLSearchParams) => sas.delete("ske") },
    { what: "its resource is of no known kind", change: (sas: URLSearchParams) => sas.set("sr", "z") },
  ])("form: refused when $what", async ({ change }) => {
    const sas = new URLSearchParams(await delegatedSas());
    change(sas);
    const answer = await raw("GET", `${ARTIFACTS}/datasets?restype=container&comp=list&${sas}`);
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
    expect(answer.body).toContain("<AuthenticationErrorDetail>");
  });

  test("times: refused when it outlives its key", async () => {
    const sas = await delegatedSas({ keyLifeMs: HOUR_MS, sasLifeMs: 2 * HOUR_MS });
    const answer = await raw("GET", `${ARTIFACTS}/datasets?restype=container&comp=list&${sas}`);
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
  });

  test.each(["sr=d", "sip"])("form: %s is named in a 501", async (what) => {
    const sas = new URLSearchParams(await delegatedSas());
    if (what === "sip") sas.set("sip", "127.0.0.1");
    else sas.set("sr", "d");
    const answer = await raw("GET", `${ARTIFACTS}/datasets?restype=container&comp=list&${sas}`);
    expect(answer.status).toBe(501);
    expect(answer.body).toContain(what);
  });

  test("key: a SAS does not get a delegation key", async () => {
    const answer = await raw("POST", `${ARTIFACTS}${KEY_PATH}&${await delegatedSas()}`, {}, keyRequest());
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
  });
});
