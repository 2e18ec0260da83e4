/** Error bodies of Azure Storage, held against recorded answers. */
import { expect, test } from "vitest";
import { invalidToken, permissionMismatch } from "../../../../../infra/local/azure/storage/refusals.ts";
import { errorBody } from "../../../../../infra/local/azure/storage/storage-error.ts";

const now = new Date("2019-07-25T09:24:38.277Z");
const id = "8af115c9-301e-00e3-1aca-42db19000000";

test("XML has the length of the recorded answer of Azure", () => {
  const { body, contentType } = errorBody("blob", permissionMismatch(), undefined, id, now);
  expect(contentType).toBe("application/xml");
  expect(Buffer.byteLength(body)).toBe(279);
});

test("XML escapes what it quotes", () => {
  const error = { code: "X", message: "a<b", more: { Detail: "<&>" } };
  expect(errorBody("queue", error, undefined, id, now).body).toContain("<Detail>&lt;&amp;&gt;</Detail>");
});

test.each([
  ["application/json;odata=nometadata", "application/json;odata=nometadata;streaming=true;charset=utf-8"],
  ["application/json", "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"],
  ["application/atom+xml,application/xml", "application/xml"],
  [undefined, "application/xml"],
])("a table answer to Accept %s is %s", (accept, contentType) => {
  expect(errorBody("table", permissionMismatch(), accept, id, now).contentType).toBe(contentType);
});

test("XML of the table service has the length of the recorded answer of Azure", () => {
  const at = new Date("2022-05-03T20:19:39.639Z");
  expect(Buffer.byteLength(errorBody("table", invalidToken("", "t"), "application/xml", id, at).body)).toBe(399);
});
