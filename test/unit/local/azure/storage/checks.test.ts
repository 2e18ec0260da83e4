/** Mirrors infra/local/azure/storage/checks.ts. */
import { describe, expect, test } from "vitest";
import {
  checkEntity,
  checkPath,
  checkRequest,
  checkTable,
  checkVersion,
} from "../../../../../infra/local/azure/storage/checks.ts";

const KEYS = { PartitionKey: "p", RowKey: "r" };
/** 8 and twice the name for the property, 4 for the text, 4 for the entity, 2 a letter of the two keys. */
const OVERHEAD_BYTES = 8 + 2 + 4 + 4 + 4;

function entity(count: number, more: Record<string, unknown> = {}): string {
  const own = Array.from({ length: count }, (_, index) => [`a${index}`, index]);
  return JSON.stringify({ ...KEYS, ...Object.fromEntries(own), ...more });
}

describe("checkVersion", () => {
  test.each(["", "2019-02-02", "2026-04-06"])("takes %j", (version) => {
    expect(checkVersion(version)).toBeUndefined();
  });

  test.each(["x", "2099-01-01", "1999-01-01", "2019-2-2", "2019-02-02 "])("refuses %j", (version) => {
    expect(checkVersion(version)).toMatchObject({
      code: "InvalidHeaderValue",
      more: { HeaderName: "x-ms-version", HeaderValue: version },
    });
  });
});

test("checkPath: refuses what is no percent-encoding", () => {
  expect(checkPath("/c/%zz")).toMatchObject({ status: 400, code: "InvalidUri" });
  expect(checkPath("/c/%20")).toBeUndefined();
});

describe("checkEntity", () => {
  test("properties: 252 beside keys, time and types are the most", () => {
    const annotations = { Timestamp: "t", "a0@odata.type": "Edm.Int64", "odata.etag": "e" };
    expect(checkEntity(entity(252, annotations))).toBeUndefined();
    expect(checkEntity(entity(253))).toMatchObject({ status: 400, code: "TooManyProperties" });
  });

  test("size: 1 MiB is the most, a letter counts two bytes", () => {
    const most = (1024 * 1024 - OVERHEAD_BYTES) / 2;
    expect(checkEntity(entity(0, { a: "x".repeat(most) }))).toBeUndefined();
    expect(checkEntity(entity(0, { a: "x".repeat(most + 1) }))).toMatchObject({ status: 400, code: "EntityTooLarge" });
  });

  test("size: binary counts what it decodes to", () => {
    const binary = { a: Buffer.alloc(700_000).toString("base64"), "a@odata.type": "Edm.Binary" };
    expect(checkEntity(entity(0, binary))).toBeUndefined();
  });

  test.each(["", "nope", "[]", "null"])("refuses %j as no entity", (body) => {
    expect(checkEntity(body)).toMatchObject({ code: "InvalidInput" });
  });
});

test.each([
  ['{"TableName":"Leases2"}', undefined],
  ['{"TableName":"a_b"}', "InvalidResourceName"],
  ['{"TableName":"2a"}', "InvalidResourceName"],
  ["{}", "InvalidInput"],
])("checkTable: %s: %s", (body, code) => {
  expect(checkTable(body)?.code).toBe(code);
});

describe("checkRequest", () => {
  const code = (name: string, query = "", headers = {}, table?: string) => {
    const operation = { name, subScope: "", anyOf: [], ...(table === undefined ? {} : { table }) };
    const request = { method: "GET", path: "/", query: new URLSearchParams(query), headers };
    return checkRequest(operation, request)?.code;
  };

  test.each([
    [{}, "MissingRequiredHeader"],
    [{ "x-ms-blob-type": "BlockBlob" }, undefined],
    [{ "x-ms-blob-type": "PageBlob" }, "NotImplemented"],
    [{ "x-ms-blob-type": "x" }, "InvalidHeaderValue"],
  ])("Put Blob with %j: %s", (headers, expected) => {
    expect(code("Put Blob", "", headers)).toBe(expected);
  });

  test.each([
    ["", undefined],
    ["maxresults=1&include=metadata,Tags", undefined],
    ["maxresults=0", "OutOfRangeQueryParameterValue"],
    ["maxresults=-1", "OutOfRangeQueryParameterValue"],
    ["maxresults=x", "InvalidQueryParameterValue"],
    ["include=foo", "InvalidQueryParameterValue"],
  ])("List Blobs with %j: %s", (query, expected) => {
    expect(code("List Blobs", query)).toBe(expected);
  });

  test("an entity is deleted only with a condition, and only of a table with a good name", () => {
    expect(code("Delete Entity", "", {}, "T")).toBe("InvalidInput");
    expect(code("Delete Entity", "", { "if-match": "*" }, "T")).toBeUndefined();
    expect(code("Query Entities", "", {}, "a_b")).toBe("InvalidResourceName");
  });
});
