/** Mirrors infra/local/state-lock.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockStateFolder, StateFolderInUseError } from "../../../infra/local/state-lock.ts";

/** Larger than any process id of Linux (2^22) or macOS (99,998). */
const NOBODY = 2 ** 22 + 1;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("lockStateFolder: a second lock is refused until the first is released", () => {
  const lock = lockStateFolder(folder);
  expect(() => lockStateFolder(folder)).toThrow(StateFolderInUseError);
  lock.release();
  lockStateFolder(folder).release();
});

test("lockStateFolder: makes the folder", () => {
  lockStateFolder(join(folder, "a", "b")).release();
});

test.each([
  ["a process that is gone", `${NOBODY} 123`],
  ["an earlier process with the id of another one now", `${process.ppid} 1`],
  ["an earlier process with our own id", `${process.pid} 1`],
  ["a write that was cut off", ""],
])("lockStateFolder: takes over the lock of %s", (_what, text) => {
  writeFileSync(join(folder, "lock"), text);
  const lock = lockStateFolder(folder);
  expect(readFileSync(join(folder, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
  lock.release();
});
