/** Where Azurite answers otherwise than Azure. */
import { expect, test } from "vitest";
import { createdPath, mendHeaders } from "../../../../../infra/local/azure/storage/mend.ts";

test.each([
  ["Create Table", undefined, '{"TableName":"Leases"}', "Tables('Leases')"],
  ["Insert Entity", "T", `{"PartitionKey":"it's","RowKey":"a b"}`, "T(PartitionKey='it''s',RowKey='a%20b')"],
  ["Insert Entity", "T", '{"PartitionKey":"","RowKey":""}', "T(PartitionKey='',RowKey='')"],
  ["Insert Entity", "T", '{"PartitionKey":"p"}', undefined],
  ["Insert Entity", "T", "not json", undefined],
  ["Create Table", undefined, "null", undefined],
])("created path: %s in %s with %s is %s", (operation, table, body, expected) => {
  expect(createdPath(operation, table, body)).toBe(expected);
});

test("headers: the store's own name, version and connection do not pass", () => {
  const answered = {
    ...({ service: "blob", account: "a", operation: "Get Blob", table: undefined, created: undefined } as const),
    clientRequestId: "mine",
    version: "2026-04-06",
  };
  const azurite = {
    server: "Azurite-Blob/3.37.0",
    "x-ms-version": "2026-06-06",
    connection: "keep-alive",
    etag: '"1"',
  };
  expect(mendHeaders(answered, 200, azurite)).toEqual({
    server: "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
    "x-ms-version": "2026-04-06",
    "x-ms-client-request-id": "mine",
    etag: '"1"',
  });
});
