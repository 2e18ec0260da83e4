import { describe, expect, test } from "vitest";
import {
  findOwnLease,
  findVisibleLease,
  listIrrevocable,
  listLeases,
  seesAll,
} from "../../../../shared/credentials/look.ts";
import type { Role } from "../../../../shared/principal.ts";
import { ADMIN, USER } from "../../../support/fakes.ts";
import { lease, leaseDueStore, leaseStore } from "../../../support/fakes-leases.ts";

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

describe("lists of one's own", () => {
  const foreign = { id: OTHER.id, issuer: OTHER.issuer };
  /** Ten leases under USER's hash; only every third is USER's, the others are of somebody with the same hash. */
  async function colliding() {
    const leases = leaseStore();
    const leaseDue = leaseDueStore();
    const stuck = { state: "irrevocable", upstream: { token: "t-1" } } as const;
    const made = Array.from({ length: 10 }, (_, index) =>
      lease(index % 3 === 0 ? stuck : { ...stuck, principal: foreign }, USER, index),
    );
    for (const each of made) {
      leases.set(each);
      await leaseDue.setIrrevocable(each.id, true);
    }
    const mine = made.filter((_, index) => index % 3 === 0).map(({ id }) => id);
    return { leases, leaseDue, mine: mine.sort(), all: made.map(({ id }) => id).sort() };
  }

  test.each([1, 2, 3, 4, 100])(
    "another's with the same hash is on none, and pages of %d miss nothing",
    async (limit) => {
      const { leases, leaseDue, mine } = await colliding();
      for (const read of [
        (after: string | null) => listLeases(leases, { holder: USER, after, limit }),
        (after: string | null) => listIrrevocable({ leases, leaseDue }, { holder: USER, after, limit }),
      ]) {
        const seen: string[] = [];
        for (let page = await read(null); page.length > 0; page = await read(seen.at(-1) ?? null)) {
          expect(page.length).toBeLessThanOrEqual(limit);
          seen.push(...page.map(({ id }) => id));
        }
        expect(seen).toEqual(mine);
      }
    },
  );

  test("the list of all has them all", async () => {
    const { leases, leaseDue, all } = await colliding();
    const query = { holder: null, after: null, limit: 100 };
    expect((await listLeases(leases, query)).map(({ id }) => id)).toEqual(all);
    expect((await listIrrevocable({ leases, leaseDue }, query)).map(({ id }) => id)).toEqual(all);
  });

  test("a record that cannot be read is nobody's own, and on the list of all", async () => {
    const damaged = { id: lease().id, damaged: true } as const;
    const leases = { list: async () => [damaged] };
    expect(await listLeases(leases, { holder: USER, after: null, limit: 5 })).toEqual([]);
    expect(await listLeases(leases, { holder: null, after: null, limit: 5 })).toEqual([damaged]);
  });
});
