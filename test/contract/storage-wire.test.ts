/** Answers of Azure Storage byte by byte: what Azure refuses, in whose form, and the headers that the SDKs hide. */
import { odata, TableClient } from "@azure/data-tables";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, storageBearer } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { type RawAnswer, rawRequest } from "../support/raw-request.ts";

const BLOBS = "https://demozenmlartifacts.blob.core.windows.net";
const TABLES = "https://latchkeystate.table.core.windows.net";

let azure: LocalAzure;
let table: TableClient;

beforeAll(async () => {
  azure = await startLocalAzure();
  const identity = credentialOf(azure, "latchkey-service");
  table = new TableClient(TABLES, "Wire", identity, { retryOptions: { maxRetries: 0 } });
  await table.createTable();
});
afterAll(() => azure.stop());

async function blob(method: string, path: string, headers = {}, body?: string): Promise<RawAnswer> {
  const bearer = await storageBearer(azure, "zenml-connector");
  const wanted = { method, url: `${BLOBS}${path}`, headers: { ...bearer, ...headers } };
  return rawRequest(azure, { ...wanted, ...(body === undefined ? {} : { body }) });
}

async function entities(method: string, path: string, body?: string, headers = {}): Promise<RawAnswer> {
  const usual = { accept: "application/json;odata=minimalmetadata", "content-type": "application/json" };
  const bearer = { ...(await storageBearer(azure, "latchkey-service")), "x-ms-version": "2019-02-02" };
  const wanted = { method, url: `${TABLES}${path}`, headers: { ...bearer, ...usual, ...headers } };
  return rawRequest(azure, { ...wanted, ...(body === undefined ? {} : { body }) });
}

describe("blob", () => {
  test("put, get and head: checksums and tiers are in the answers that have them on Azure", async () => {
    const put = await blob("PUT", "/datasets/wire.txt", { "x-ms-blob-type": "BlockBlob" }, "Hello World");
    expect(put.headers).toMatchObject({
      "x-ms-content-crc64": "YeJLfssylmU=",
      "content-md5": "sQqNsWTgdUEFt6mb5y4/5Q==",
    });
    const got = await blob("GET", "/datasets/wire.txt");
    expect(got.headers["x-ms-blob-content-md5"]).toBeUndefined();
    const part = await blob("GET", "/datasets/wire.txt", { range: "bytes=0-3" });
    expect(part.headers["x-ms-blob-content-md5"]).toBe("sQqNsWTgdUEFt6mb5y4/5Q==");
    const head = await blob("HEAD", "/datasets/wire.txt");
    expect(head.headers["x-ms-access-tier-inferred"]).toBe("true");
    expect(head.headers["x-ms-access-tier-change-time"]).toBeUndefined();
  });

  test("refusal: of the store itself is one line of XML with a mark, its length and seven digits", async () => {
    const answer = await blob("PUT", "/datasets?restype=container");
    expect(answer.status).toBe(409);
    expect(answer.headers).toMatchObject({ "x-ms-error-code": "ContainerAlreadyExists", "content-length": "230" });
    const id = answer.headers["x-ms-request-id"];
    expect(answer.body).toMatch(
      new RegExp(
        `^\\uFEFF<\\?xml version="1.0" encoding="utf-8"\\?><Error><Code>ContainerAlreadyExists</Code><Message>The specified container already exists.\\nRequestId:${id}\\nTime:.{19}\\.\\d{7}Z</Message></Error>$`,
      ),
    );
  });

  test.each([
    ["PUT", "/datasets/x", "MissingRequiredHeader"],
    ["GET", "/datasets?restype=container&comp=list&maxresults=0", "OutOfRangeQueryParameterValue"],
    ["GET", "/datasets?restype=container&comp=list&include=foo", "InvalidQueryParameterValue"],
    ["GET", "/datasets/%zz", "InvalidUri"],
    ["PUT", "/datasets/x?comp=blocklist", "InvalidXmlDocument"],
  ])("refusal: %s %s is 400 %s with a body", async (method, path, code) => {
    const answer = await blob(method, path, {}, method === "PUT" ? "x" : undefined);
    expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([400, code]);
    expect(answer.body).toContain(`<Code>${code}</Code>`);
  });

  test("refusal: an API version of the future, before the service is reached", async () => {
    const answer = await blob("GET", "/datasets/x", { "x-ms-version": "2099-01-01" });
    expect(answer.status).toBe(400);
    expect(answer.headers).toMatchObject({ server: "Microsoft-HTTPAPI/2.0" });
    expect(answer.headers["x-ms-version"]).toBeUndefined();
    expect(answer.body).toContain("<HeaderName>x-ms-version</HeaderName><HeaderValue>2099-01-01</HeaderValue>");
  });

  test.each([
    ["PUT", "/datasets/x?comp=lease"],
    ["PUT", "/datasets/x?comp=tier"],
    ["PUT", "/datasets/x?comp=metadata"],
    ["PUT", "/datasets/x?comp=appendblock"],
    ["GET", "/?restype=service&comp=properties"],
  ])("operation: %s %s is not there, and named", async (method, path) => {
    const answer = await blob(method, path);
    expect(answer.status).toBe(501);
    expect(answer.body).toContain(`comp=${/comp=(\w+)/.exec(path)?.[1]}`);
  });
});

