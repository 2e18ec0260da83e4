/** Mirrors infra/local/state-lock.ts. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holdStateFolder, lockStateFolder, StateFolderInUseError } from "../../../infra/local/state-lock.ts";

/** Larger than any process id of Linux (2^22) or macOS (99,998). */
const NOBODY = 2 ** 22 + 1;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("lockStateFolder: a second lock is refused until the first is released", async () => {
  const lock = await lockStateFolder(folder);
  await expect(lockStateFolder(folder)).rejects.toThrow(StateFolderInUseError);
  lock.release();
  (await lockStateFolder(folder)).release();
});

test("lockStateFolder: makes the folder", async () => {
  (await lockStateFolder(join(folder, "a", "b"))).release();
});

test("lockStateFolder: waits until the children of a holder that is gone have ended", async () => {
  writeFileSync(join(folder, "lock"), `${NOBODY} 123\n`);
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  holdStateFolder(folder, child.pid ?? 0);
  const events: string[] = [];
  const locked = lockStateFolder(folder).then((lock) => {
    events.push("locked");
    lock.release();
  });
  await new Promise((done) => setTimeout(done, 200));
  events.push("killed");
  child.kill("SIGKILL");
  await locked;
  expect(events).toEqual(["killed", "locked"]);
});

test.each([
  ["a process that is gone", `${NOBODY} 123`],
  ["an earlier process with the id of another one now", `${process.ppid} 1`],
  ["an earlier process with our own id", `${process.pid} 1`],
  ["a write that was cut off", ""],
])("lockStateFolder: takes over the lock of %s", async (_what, text) => {
  writeFileSync(join(folder, "lock"), text);
  const lock = await lockStateFolder(folder);
  expect(readFileSync(join(folder, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
  lock.release();
});
