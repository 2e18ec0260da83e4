/** How the words of a look add up. */
import { expect, test } from "vitest";
import { checkSchema, fails, unknown, withOptionalRemedies, works } from "../../../../shared/connectors/check.ts";
import { setAccessPolicy } from "../../../../shared/connectors/remedy.ts";
import { OBJECT, TENANT } from "../../../support/fakes.ts";

const remedy = setAccessPolicy("v", "/s", { tenantId: TENANT, objectId: OBJECT, kind: "User" });
const [read, write, admin] = [
  works("read", "assigned"),
  fails("write", "assigned", { code: "ROLE_MISSING", message: "no", remedy }),
  unknown("admin", { code: "NOT_PROVED", message: "?", remedy }),
];
const optionalOf = (ladder: Parameters<typeof withOptionalRemedies>[0]) =>
  withOptionalRemedies(ladder).map((one) => one.remedy?.optional ?? null);

test("what goes beyond what works is optional, what comes before it or beside nothing is not", () => {
  expect(optionalOf([read, write, admin])).toEqual([null, true, true]);
  expect(optionalOf([write, read, admin])).toEqual([false, null, true]);
  expect(optionalOf([write, admin])).toEqual([false, false]);
  expect(withOptionalRemedies([read, write])[1]).toMatchObject({ ok: false, code: "ROLE_MISSING" });
});

test("a remedy that was kept before there were optional ones is none", () => {
  const { optional: _optional, ...kept } = remedy ?? { optional: false };
  const check = { resourceId: "/r", displayName: "r", state: "failed", findings: [] };
  const read = checkSchema.parse({ ...check, access: [{ ...write, remedy: kept }] });
  expect(read.access[0]?.remedy?.optional).toBe(false);
});
