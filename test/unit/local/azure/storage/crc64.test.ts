/** Mirrors infra/local/azure/storage/crc64.ts; the values are those of recorded answers of Azure. */
import { expect, test } from "vitest";
import { createCrc64 } from "../../../../../infra/local/azure/storage/crc64.ts";

test.each([
  ["", "AAAAAAAAAAA="],
  ["Hello World", "YeJLfssylmU="],
])("crc64 of %j is %s", (text, expected) => {
  const crc = createCrc64();
  crc.add(Buffer.from(text));
  expect(crc.value()).toBe(expected);
});

test("crc64: does not depend on where the body is cut", () => {
  const crc = createCrc64();
  for (const part of ["Hel", "", "lo World"]) crc.add(Buffer.from(part));
  expect(crc.value()).toBe("YeJLfssylmU=");
});
