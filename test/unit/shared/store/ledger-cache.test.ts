import { describe, expect, test } from "vitest";
import { LimitError } from "../../../../shared/errors.ts";
import type { Fate } from "../../../support/fake-table.ts";
import { AT, entry, PH, leaseWriterParts as parts, revoked } from "../../../support/fakes-lease-writer.ts";

describe("checkRoom", () => {
  test("those who ask at the same time share one read, and the next write uses it", async () => {
    const { newWriter, calls } = parts(2);
    const writer = newWriter();
    await Promise.all([writer.checkRoom(PH), writer.checkRoom(PH), writer.checkRoom(PH)]);
    await writer.insert(entry("one"));
    expect(calls).toEqual(["get", "change"]);
  });

  test("full: each asks the table, and says when there will be room", async () => {
    const { newWriter, calls } = parts(1);
    const writer = newWriter();
    await writer.insert(entry("one", AT + 70));
    calls.length = 0;
    for (let time = 0; time < 2; time++) {
      await expect(writer.checkRoom(PH)).rejects.toMatchObject({ code: "LEASE_LIMIT", retryAfterSeconds: 70 });
    }
    expect(calls).toEqual(["get", "get"]);
  });

  /** A read of the ledger that was begun by checkRoom and answers only at `answer()`, as the ledger was when it began. */
  function slowRead(maxActive: number) {
    const made = parts(maxActive);
    const { get } = made.table;
    let answer = () => {};
    let isSlow = false;
    made.table.get = async (partitionKey, rowKey) => {
      const row = await get(partitionKey, rowKey);
      if (!isSlow) return row;
      isSlow = false;
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return row;
    };
    return { ...made, slowDown: () => (isSlow = true), answer: () => answer() };
  }

  test("what was read before a write began is not kept: the next write meets no conflict", async () => {
    const { newWriter, calls, slowDown, answer, waits } = slowRead(5);
    const writer = newWriter();
    slowDown();
    const asked = writer.checkRoom(PH);
    await new Promise(setImmediate);
    await writer.insert(entry("one"));
    answer();
    await asked;
    calls.length = 0;
    await writer.insert(entry("two"));
    expect([calls, waits]).toEqual([["change"], []]);
  });

  test("who asks after a lease has ended does not join a read from before", async () => {
    const { newWriter, slowDown, answer, stored } = slowRead(1);
    const writer = newWriter();
    const made = entry("one");
    await writer.insert(made);
    slowDown();
    const before = writer.checkRoom(PH).catch((error: unknown) => error);
    await new Promise(setImmediate);
    await writer.replace(revoked(made), stored(made)?.etag ?? "");
    await writer.checkRoom(PH);
    answer();
    expect(await before).toBeInstanceOf(LimitError);
  });

  test("a read that failed is not shared with those who come later", async () => {
    const fates: Fate[] = ["refused"];
    const { newWriter } = parts(1, { fate: () => fates.shift() ?? "done" });
    const writer = newWriter();
    await expect(writer.checkRoom(PH)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    await writer.checkRoom(PH);
  });
});
