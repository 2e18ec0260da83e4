/** Which sign-ins of registry tokens are good: status, expiry, scope map of now, and what was taken away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  openRegistryTokenStore,
  passwordHash,
  type StoredPassword,
  type StoredToken,
  scopeMapName,
} from "../../../../../infra/local/azure/arm/registry-token-store.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-tokens-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/demo";
const START = Date.parse("2026-11-22T10:00:00Z");
const CHANGE = { by: "me@example.com", byType: "User", at: START } as const;
const ACTIONS = ["repositories/vision/train/content/read"];

let files = 0;
function opened(revocationDelayMs = 0) {
  let at = START;
  files += 1;
  const file = join(folder, `${files}.sqlite`);
  const open = () => openRegistryTokenStore({ file, now: () => new Date(at), revocationDelayMs });
  const store = open();
  store.saveScopeMap(REGISTRY, {
    name: "pull",
    created: CHANGE,
    modified: CHANGE,
    description: null,
    actions: ACTIONS,
  });
  return {
    store,
    reopen: open,
    pass: (milliseconds: number) => {
      at += milliseconds;
    },
    signIn: (value: string, name = "lk-token") => store.tokens.actionsOf(REGISTRY, name, value),
  };
}
const password = (value: string, changed: Partial<StoredPassword> = {}): StoredPassword => ({
  name: "password1",
  hash: passwordHash(value),
  created: START,
  expiry: null,
  worksFrom: START,
  ...changed,
});
const token = (passwords: readonly StoredPassword[], changed: Partial<StoredToken> = {}): StoredToken => ({
  name: "lk-token",
  created: CHANGE,
  modified: CHANGE,
  scopeMapId: `${REGISTRY}/scopeMaps/pull`,
  status: "enabled",
  passwords: [...passwords],
  operation: { id: "token-1", kind: "Creating", doneAt: START },
  ...changed,
});

describe("a sign-in", () => {
  test("gets the actions that the scope map has now, or nothing when it is gone", () => {
    const { store, signIn } = opened();
    store.saveToken(REGISTRY, token([password("one")]));
    expect(signIn("one")).toEqual(ACTIONS);
    store.saveScopeMap(REGISTRY, { name: "pull", created: CHANGE, modified: CHANGE, description: null, actions: [] });
    expect(signIn("one")).toEqual([]);
    store.deleteScopeMap(REGISTRY, "PULL");
    expect(signIn("one")).toEqual([]);
  });

  test("works with a scope map of the service's own", () => {
    const { store, signIn } = opened();
    store.saveToken(REGISTRY, token([password("one")], { scopeMapId: `${REGISTRY}/scopeMaps/_repositories_pull` }));
    expect(signIn("one")).toEqual(["repositories/*/content/read"]);
  });

  test("needs the very name and password, at the very registry", () => {
    const { store, signIn } = opened();
    store.saveToken(REGISTRY, token([password("one")]));
    expect(signIn("two")).toBeNull();
    expect(signIn("")).toBeNull();
    expect(signIn("one", "LK-TOKEN")).toBeNull();
    expect(store.tokens.actionsOf(REGISTRY.toUpperCase(), "lk-token", "one")).toEqual(ACTIONS);
    expect(store.tokens.actionsOf(`${REGISTRY}2`, "lk-token", "one")).toBeNull();
  });

  test("ends with the password's expiry, and begins when it works", () => {
    const { store, signIn, pass } = opened();
    const expiry = "2026-11-22T10:00:10.5+00:00";
    store.saveToken(REGISTRY, token([password("one", { expiry, worksFrom: START + 1_000 })]));
    expect(signIn("one")).toBeNull();
    pass(1_000);
    expect(signIn("one")).toEqual(ACTIONS);
    pass(9_499);
    expect(signIn("one")).toEqual(ACTIONS);
    pass(1);
    expect(signIn("one")).toBeNull();
  });

  test("survives a restart", () => {
    const { store, reopen } = opened();
    store.saveToken(REGISTRY, token([password("one")]));
    const again = reopen();
    expect(again.tokens.actionsOf(REGISTRY, "lk-token", "one")).toEqual(ACTIONS);
    expect(again.tokenNames(REGISTRY)).toEqual(["lk-token"]);
  });
});

describe("what is taken away stops working", () => {
  const ends = {
    "a deleted token": (store: ReturnType<typeof opened>["store"]) => store.deleteToken(REGISTRY, "lk-token"),
    "a disabled token": (store: ReturnType<typeof opened>["store"]) =>
      store.saveToken(REGISTRY, token([password("one")], { status: "disabled" })),
    "a password that another replaced": (store: ReturnType<typeof opened>["store"]) =>
      store.saveToken(REGISTRY, token([password("new")])),
  };
  for (const [what, end] of Object.entries(ends)) {
    test(`${what}: at once`, () => {
      const { store, signIn } = opened();
      store.saveToken(REGISTRY, token([password("one")]));
      end(store);
      expect(signIn("one")).toBeNull();
    });

    test(`${what}: after the delay that is set`, () => {
      const { store, signIn, pass } = opened(5_000);
      store.saveToken(REGISTRY, token([password("one")]));
      end(store);
      pass(4_999);
      expect(signIn("one")).toEqual(ACTIONS);
      pass(1);
      expect(signIn("one")).toBeNull();
    });
  }

  test("but never later than it expires", () => {
    const { store, signIn, pass } = opened(5_000);
    store.saveToken(REGISTRY, token([password("one", { expiry: "2026-11-22T10:00:02+00:00" })]));
    store.deleteToken(REGISTRY, "lk-token");
    pass(2_000);
    expect(signIn("one")).toBeNull();
  });
});

test("the id of a scope map counts for its own registry alone, and names nothing below it", () => {
  expect(scopeMapName(REGISTRY, `${REGISTRY.toUpperCase()}/SCOPEMAPS/pull`)).toBe("pull");
  for (const id of ["", "pull", `${REGISTRY}/scopeMaps/`, `${REGISTRY}/scopeMaps/a/b`, `${REGISTRY}2/scopeMaps/pull`]) {
    expect(scopeMapName(REGISTRY, id)).toBeNull();
  }
});
