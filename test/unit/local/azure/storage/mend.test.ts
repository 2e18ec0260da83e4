/** Where Azurite answers otherwise than Azure. */
import { expect, test } from "vitest";
import { createdPath, mendHeaders, refusalOf } from "../../../../../infra/local/azure/storage/mend.ts";

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
    query: new URLSearchParams(),
    prefers: false,
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

test("refusal: code, message and further elements of Azurite's XML, without its id and time", () => {
  const xml =
    "<Error>\n  <Code>InvalidBlobType</Code>\n  <Message>The type &lt;x&gt;.\nRequestId:1\nTime:2026</Message>\n  <HeaderName>h</HeaderName>\n</Error>";
  expect(refusalOf({ operation: "Get Blob" }, { status: 409, statusMessage: "", code: "", text: xml })).toEqual({
    status: 409,
    code: "InvalidBlobType",
    message: "The type <x>.",
    more: { HeaderName: "h" },
  });
});

test.each([
  [404, "", '{"odata.error":{"code":"TableNotFound","message":{"value":"Not.\\nRequestId:1"}}}', "TableNotFound"],
  [404, "BlobNotFound", "", "BlobNotFound"],
  [400, "", "", "InvalidXmlDocument"],
  [405, "", "", "InvalidInput"],
  [404, "", "", "ResourceNotFound"],
  [500, "", "<html>", "InternalError"],
  [403, "AuthorizationFailure", "", "AuthenticationFailed"],
])("refusal: %i with header %j and body %j is %s", (status, header, body, code) => {
  const said = { status, statusMessage: "Reason", code: header, text: body };
  const refusal = refusalOf({ operation: "Put Block List" }, said);
  expect(refusal).toMatchObject({ status, code });
  expect(refusal.message).not.toBe("");
});
