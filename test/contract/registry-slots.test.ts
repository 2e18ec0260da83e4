/** Which lease holds which password, in Table Storage. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LOCK_SECONDS, type RegistrySlotStore, type SlotOwner } from "../../shared/credentials/docker-login-ports.ts";
import { createRegistrySlots } from "../../shared/store/registry-slots.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let at = Date.parse("2026-11-21T10:00:00Z");
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure?.stop());

const CONTENT = "latchkey-0123456789abcdef01234567";
/** A process that has just started. */
const open = (): RegistrySlotStore =>
  createRegistrySlots({
    table: stateTable(azure, "RegistryTokens", "STATE_UNAVAILABLE"),
    now: () => new Date(at),
    newId: randomUUID,
    wait,
    random: Math.random,
  });
const owner = (leaseId: string, registryId = "/one"): SlotOwner => ({ registryId, leaseId });
const noMap = () => Promise.reject(new Error("the map is in use"));

test("a table that nobody has written to has nothing free and nothing held", async () => {
  const store = open();
  expect(await store.claimFree(owner("x"), CONTENT, false)).toBeNull();
  expect(await store.held(owner("x"))).toEqual([]);
  expect(await store.close(owner("x"))).toEqual([]);
  await store.forget(owner("x"));
});

test("a token is shared when it is ready, and goes with the last who holds it", async () => {
  const [one, two] = [open(), open()];
  const [a, b] = [owner("a"), owner("b")];
  const first = await one.claimNew(a, CONTENT, false);
  expect(first).toMatchObject({ state: "making", password: "password1", isNewScopeMap: true, scopeMap: first.token });
  expect(await two.claimFree(b, CONTENT, false)).toBeNull();
  await one.settle(a, first, "ready");
  const second = await two.claimFree(b, CONTENT, false);
  expect(second).toMatchObject({ token: first.token, password: "password2", isNewScopeMap: false });
  expect(await one.lock(a, first, false)).toBe("busy");
  if (second !== null) await two.settle(b, second, "ready");
  expect(await one.claimFree(owner("c"), CONTENT, false)).toBeNull();

  await one.close(a);
  await expect(one.claimFree(a, CONTENT, true)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
  const locked = await one.lock(a, first, false);
  if (locked === null || locked === "busy") throw new Error("not locked");
  expect(locked).toMatchObject({ state: "ready", holders: { password1: "a", password2: "b" } });
  await one.free(a, locked, "password1");
  await one.forget(a);
  expect([await one.held(a), await two.held(b)]).toEqual([[], [{ token: first.token, password: "password2" }]]);

  const last = await two.lock(b, { token: first.token, password: "password2" }, false);
  if (last === null || last === "busy") throw new Error("not locked");
  expect(last.state).toBe("broken");
  expect(await one.claimFree(owner("d"), CONTENT, false)).toBeNull();
  const removed: string[] = [];
  await two.finish(b, last, async (name) => void removed.push(name));
  await two.forget(b);
  expect(removed).toEqual([first.scopeMap]);
  expect(await two.hasScopeMap("/one", CONTENT)).toBe(false);
});

test("of many that claim at once from many processes, each gets its own, and a scope map is removed once", async () => {
  const owners = Array.from({ length: 12 }, (_, index) => owner(`m${index}`, "/many"));
  const made = await Promise.all(owners.slice(0, 6).map((each) => open().claimNew(each, CONTENT, false)));
  expect(new Set(made.map(({ scopeMap }) => scopeMap)).size).toBe(1);
  expect(made.filter(({ isNewScopeMap }) => isNewScopeMap)).toHaveLength(1);
  await Promise.all(made.map((claimed, index) => open().settle(owners[index] ?? owner(""), claimed, "ready")));
  const shared = await Promise.all(owners.slice(6).map((each) => open().claimFree(each, CONTENT, false)));
  expect(new Set(shared.map((claimed) => claimed?.token)).size).toBe(6);
  at += LOCK_SECONDS * 1000;
  const removed: string[] = [];
  await Promise.all(
    owners.map(async (each) => {
      const store = open();
      for (const slot of await store.close(each)) {
        let locked = await store.lock(each, slot, false);
        for (; locked === "busy"; locked = await store.lock(each, slot, false)) await wait(5);
        if (locked === null) continue;
        if (locked.state === "broken") await store.finish(each, locked, async (name) => void removed.push(name));
        else await store.free(each, locked, slot.password);
      }
      await store.forget(each);
    }),
  );
  expect(new Set(removed)).toEqual(new Set([made[0]?.scopeMap]));
  for (const each of owners) expect(await open().held(each)).toEqual([]);
  expect(await open().hasScopeMap("/many", CONTENT)).toBe(false);
});

test("what nobody gave back is left alone for a while, and then removed; a token of others keeps its map", async () => {
  const [a, b] = [owner("a", "/two"), owner("b", "/two")];
  const dead = await open().claimNew(a, CONTENT, false);
  const other = await open().claimNew(b, CONTENT, false);
  expect([other.scopeMap, other.isNewScopeMap]).toEqual([dead.scopeMap, false]);
  expect(await open().lock(a, dead, false)).toBe("busy");
  at += LOCK_SECONDS * 1000;
  const locked = await open().lock(a, dead, false);
  if (locked === null || locked === "busy") throw new Error("not locked");
  await open().finish(a, locked, noMap);
  expect(await open().lock(a, dead, false)).toBeNull();
  expect(await open().hasScopeMap("/two", CONTENT)).toBe(true);
});

test("what is overdue is taken over as a whole, by neighbours alone, and nobody may give it back any more", async () => {
  const [a, b] = [owner("a", "/three"), owner("b", "/three")];
  const first = await open().claimNew(a, CONTENT, false);
  expect(await open().lock(a, first, true)).toBe("busy");
  expect(await open().settle(a, first, "ready")).toBe(true);
  // Sent again after its answer was lost.
  expect(await open().settle(a, first, "ready")).toBe(true);
  const second = await open().claimFree(b, CONTENT, false);
  if (second === null) throw new Error("not claimed");
  expect(await open().lock(a, first, false)).toBe("busy");
  expect(await open().lock(b, second, true)).toBe("busy");
  const locked = await open().lock(a, first, true);
  if (locked === null || locked === "busy") throw new Error("not locked");
  expect(locked).toMatchObject({ state: "ending", holders: { password1: "a", password2: "b" } });
  expect(await open().settle(b, second, "ready")).toBe(false);
  const removed: string[] = [];
  await open().finish(a, locked, async (name) => void removed.push(name));
  expect(await open().settle(b, second, "ready")).toBe(false);
  expect([await open().lock(b, second, true), await open().held(b), removed]).toEqual([null, [], [first.scopeMap]]);
});

test("of one lease's two passwords the one that is out is safe until the lease is closed", async () => {
  const a = owner("a", "/four");
  const first = await open().claimNew(a, CONTENT, false);
  await open().settle(a, first, "ready");
  await open().claimFree(a, CONTENT, true);
  expect(await open().lock(a, first, true)).toBe("busy");
  await open().close(a);
  expect(await open().lock(a, first, true)).toMatchObject({ state: "ending" });
});

test("a password that nobody has had goes before one that was removed, which says so", async () => {
  const owners = ["a", "b", "c", "d", "e", "f"].map((id) => owner(id, "/five"));
  const [a, b, c, d, e] = owners;
  if (!(a && b && c && d && e)) throw new Error("no owners");
  const store = open();
  const first = await store.claimNew(a, CONTENT, false);
  await store.settle(a, first, "ready");
  const second = await store.claimFree(b, CONTENT, false);
  if (second === null) throw new Error("not claimed");
  await store.settle(b, second, "ready");
  const locked = await store.lock(a, first, false);
  if (locked === null || locked === "busy") throw new Error("not locked");
  await store.free(a, locked, "password1");
  const other = await store.claimNew(c, CONTENT, false);
  await store.settle(c, other, "ready");
  expect(await store.claimFree(d, CONTENT, false)).toMatchObject({
    token: other.token,
    password: "password2",
    used: [],
  });
  const again = await store.claimFree(e, CONTENT, false);
  expect(again).toMatchObject({ token: first.token, password: "password1", used: ["password1"] });
});
