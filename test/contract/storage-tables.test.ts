/** Table Storage of the local Azure: the official SDK and the shape of raw answers. */
import { odata, RestError, TableClient, TableServiceClient } from "@azure/data-tables";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, storageBearer } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { type RawAnswer, rawRequest } from "../support/raw-request.ts";

const STATE_TABLES = "https://latchkeystate.table.core.windows.net";

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

function raw(method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<RawAnswer> {
  return rawRequest(azure, { method, url, headers, ...(body === undefined ? {} : { body }) });
}

function tables(table: string, name = "latchkey-service"): TableClient {
  return new TableClient(STATE_TABLES, table, credentialOf(azure, name), { retryOptions: { maxRetries: 0 } });
}

describe("tables", () => {
  const headers = async (name = "latchkey-service") => ({
    ...(await storageBearer(azure, name)),
    "x-ms-version": "2019-02-02",
    accept: "application/json;odata=minimalmetadata",
    "content-type": "application/json;odata=nometadata",
  });

  test("entity: insert, get, merge, replace, query, transaction and delete with ETags", async () => {
    const table = tables("Leases");
    await table.createTable();
    const { etag = "" } = await table.createEntity({ partitionKey: "p", rowKey: "1", state: "pending", count: 7n });
    expect(await table.getEntity("p", "1")).toMatchObject({ state: "pending", count: 7n });
    await table.updateEntity({ partitionKey: "p", rowKey: "1", state: "active" }, "Merge", { etag });
    const stale = table.updateEntity({ partitionKey: "p", rowKey: "1", state: "late" }, "Replace", { etag });
    await expect(stale).rejects.toMatchObject({
      statusCode: 412,
      details: { odataError: { code: "UpdateConditionNotSatisfied" } },
    });
    const again = table.createEntity({ partitionKey: "p", rowKey: "1" });
    await expect(again).rejects.toMatchObject({
      statusCode: 409,
      details: { odataError: { code: "EntityAlreadyExists" } },
    });
    await table.upsertEntity({ partitionKey: "p", rowKey: "2", state: "active" }, "Replace");
    const answer = await table.submitTransaction([
      ["create", { partitionKey: "p", rowKey: "3", state: "active" }],
      ["update", { partitionKey: "p", rowKey: "2", state: "closed" }],
    ]);
    expect(answer.status).toBe(202);
    const failing = table.submitTransaction([
      ["create", { partitionKey: "p", rowKey: "4" }],
      ["create", { partitionKey: "p", rowKey: "3" }],
    ]);
    await expect(failing).rejects.toBeInstanceOf(RestError);
    const keys: (string | undefined)[] = [];
    const filter = odata`PartitionKey eq ${"p"} and state ne ${"closed"}`;
    for await (const entity of table.listEntities({ queryOptions: { filter } })) keys.push(entity.rowKey);
    expect(keys).toEqual(["1", "3"]);
    await table.deleteEntity("p", "1");
    await expect(table.getEntity("p", "1")).rejects.toMatchObject({
      statusCode: 404,
      details: { odataError: { code: "ResourceNotFound" } },
    });
    await table.deleteTable();
  });

  test("answer: headers and addresses are those of Azure", async () => {
    const asService = await headers();
    const created = await raw("POST", `${STATE_TABLES}/Tables`, asService, JSON.stringify({ TableName: "Shapes" }));
    expect(created.status).toBe(201);
    expect(created.headers).toMatchObject({
      "content-type": "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
      location: `${STATE_TABLES}/Tables('Shapes')`,
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "x-ms-version": "2019-02-02",
      server: "Windows-Azure-Table/1.0 Microsoft-HTTPAPI/2.0",
    });
    expect(JSON.parse(created.body)).toEqual({
      "odata.metadata": `${STATE_TABLES}/$metadata#Tables/@Element`,
      TableName: "Shapes",
    });
    const inserted = await raw(
      "POST",
      `${STATE_TABLES}/Shapes`,
      { ...asService, prefer: "return-no-content" },
      JSON.stringify({ PartitionKey: "it's", RowKey: "1" }),
    );
    expect(inserted.status).toBe(204);
    expect(inserted.headers).toMatchObject({
      location: `${STATE_TABLES}/Shapes(PartitionKey='it''s',RowKey='1')`,
      dataserviceid: `${STATE_TABLES}/Shapes(PartitionKey='it''s',RowKey='1')`,
      "content-length": "0",
      "preference-applied": "return-no-content",
      etag: expect.stringMatching(/^W\/"datetime'/),
    });
    expect(inserted.headers["content-type"]).toBeUndefined();
    const queried = await raw("GET", `${STATE_TABLES}/Shapes()`, asService);
    expect(JSON.parse(queried.body)).toMatchObject({ "odata.metadata": `${STATE_TABLES}/$metadata#Shapes` });
    const one = await raw("GET", `${STATE_TABLES}/Shapes(PartitionKey='it''s',RowKey='1')`, asService);
    expect(JSON.parse(one.body)).toMatchObject({ "odata.metadata": `${STATE_TABLES}/$metadata#Shapes/@Element` });
  });

  test("rbac: a principal without a table role is refused everything, in OData or XML", async () => {
    const service = new TableServiceClient(STATE_TABLES, credentialOf(azure, "zenml-connector"), {
      retryOptions: { maxRetries: 0 },
    });
    await expect(service.createTable("Nope")).rejects.toMatchObject({
      statusCode: 403,
      details: { odataError: { code: "AuthorizationPermissionMismatch" } },
    });
    const transaction = tables("Shapes", "zenml-connector").submitTransaction([
      ["create", { partitionKey: "p", rowKey: "1" }],
    ]);
    await expect(transaction).rejects.toMatchObject({ statusCode: 403 });
    const json = await raw("GET", `${STATE_TABLES}/Shapes()`, await headers("zenml-connector"));
    expect(json.headers["content-type"]).toBe("application/json;odata=minimalmetadata;streaming=true;charset=utf-8");
    expect(JSON.parse(json.body)).toEqual({
      "odata.error": {
        code: "AuthorizationPermissionMismatch",
        message: { lang: "en-US", value: expect.stringContaining("\nRequestId:") },
      },
    });
    const atom = { ...(await headers("zenml-connector")), accept: "application/atom+xml" };
    const xml = await raw("GET", `${STATE_TABLES}/Shapes()`, atom);
    expect(xml.body).toContain("<m:code>AuthorizationPermissionMismatch</m:code>");
  });
});
