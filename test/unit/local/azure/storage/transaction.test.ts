/** What the guard reads in a table transaction. */
import { expect, test } from "vitest";
import {
  isTransaction,
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
    ["POST", "/T", {}],
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