describe("table", () => {
  test.each([
    ["POST", "/Tables", '{"TableName":"Wire"}', 409, "TableAlreadyExists"],
    ["POST", "/Tables", '{"TableName":"a_b"}', 400, "InvalidResourceName"],
    ["POST", "/Wire", "nope", 400, "InvalidInput"],
    ["GET", "/Nope()", undefined, 404, "TableNotFound"],
    ["DELETE", "/Wire(PartitionKey='p',RowKey='1')", undefined, 400, "InvalidInput"],
  ])("refusal: %s %s with %s is %i %s, the code in the body alone", async (method, path, body, status, code) => {
    const answer = await entities(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers["x-ms-error-code"]).toBeUndefined();
    expect(answer.headers).toMatchObject({
      "content-type": "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    });
    expect(JSON.parse(answer.body)).toEqual({
      "odata.error": {
        code,
        message: {
          lang: "en-US",
          value: expect.stringMatching(
            new RegExp(`\\nRequestId:${answer.headers["x-ms-request-id"]}\\nTime:.{19}\\.\\d{7}Z$`),
          ),
        },
      },
    });
  });

  test("preference: is confirmed only to who had one", async () => {
    const plain = await entities("POST", "/Wire", '{"PartitionKey":"prefer","RowKey":"1"}');
    expect([plain.status, plain.headers["preference-applied"]]).toEqual([201, undefined]);
    const body = '{"PartitionKey":"prefer","RowKey":"2"}';
    const quiet = await entities("POST", "/Wire", body, { prefer: "return-no-content" });
    expect([quiet.status, quiet.headers["preference-applied"]]).toEqual([204, "return-no-content"]);
  });

  test.each([
    ["TooManyProperties", Object.fromEntries(Array.from({ length: 260 }, (_, index) => [`a${index}`, "x"]))],
    ["EntityTooLarge", Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a${index}`, "x".repeat(30_000)]))],
  ])("limit: %s refuses one entity, and a transaction that holds it", async (code, values) => {
    const entity = { partitionKey: "limits", rowKey: "1", ...values };
    const refused = { statusCode: 400, details: { odataError: { code } } };
    await expect(table.createEntity(entity)).rejects.toMatchObject(refused);
    await expect(table.upsertEntity(entity)).rejects.toMatchObject(refused);
    await expect(table.submitTransaction([["create", entity]])).rejects.toMatchObject({ statusCode: 400, code });
  });

  test("transaction: over two partitions is refused and leaves nothing", async () => {
    const operation = (partition: string) => [
      ...["--changeset_c", "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""],
      ...[`POST ${TABLES}/Wire HTTP/1.1`, "Content-Type: application/json", "Prefer: return-no-content", ""],
      `{"PartitionKey":"${partition}","RowKey":"1"}`,
    ];
    const batch = [
      ...["--batch_b", "Content-Type: multipart/mixed; boundary=changeset_c", ""],
      ...[...operation("two-1"), ...operation("two-2"), "--changeset_c--", "--batch_b--", ""],
    ].join("\r\n");
    const answer = await entities("POST", "/$batch", batch, { "content-type": "multipart/mixed; boundary=batch_b" });
    expect(answer.status).toBe(202);
    expect(answer.body.match(/HTTP\/1\.1 .*/g)).toEqual(["HTTP/1.1 400 Bad Request"]);
    expect(answer.body).toContain(
      `"code":"CommandsInBatchActOnDifferentPartitions","message":{"lang":"en-US","value":"1:All commands in a batch must operate on same entity group.\\nRequestId:${answer.headers["x-ms-request-id"]}\\nTime:`,
    );
    const left = table.listEntities({
      queryOptions: { filter: odata`PartitionKey ge ${"two-"} and PartitionKey lt ${"two."}` },
    });
    expect((await left.next()).done).toBe(true);
  });
});
