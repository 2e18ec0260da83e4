/** Which requests are which operations of Azure Storage, and what rights they need. */
import { describe, expect, test } from "vitest";
import { operationOf, shapeOf } from "../../../../../infra/local/azure/storage/operations.ts";
import type { StorageService } from "../../../../../infra/local/azure/storage/storage-error.ts";

function find(service: StorageService, line: string, headers: Record<string, string> = {}) {
  const [method = "", target = ""] = line.split(" ");
  const [path = "", query = ""] = target.split("?");
  return operationOf(service, { method, path, query: new URLSearchParams(query), headers });
}

const CONTAINER = "/blobServices/default/containers/c";
const TABLE = "/tableServices/default/tables/T";

describe("operation", () => {
  test.each([
    ["blob", "GET /?comp=list", "List Containers", "", "containers/read"],
    [
      "blob",
      "POST /?restype=service&comp=userdelegationkey",
      "Get User Delegation Key",
      "",
      "generateUserDelegationKey/action",
    ],
    ["blob", "PUT /c?restype=container", "Create Container", CONTAINER, "containers/write"],
    ["blob", "HEAD /c?restype=container", "Get Container Properties", CONTAINER, "containers/read"],
    ["blob", "DELETE /c?restype=container", "Delete Container", CONTAINER, "containers/delete"],
    ["blob", "GET /c?restype=container&comp=list", "List Blobs", CONTAINER, "blobs/read"],
    ["blob", "HEAD /c/a/b", "Get Blob", CONTAINER, "blobs/read"],
    ["blob", "GET /c%2Fa", "Get Blob", CONTAINER, "blobs/read"],
    ["blob", "PUT /c/a?comp=block&blockid=x", "Put Block", CONTAINER, "blobs/write"],
    ["blob", "DELETE /c/a", "Delete Blob", CONTAINER, "blobs/delete"],
    ["table", "GET /Tables", "Query Tables", "", "tables/read"],
    ["table", "POST /Tables", "Create Table", "", "tables/write"],
    ["table", "DELETE /Tables('T')", "Delete Table", TABLE, "tables/delete"],
    ["table", "GET /T()", "Query Entities", TABLE, "entities/read"],
    ["table", "POST /T", "Insert Entity", TABLE, "entities/write"],
    ["table", "PATCH /T(PartitionKey='a/b',RowKey='x')", "Insert Or Merge Entity", TABLE, "entities/write"],
    ["table", "DELETE /T(PartitionKey=%27a%27,RowKey=%27%27)", "Delete Entity", TABLE, "entities/delete"],
    ["queue", "PUT /q", "Create Queue", "/queueServices/default/queues/q", "queues/write"],
    ["queue", "GET /q/messages?peekonly=true", "Peek Messages", "/queueServices/default/queues/q", "messages/read"],
    [
      "queue",
      "DELETE /q/messages/1?popreceipt=x",
      "Delete Message",
      "/queueServices/default/queues/q",
      "messages/process/action",
    ],
  ] as const)("%s %s is %s", (service, line, name, subScope, firstRight) => {
    const operation = find(service, line);
    expect(operation).toMatchObject({ name, subScope });
    expect(operation?.anyOf[0]?.[0]?.operation).toMatch(new RegExp(`/${firstRight}$`));
  });

  test.each([
    ["blob", "POST /?comp=batch"],
    ["blob", "GET /root.txt"],
    ["blob", "GET //c/a"],
    ["blob", "PUT /c?restype=container&comp=acl"],
    ["blob", "GET /%"],
    ["table", "GET /T?comp=acl"],
    ["table", "GET /T/x"],
    ["queue", "GET /q?comp=acl"],
  ] as const)("%s %s is none", (service, line) => {
    expect(find(service, line)).toBeUndefined();
  });

  test("a copy is none, whatever else the request says", () => {
    expect(find("blob", "PUT /c/a", { "x-ms-copy-source": "https://x" })).toBeUndefined();
  });

  test("an entity with If-Match is updated, without it is inserted or replaced", () => {
    const line = "PUT /T(PartitionKey='p',RowKey='r')";
    expect(find("table", line, { "if-match": "*" })).toMatchObject({ name: "Update Entity" });
    expect(find("table", line)).toMatchObject({ name: "Insert Or Replace Entity" });
  });
});

test("shape: names neither containers nor values", () => {
  const query = new URLSearchParams("restype=container&comp=acl&sig=secret");
  const shape = shapeOf("blob", { method: "GET", path: "/private", query, headers: {} });
  expect(shape).toBe("GET blob container ?restype=container&comp=acl");
});
