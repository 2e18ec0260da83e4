import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hash, newLeaseId, newRunId, principalHash, RUN_ID, sha256 } from "../../../shared/ids.ts";

describe("principalHash", () => {
  // printf 'iss|tid|sub' | sha256sum
  test("is 12 hex digits of SHA-256 of issuer, tenant and subject", () => {
    expect(principalHash({ issuer: "iss", tenantId: "tid", subject: "sub" })).toBe("bb652fdf5116");
  });

  test("tells callers apart by each of the three", () => {
    const base = { issuer: "i", tenantId: "t", subject: "s" };
    const others = [base, { ...base, issuer: "x" }, { ...base, tenantId: "x" }, { ...base, subject: "x" }];
    expect(new Set(others.map(principalHash)).size).toBe(others.length);
  });
});

describe("newLeaseId", () => {
  test("is the hash and 26 digits of base32, one for each random byte", () => {
    const bytes = (count: number) => Uint8Array.from({ length: count }, (_, index) => index);
    expect(newLeaseId("0123456789ab", bytes)).toBe("0123456789ab-abcdefghijklmnopqrstuvwxyz");
  });

  test("has the form of a lease id whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 26, maxLength: 26 }), (bytes) => {
        expect(newLeaseId("0123456789ab", () => bytes)).toMatch(/^[0-9a-f]{12}-[a-z2-7]{26}$/);
      }),
    );
  });

  test("uses every digit equally often", () => {
    const digits = new Map<string, number>();
    for (let byte = 0; byte < 256; byte++) {
      const digit = newLeaseId("0", () => new Uint8Array(26).fill(byte)).at(-1) ?? "";
      digits.set(digit, (digits.get(digit) ?? 0) + 1);
    }
    expect([...digits.values()]).toEqual(Array.from({ length: 32 }, () => 8));
  });
});

describe("newRunId", () => {
  const zero = (count: number) => new Uint8Array(count);

  test("is the inverted time in 13 digits and 6 digits of base32", () => {
    expect(newRunId(new Date("2026-11-21T10:00:00.000Z"), zero)).toBe("8204744799999-aaaaaa");
  });

  test("a later one stands before an earlier one, and all have the form of one", () => {
    const time = fc.date({ min: new Date(0), max: new Date(9_999_999_999_999), noInvalidDate: true });
    fc.assert(
      fc.property(time, time, fc.uint8Array({ minLength: 6, maxLength: 6 }), (one, other, bytes) => {
        const [first, second] = [newRunId(one, zero), newRunId(other, () => bytes)];
        expect(second).toMatch(RUN_ID);
        if (one > other) expect(first < second).toBe(true);
      }),
    );
  });
});

describe("hash", () => {
  test("is 32 hex digits of SHA-256, the same in any case", () => {
    expect(hash("ABC")).toBe(sha256("abc").slice(0, 32));
    expect(hash("abc")).toBe(hash("AbC"));
    expect(hash("abc")).not.toBe(hash("abd"));
  });

  test("sha256 is that of the UTF-8 text", () => {
    // FIPS 180-2, example B.1.
    expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
