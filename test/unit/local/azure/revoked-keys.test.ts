/** Keys of before a revocation are dead, later ones are not, and a restart changes nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createDelegationKeyRegister } from "../../../../infra/local/azure/revoked-keys.ts";
import { openStateStore } from "../../../../infra/local/state.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function register(name: string, delayMs?: number) {
  let at = Date.parse("2026-11-21T10:00:00Z");
  const now = () => new Date(at);
  const open = () => createDelegationKeyRegister({ state: openStateStore(join(folder, name)), now, delayMs });
  return { open, pass: (milliseconds: number) => (at += milliseconds) };
}

test("what was made before is dead, what is made later is not, of this account alone", () => {
  const { open, pass } = register("one");
  const keys = open();
  keys.made("a", "old");
  expect(keys.isRevoked("a", "old")).toBe(false);
  keys.revokeAll("a");
  pass(1);
  keys.made("a", "new");
  const seen = () => [open().isRevoked("a", "old"), open().isRevoked("a", "new"), open().isRevoked("b", "old")];
  expect(seen()).toEqual([true, false, false]);
  keys.revokeAll("a");
  expect(seen()).toEqual([true, true, false]);
});

test("a delay lets keys work for so long", () => {
  const { open, pass } = register("two", 5_000);
  const keys = open();
  keys.revokeAll("a");
  pass(4_999);
  expect(keys.isRevoked("a", "old")).toBe(false);
  pass(1);
  expect(keys.isRevoked("a", "old")).toBe(true);
});
