import { describe, expect, test } from "vitest";
import { ROLES, requireRole } from "../../../shared/principal.ts";
import { ADMIN } from "../../support/fakes.ts";

describe("requireRole", () => {
  test("gives the first declared role that is held", () => {
    const caller = { ...ADMIN, roles: ["Latchkey.User", "Latchkey.Auditor"] as const };
    expect(requireRole(caller, ["Latchkey.Admin", "Latchkey.Auditor", "Latchkey.User"])).toBe("Latchkey.Auditor");
  });

  test.each(ROLES.filter((role) => role !== "Latchkey.Admin"))("%s alone is not Admin", (role) => {
    const caller = { ...ADMIN, roles: [role] };
    expect(() => requireRole(caller, ["Latchkey.Admin"])).toThrow(expect.objectContaining({ code: "ROLE_REQUIRED" }));
  });

  test("nobody passes where no role is declared", () => {
    expect(() => requireRole(ADMIN, [])).toThrow(expect.objectContaining({ code: "ROLE_REQUIRED" }));
  });
});
