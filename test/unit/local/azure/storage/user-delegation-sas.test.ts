/** Form and times of a user delegation SAS. */
import { describe, expect, test } from "vitest";
import { checkUserDelegationSas } from "../../../../../infra/local/azure/storage/user-delegation-sas.ts";

const now = new Date("2026-11-21T10:00:00Z");
const good = {
  sv: "2026-04-06",
  sr: "c",
  sp: "rl",
  st: "2026-11-21T09:00:00Z",
  se: "2026-11-21T11:00:00Z",
  skoid: "owner",
  sktid: "tenant",
  skt: "2026-11-21T09:00:00Z",
  ske: "2026-11-21T11:00:00Z",
  sks: "b",
  skv: "2026-04-06",
  sig: "x",
};

function check(change: Record<string, string | undefined> = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...good, ...change })) {
    if (value !== undefined) query.set(name, value);
  }
  return checkUserDelegationSas(query, "tenant", now);
}

describe("user delegation SAS", () => {
  test("is good up to the end of its key", () => {
    expect(check()).toMatchObject({ ok: true, sas: { ownerObjectId: "owner", version: "2026-04-06" } });
    expect(check({ st: undefined }).ok).toBe(true);
    expect(check({ sr: "b" }).ok).toBe(true);
  });

  test.each([
    ["ends a second after its key", { se: "2026-11-21T11:00:01Z" }],
    ["has ended", { se: "2026-11-21T09:59:59Z" }],
    ["has not begun", { st: "2026-11-21T10:00:01Z" }],
    ["has a key that has ended", { ske: "2026-11-21T09:59:59Z", se: "2026-11-21T09:59:59Z" }],
    ["has a key that has not begun", { skt: "2026-11-21T10:00:01Z" }],
    ["has a time in no known form", { se: "tomorrow" }],
    ["has a key of another tenant", { sktid: "other" }],
    ["has a key of another service", { sks: "q" }],
    ["has no owner", { skoid: undefined }],
    ["has no permissions", { sp: "" }],
    ["has no known resource", { sr: "x" }],
  ])("fails to authenticate when it %s", (_what, change) => {
    expect(check(change)).toMatchObject({ ok: false, error: { status: 403, code: "AuthenticationFailed" } });
  });

  test.each([[{ sr: "d" }], [{ sr: "bs" }], [{ sip: "127.0.0.1" }], [{ sduoid: "x" }], [{ sv: "2018-11-09" }]])(
    "is not emulated with %o",
    (change) => {
      expect(check(change)).toMatchObject({ ok: false, error: { status: 501 } });
    },
  );
});
