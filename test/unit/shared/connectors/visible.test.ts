import { describe, expect, test } from "vitest";
import { maySee } from "../../../../shared/connectors/visible.ts";
import { ADMIN, connector, USER } from "../../../support/fakes.ts";

const GROUP = "7e7e7e7e-1111-4222-8333-444455556666";
const user = { ...USER, groups: [GROUP] };
const mine = connector({ owner: "app:somebody/else" });

describe("maySee", () => {
  test.each([
    ["an administrator sees all", mine, ADMIN, true],
    ["what is private is nobody else's", mine, user, false],
    ["the owner sees it", { ...mine, owner: user.id }, user, true],
    ["what is shared everybody sees", { ...mine, visibility: "shared" as const }, user, true],
    ["somebody who is named", { ...mine, users: [user.id] }, user, true],
    ["somebody else who is named", { ...mine, users: [`${user.id}x`] }, user, false],
    ["a group that is named", { ...mine, users: [`group:${GROUP}`] }, user, true],
    ["another group", { ...mine, users: [`group:${GROUP.replace("7", "8")}`] }, user, false],
    [
      "groups that the token leaves out",
      { ...mine, users: [`group:${GROUP}`] },
      { ...user, groups: "overage" as const },
      false,
    ],
    ["an auditor is no administrator", mine, { ...user, roles: ["Latchkey.Auditor" as const] }, false],
  ])("%s: %#", (_what, seen, by, expected) => {
    expect(maySee(seen, by)).toBe(expected);
  });
});
