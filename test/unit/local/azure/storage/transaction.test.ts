/** What the guard reads in a table transaction. */
import { expect, test } from "vitest";
import {
  checkTransaction,
  isTransaction,
  mendTransaction,
  operationsInTransaction,
  withAccountInPaths,
} from "../../../../../infra/local/azure/storage/transaction.ts";

const body = [
  "--batch_1",
  "content-type: multipart/mixed; boundary=changeset_1",
  "",
  "--changeset_1",
  "content-type: application/http",
  "",
  "POST https://a.table.core.windows.net/T HTTP/1.1",
  "accept: application/json",
  "",
  '{"PartitionKey":"p","RowKey":"DELETE https://a.table.core.windows.net/U HTTP/1.1"}',
  "--changeset_1",
  "content-type: application/http",
  "",
  "DELETE https://a.table.core.windows.net/T(PartitionKey='p',RowKey='r') HTTP/1.1",
  "If-Match: *",
  "",
  "--changeset_1--",
  "--batch_1--",
].join("\r\n");

test("finds each operation with its condition, and nothing in values", () => {
  const found = operationsInTransaction(body).map(({ method, path, headers }) => [method, path, headers]);
  expect(found).toEqual([
    ["POST", "/T", { accept: "application/json" }],
    ["DELETE", "/T(PartitionKey='p',RowKey='r')", { "if-match": "*" }],
  ]);
});

test("finds nothing in a body of another shape", () => {
  expect(operationsInTransaction("{}")).toEqual([]);
});

test("puts the account into the path of each operation and leaves values alone", () => {
  const changed = withAccountInPaths(body, "a");
  expect(changed).toContain("\r\nPOST https://a.table.core.windows.net/a/T HTTP/1.1\r\n");
  expect(changed).toContain(
    "\r\nDELETE https://a.table.core.windows.net/a/T(PartitionKey='p',RowKey='r') HTTP/1.1\r\n",
  );
  expect(changed).toContain('"RowKey":"DELETE https://a.table.core.windows.net/U HTTP/1.1"');
});

test.each([
  ["POST", "/$batch", true],
  ["POST", "/%24batch", true],
  ["GET", "/$batch", false],
  ["POST", "/batch", false],
])("%s %s is a transaction: %s", (method, path, expected) => {
  expect(isTransaction(method, path)).toBe(expected);
});

function part(method: string, path: string, body = "", headers: Record<string, string> = { "if-match": "*" }) {
  return { method, path, query: new URLSearchParams(), headers, body };
}
const insert = (partition: string, row: string) =>
  part("POST", "/T", JSON.stringify({ PartitionKey: partition, RowKey: row }));

test.each([
  ["another partition", [insert("p", "1"), insert("q", "2")], 1, "CommandsInBatchActOnDifferentPartitions"],
  [
    "another partition in a path",
    [insert("p", "1"), part("DELETE", "/T(PartitionKey='it''s',RowKey='1')")],
    1,
    "CommandsInBatchActOnDifferentPartitions",
  ],
  [
    "another table",
    [insert("p", "1"), part("DELETE", "/U(PartitionKey='p',RowKey='2')")],
    1,
    "CommandsInBatchActOnDifferentPartitions",
  ],
  ["a row twice", [insert("p", "1"), part("DELETE", "/T(PartitionKey='p',RowKey='1')")], 1, "InvalidDuplicateRow"],
  ["a path that cannot be decoded", [part("DELETE", "/T(PartitionKey='%zz',RowKey='1')")], 0, "InvalidUri"],
  ["a deletion without a condition", [part("DELETE", "/T(PartitionKey='p',RowKey='1')", "", {})], 0, "InvalidInput"],
  ["no JSON", [part("POST", "/T", "nope")], 0, "InvalidInput"],
  ["101 operations", Array.from({ length: 101 }, (_, index) => insert("p", String(index))), 99, "InvalidInput"],
])("check: refuses %s", (_what, parts, index, code) => {
  expect(checkTransaction(parts)).toMatchObject({ index, error: { status: 400, code } });
});

test("check: takes 100 operations in one partition, wherever its key stands", () => {
  const deletion = part("DELETE", "/T(PartitionKey='it''s%20p',RowKey='x')");
  const parts = [deletion, ...Array.from({ length: 99 }, (_, index) => insert("it's p", String(index)))];
  expect(checkTransaction(parts)).toBeUndefined();
});

const now = new Date(0);
const host = { wrong: "https://a.table.core.windows.net/a/", right: "https://a.table.core.windows.net/" };
/** An answer without the ids that are made anew. */
const lines = (body: string) => body.replaceAll(/(response_)[0-9a-f-]{36}/g, "$1").split("\r\n");

test("answer: has the parts, headers and order of recorded answers of Azure", () => {
  const azurite = [
    "--batchresponse_b",
    "",
    "HTTP/1.1 204 No Content",
    "DataServiceVersion: 3.0;",
    "Location: https://a.table.core.windows.net/a/T(PartitionKey='p',RowKey='1')",
    "ETag: W/1",
    "",
    "--changesetresponse_c",
    "HTTP/1.1 204 No Content",
    "",
  ].join("\r\n");
  const parts = [insert("p", "1"), part("DELETE", "/T(PartitionKey='p',RowKey='2')")];
  const { body: mended } = mendTransaction(azurite, parts, host, "id", now);
  const head = ["--changesetresponse_", "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""];
  const common = ["HTTP/1.1 204 No Content", "X-Content-Type-Options: nosniff", "Cache-Control: no-cache"];
  expect(lines(mended)).toEqual([
    ...["--batchresponse_", "Content-Type: multipart/mixed; boundary=changesetresponse_", ""],
    ...[...head, ...common, "Preference-Applied: return-no-content", "DataServiceVersion: 3.0;"],
    ...["Location: https://a.table.core.windows.net/T(PartitionKey='p',RowKey='1')", "ETag: W/1", "", ""],
    ...[...head, ...common, "DataServiceVersion: 1.0;", "", ""],
    ...["--changesetresponse_--", "--batchresponse_--", ""],
  ]);
});

test("answer: of a refusal has that one part, in the form of recorded answers", () => {
  const azurite =
    'HTTP/1.1 409 Conflict\r\nContent-ID: 2\r\n\r\n{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":"1:The specified entity already exists.\\nRequestId:x\\nTime:y"}}}';
  const { body: mended } = mendTransaction(azurite, [insert("p", "1"), insert("p", "2")], host, "id", now);
  expect(lines(mended).slice(7)).toEqual([
    "HTTP/1.1 409 Conflict",
    "X-Content-Type-Options: nosniff",
    "DataServiceVersion: 3.0;",
    "Content-Type: application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
    "",
    '{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":"1:The specified entity already exists.\\nRequestId:id\\nTime:1970-01-01T00:00:00.0000000Z"}}}',
    ...["--changesetresponse_--", "--batchresponse_--", ""],
  ]);
});
