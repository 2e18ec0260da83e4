import { describe, expect, test } from "vitest";
import { findOwnLease, findVisibleLease, seesAll } from "../../../../shared/credentials/look.ts";
import type { Role } from "../../../../shared/principal.ts";
import { ADMIN, USER } from "../../../support/fakes.ts";
import { lease, leaseStore } from "../../../support/fakes-leases.ts";

const OTHER = { ...USER, subject: "somebody-else", id: "user:t/somebody-else" };
function parts() {
  const journal: string[] = [];
  const leases = leaseStore(journal);
  const made = lease();
  leases.set(made);
  return { leases, made, journal };
}

describe("findOwnLease", () => {
  test("finds one's own, with its ETag", async () => {
    const { leases, made } = parts();
    expect(await findOwnLease(leases, made.id, USER)).toEqual({ lease: made, etag: 'W/"l1"' });
  });

  test("another's is NOT_FOUND, without a look at the table, for administrators too", async () => {
    const { leases, made, journal } = parts();
    for (const by of [OTHER, ADMIN]) {
      await expect(findOwnLease(leases, made.id, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect(journal).toEqual([]);
  });

  test("a hash that another's id begins with is not enough: the whole identity counts", async () => {
    const { leases, made } = parts();
    for (const principal of [
      { ...made.principal, id: "workload:x/same-hash" },
      { ...made.principal, issuer: "https://other" },
    ]) {
      leases.set({ ...made, principal });
      await expect(findOwnLease(leases, made.id, USER)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });

  test("one that never was is the same NOT_FOUND", async () => {
    const { leases, made } = parts();
    const never = findOwnLease(leases, lease({}, USER, 5).id, USER).catch((error: Error) => error.message);
    const anothers = findOwnLease(leases, made.id, OTHER).catch((error: Error) => error.message);
    expect(await never).toBe(await anothers);
  });
});

describe("findVisibleLease", () => {
  test.each<[Role, boolean]>([
    ["Latchkey.Admin", true],
    ["Latchkey.Auditor", true],
    ["Latchkey.Approver", false],
    ["Latchkey.User", false],
  ])("%s sees another's: %s", async (role, isSeen) => {
    const { leases, made } = parts();
    const by = { ...OTHER, roles: [role] };
    expect(seesAll(by)).toBe(isSeen);
    const found = await findVisibleLease(leases, made.id, by).catch((error: unknown) => error);
    expect(found).toMatchObject(isSeen ? { lease: { id: made.id } } : { code: "NOT_FOUND" });
  });

  test("one that never was is NOT_FOUND for those who see all", async () => {
    const { leases } = parts();
    const id = lease({}, USER, 5).id;
    await expect(findVisibleLease(leases, id, ADMIN)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
