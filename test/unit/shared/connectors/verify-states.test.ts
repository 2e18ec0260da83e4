/** What looks add up to: nothing is in order that nobody could look at. */
import { describe, expect, test } from "vitest";
import { type AccessCheck, type Check, fails, unknown, works } from "../../../../shared/connectors/check.ts";
import { assignRole } from "../../../../shared/connectors/remedy.ts";
import { checkedType, withCheck } from "../../../../shared/connectors/verify-states.ts";

const check = (name: string, state: Check["state"], access: AccessCheck): Check => ({
  resourceId: `/${name}`,
  displayName: name,
  state,
  access: [access],
  findings: [],
});
const remedy = assignRole(
  { name: "AcrPull", id: "r" },
  { scope: "/s", bicepType: "T", bicepName: "n" },
  { objectId: "o", kind: "ServicePrincipal" },
);
const good = check("good", "ok", works("read", "proved"));
const bad = check("bad", "failed", fails("read", "proved", { code: "ROLE_MISSING", message: "no" }));
const silent = check("silent", "unknown", unknown("read", { code: "UPSTREAM_TIMEOUT", message: "down" }));
const ignored = check("ignored", "unknown", unknown("read", { code: "ROLE_NOT_HONOURED", message: "no", remedy }));
const typeOf = (checks: readonly Check[], found: readonly Check[] = checks) =>
  checkedType("docker-registry", { found, unread: [], checks });

describe("checkedType", () => {
  test.each<[string, Check[], string, string | null]>([
    ["all work", [good], "ok", null],
    ["one is not answered for, others work", [good, silent], "ok", null],
    ["none is answered for", [silent, silent], "degraded", "UPSTREAM_TIMEOUT"],
    ["all have roles that count for nothing", [ignored], "degraded", "ROLE_NOT_HONOURED"],
    ["one has roles that count for nothing", [good, ignored], "degraded", "ROLE_NOT_HONOURED"],
    ["one fails", [good, bad], "degraded", "ROLE_MISSING"],
    ["all fail", [bad], "error", "ROLE_MISSING"],
  ])("%s", (_what, checks, state, code) => {
    const type = typeOf(checks);
    expect([type.state, type.error?.code ?? null]).toEqual([state, code]);
  });

  test("what was seen and not looked at is not called in order, until it is", () => {
    const type = typeOf([], [good]);
    expect(type).toMatchObject({ state: "degraded", error: { code: "NOT_PROVED" }, unprobed: 1 });
    expect(withCheck(type, typeOf([good]))).toMatchObject({ state: "ok", error: null, unprobed: 0 });
  });
});
