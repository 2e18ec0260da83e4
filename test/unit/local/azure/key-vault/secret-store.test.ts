import { describe, expect, test } from "vitest";
import {
  deleteSecret,
  getDeletedSecret,
  getSecret,
  purgeSecret,
  recoverSecret,
  setSecret,
  type VaultState,
} from "../../../../../infra/local/azure/key-vault/secret-store.ts";
import { VaultError } from "../../../../../infra/local/azure/key-vault/vault-errors.ts";

const START = Date.parse("2026-11-22T10:00:00Z");
const DAY_MS = 24 * 3600 * 1000;
const SETTLE_MS = 500;
const instant = (ms: number) => new Date(START + ms);
const version = (digit: string) => digit.repeat(32);

/** A vault with the secret `token`, versions 1 and 2. */
function vault(): VaultState {
  const state: VaultState = { secrets: [] };
  setSecret(state, "token", { value: "one" }, { now: instant(0), version: version("1") });
  setSecret(state, "token", { value: "two" }, { now: instant(2000), version: version("2") });
  return state;
}

const conflict = (inner: string) => expect.objectContaining({ status: 409, code: "Conflict", inner });
const notFound = expect.objectContaining({ status: 404, code: "SecretNotFound" });

describe("versions", () => {
  test("setSecret: keeps every version and serves the latest", () => {
    const state = vault();
    expect(getSecret(state, "TOKEN", undefined, instant(3000)).version.value).toBe("two");
    expect(getSecret(state, "token", version("1"), instant(3000)).version.value).toBe("one");
    expect(state.secrets).toHaveLength(1);
  });

  test("getSecret: nbf and exp do not keep anybody from reading", () => {
    const state = vault();
    const past = START / 1000 - 3600;
    setSecret(state, "old", { value: "v", exp: past, nbf: past + 7200 }, { now: instant(0), version: version("3") });
    expect(getSecret(state, "old", undefined, instant(0)).version.value).toBe("v");
  });

  test("getSecret: a disabled version is kept and not read", () => {
    const state = vault();
    setSecret(state, "token", { value: "three", enabled: false }, { now: instant(3000), version: version("3") });
    const disabled = expect.objectContaining({ status: 403, inner: "SecretDisabled" });
    expect(() => getSecret(state, "token", undefined, instant(3000))).toThrow(disabled);
    expect(getSecret(state, "token", version("2"), instant(3000)).version.value).toBe("two");
  });
});

describe("soft delete", () => {
  test("deleteSecret: hides the secret at once and shows the deletion after it has settled", () => {
    const state = vault();
    deleteSecret(state, "token", { now: instant(0), settleMs: SETTLE_MS });
    expect(() => getSecret(state, "token", undefined, instant(0))).toThrow(notFound);
    expect(() => getDeletedSecret(state, "token", instant(SETTLE_MS - 1))).toThrow(notFound);
    expect(getDeletedSecret(state, "token", instant(SETTLE_MS)).version.version).toBe(version("2"));
  });

  test("setSecret: refuses the name while it is deleted, with the reason", () => {
    const state = vault();
    deleteSecret(state, "token", { now: instant(0), settleMs: SETTLE_MS });
    const set = (ms: number) => () =>
      setSecret(state, "token", { value: "x" }, { now: instant(ms), version: version("4") });
    expect(set(1)).toThrow(conflict("ObjectIsBeingDeleted"));
    expect(set(SETTLE_MS)).toThrow(conflict("ObjectIsDeletedButRecoverable"));
    recoverSecret(state, "token", { now: instant(1000), settleMs: SETTLE_MS });
    expect(set(1001)).toThrow(conflict("ObjectIsBeingRecovered"));
    expect(set(1000 + SETTLE_MS)).not.toThrow();
  });

  test("recoverSecret: brings all versions back after it has settled", () => {
    const state = vault();
    deleteSecret(state, "token", { now: instant(0), settleMs: SETTLE_MS });
    expect(() => recoverSecret(state, "token", { now: instant(1), settleMs: SETTLE_MS })).toThrow(VaultError);
    recoverSecret(state, "token", { now: instant(1000), settleMs: SETTLE_MS });
    expect(() => getSecret(state, "token", undefined, instant(1000))).toThrow(notFound);
    expect(getSecret(state, "token", undefined, instant(1000 + SETTLE_MS)).version.value).toBe("two");
    expect(getSecret(state, "token", version("1"), instant(1000 + SETTLE_MS)).version.value).toBe("one");
  });

  test("purgeSecret: only a deletion that has settled can be made final", () => {
    const state = vault();
    expect(() => purgeSecret(state, "token", instant(0))).toThrow(notFound);
    deleteSecret(state, "token", { now: instant(0), settleMs: SETTLE_MS });
    expect(() => purgeSecret(state, "token", instant(1))).toThrow(conflict("ObjectIsBeingDeleted"));
    purgeSecret(state, "token", instant(SETTLE_MS));
    expect(state.secrets).toEqual([]);
  });

  test("retention: after 90 days the vault has purged the secret by itself", () => {
    const state = vault();
    deleteSecret(state, "token", { now: instant(0), settleMs: SETTLE_MS });
    expect(getDeletedSecret(state, "token", instant(90 * DAY_MS - 1000)).secret.name).toBe("token");
    expect(() => getDeletedSecret(state, "token", instant(90 * DAY_MS))).toThrow(notFound);
    setSecret(state, "token", { value: "new" }, { now: instant(90 * DAY_MS), version: version("5") });
    expect(state.secrets).toMatchObject([{ versions: [{ value: "new" }] }]);
  });
});
