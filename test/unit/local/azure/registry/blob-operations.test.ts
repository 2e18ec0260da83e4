/** Mirrors infra/local/azure/registry/blob-operations.ts: ranges. */
import { expect, test } from "vitest";
import { readRange } from "../../../../../infra/local/azure/registry/blob-operations.ts";

test.each([
  [undefined, null],
  ["bytes=0-0", { start: 0, end: 0 }],
  ["bytes=2-", { start: 2, end: 9 }],
  ["bytes=2-100", { start: 2, end: 9 }],
  ["bytes=-3", { start: 7, end: 9 }],
  ["bytes=-100", { start: 0, end: 9 }],
  ["bytes=5-4", null],
  ["bytes=-", null],
  ["bytes=0-1,3-4", null],
  ["items=0-1", null],
])("of ten bytes, %s reads %j", (header, expected) => {
  expect(readRange(header, 10)).toEqual(expected);
});

test.each(["bytes=10-", "bytes=10-11", "bytes=-0"])("%s is outside", (header) => {
  expect(() => readRange(header, 10)).toThrow(expect.objectContaining({ status: 416, code: "RANGE_INVALID" }));
});
