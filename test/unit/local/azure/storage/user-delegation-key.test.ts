/** Limits and errors of Get User Delegation Key. */
import { describe, expect, test } from "vitest";
import {
  KEY_MAX_LIFE_MS,
  timeOf,
  userDelegationKey,
} from "../../../../../infra/local/azure/storage/user-delegation-key.ts";

const now = new Date("2026-11-21T10:00:00Z");
const owner = { objectId: "o", tenantId: "t", version: "2026-04-06" };

function ask(start: string, expiry: string) {
  return userDelegationKey(`<KeyInfo><Start>${start}</Start><Expiry>${expiry}</Expiry></KeyInfo>`, owner, now);
}

function at(offsetMs: number): string {
  return new Date(now.getTime() + offsetMs).toISOString();
}

describe("user delegation key", () => {
  test("is given up to 7 days from now and not a second longer", () => {
    expect(ask(at(0), at(KEY_MAX_LIFE_MS)).ok).toBe(true);
    expect(ask(at(0), at(KEY_MAX_LIFE_MS + 1000))).toMatchObject({ ok: false, error: { code: "InvalidXmlNodeValue" } });
  });

  test("is another one for another time, owner or version", () => {
    const bodies = [
      ask(at(0), at(1000)),
      ask(at(0), at(2000)),
      userDelegationKey(
        `<KeyInfo><Start>${at(0)}</Start><Expiry>${at(1000)}</Expiry></KeyInfo>`,
        { ...owner, objectId: "p" },
        now,
      ),
    ].map((answer) => (answer.ok ? /<Value>(.+)<\/Value>/.exec(answer.body)?.[1] : undefined));
    expect(new Set(bodies).size).toBe(3);
    expect(bodies).not.toContain(undefined);
  });

  test.each([
    ["<KeyInfo><Start>2026-11-21T10:00:00Z</Start></KeyInfo>", "MissingRequiredXmlNode"],
    ["<KeyInfo><Expiry>2026-11-21T11:00:00Z</Expiry></KeyInfo>", "MissingRequiredXmlNode"],
    ["", "InvalidXmlDocument"],
    ["{}", "InvalidXmlDocument"],
    ["<Other/>", "InvalidXmlDocument"],
  ])("refuses body %s with %s", (body, code) => {
    expect(userDelegationKey(body, owner, now)).toMatchObject({ ok: false, error: { status: 400, code } });
  });
});

test.each(["2026-11-21", "2026-11-21T10:00Z", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00.1234567Z"])(
  "time: takes %s",
  (text) => expect(timeOf(text)).toBeTypeOf("number"),
);
test.each(["", "now", "2026", "2026-13-01", "2026-11-21 10:00", "2026-11-21T10:00:00"])("time: refuses '%s'", (text) =>
  expect(timeOf(text)).toBeUndefined(),
);
