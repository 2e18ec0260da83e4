import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Role } from "../../../shared/principal.ts";
import { connector, USER } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { lease } from "../../support/fakes-leases.ts";
import { productRoutes, SAS } from "../../support/fakes-routes.ts";

const OTHER = { ...USER, subject: "somebody-else", id: "user:t/somebody-else" };

/** Two leases of USER and one of OTHER, seen by whoever has these roles. */
function parts(roles: readonly Role[] = ["Latchkey.User"], caller = USER) {
  const product = productRoutes();
  product.store.rows.set("azure", connector({ name: "azure" }));
  const mine = [lease(), lease({}, USER, 1)];
  const others = lease({}, OTHER, 2);
  for (const made of [...mine, others]) product.leaseRecords.set(made);
  const { call } = runtimeOf(product.routes, { verifyCaller: async () => ({ ...caller, roles }) });
  const idOf = (index: number) => mine[index]?.id ?? "";
  const list = (query = "") => call("leases-list", { url: `https://latchkey.example/api/leases?${query}` });
  return { ...product, call, list, mine: mine.map(({ id }) => id).sort(), others: others.id, id: idOf(0) };
}
const itemsSchema = z.array(z.looseObject({ id: z.string() }));
const idsOf = (items: unknown) => itemsSchema.parse(items).map(({ id }) => id);

describe("GET /leases", () => {
  test("one's own, page by page", async () => {
    const { list, mine } = parts();
    const first = await list("limit=1");
    expect([first.status, idsOf(first.json.items)]).toEqual([200, mine.slice(0, 1)]);
    const second = await list(`limit=1&continuationToken=${first.json.continuationToken}`);
    expect([idsOf(second.json.items), second.json.continuationToken]).toEqual([mine.slice(1), null]);
  });

  test.each<[Role, boolean]>([
    ["Latchkey.User", false],
    ["Latchkey.Auditor", true],
    ["Latchkey.Admin", true],
  ])("%s sees those of others: %s; with mine=true nobody does", async (role, seesAll) => {
    const { list, mine, others } = parts([role]);
    expect(new Set(idsOf((await list()).json.items))).toEqual(new Set(seesAll ? [...mine, others] : mine));
    expect(idsOf((await list("mine=true")).json.items)).toEqual(mine);
  });

  test("a token with another's id reaches nothing that the list does not", async () => {
    const { list, mine } = parts();
    const token = Buffer.from(lease({}, OTHER, 2).id).toString("base64url");
    const { json } = await list(`continuationToken=${token}`);
    for (const id of idsOf(json.items)) expect(mine).toContain(id);
  });

  test("state=irrevocable: those that could not be ended, of all or one's own, page by page", async () => {
    const stuck = { state: "irrevocable", form: "sas", upstream: { token: "t-1" }, revokeAttempts: 6 } as const;
    const own = lease(stuck, USER, 1);
    const foreign = lease(stuck, OTHER, 2);
    const listOf = async (roles: readonly Role[], query = "") => {
      const { list, leaseRecords, leaseDue, mine } = parts(roles);
      for (const made of [own, foreign]) leaseRecords.set(made);
      // The list may be older than the end of a lease that is on it.
      for (const id of [own.id, foreign.id, mine.find((one) => one !== own.id) ?? "", lease({}, OTHER, 9).id]) {
        await leaseDue.setIrrevocable(id, true);
      }
      return list(`state=irrevocable${query}`);
    };
    expect(idsOf((await listOf(["Latchkey.User"])).json.items)).toEqual([own.id]);
    const both = [own.id, foreign.id].sort();
    const first = await listOf(["Latchkey.Auditor"], "&limit=1");
    expect(idsOf(first.json.items)).toEqual(both.slice(0, 1));
    const rest = await listOf(["Latchkey.Auditor"], `&continuationToken=${first.json.continuationToken}`);
    expect(idsOf(rest.json.items)).toEqual(both.slice(1));
    expect(rest.json.items).toMatchObject([{ state: "irrevocable", revokeAttempts: 6, upstream: { token: "t-1" } }]);
  });

  test.each(["state=active", "mine=maybe", "mine=", "all=true", "continuationToken=YQ"])(
    "?%s is refused",
    async (query) => {
      expect((await parts().list(query)).json.code).toBe("INVALID_REQUEST");
    },
  );

  test("an approver without another role is refused", async () => {
    const { status, json } = await parts(["Latchkey.Approver"]).list();
    expect([status, json.code]).toEqual([403, "ROLE_REQUIRED"]);
  });
});

describe("GET /leases/{leaseId}", () => {
  test("the lease with its ETag, its state by the clock, and no hash of the principal", async () => {
    const { call, id, leaseRecords } = parts();
    const { principalHash: _, principal, ...shown } = lease({ expiresAt: "2026-11-21T10:00:00Z" });
    leaseRecords.set(lease({ expiresAt: "2026-11-21T10:00:00Z" }));
    const { status, headers, json } = await call("leases-get", { params: { leaseId: id } });
    expect([status, headers.etag]).toEqual([200, leaseRecords.rows.get(id)?.etag]);
    expect(json).toEqual({ ...shown, principal: principal.id, state: "expired" });
  });

  test("another's is NOT_FOUND, unless the role sees all", async () => {
    for (const [roles, status] of [
      [["Latchkey.User"], 404],
      [["Latchkey.Auditor"], 200],
    ] as const) {
      const { call, others } = parts(roles);
      expect((await call("leases-get", { params: { leaseId: others } })).status).toBe(status);
    }
  });

  test.each(["x", "~active", `${lease().id}x`, lease().id.toUpperCase(), "ab87e2363608-' or 1 eq 1"])(
    "%s is no lease id",
    async (leaseId) => {
      const { json } = await parts().call("leases-get", { params: { leaseId } });
      expect(json.code).toBe("INVALID_REQUEST");
    },
  );
});

describe("POST /leases/{leaseId}/renew", () => {
  test("200 with the same id and a new credential", async () => {
    const { call, id, audited } = parts();
    const { status, json } = await call("leases-renew", jsonRequest({ ttlSeconds: 600 }, { params: { leaseId: id } }));
    expect([status, json.leaseId, json.expiresAt]).toEqual([200, id, "2026-11-21T10:10:00Z"]);
    expect(json.credential).toMatchObject({ kind: "sas", sasToken: SAS });
    expect(audited).toMatchObject([{ event: "credential.renewed", leaseId: id }]);
  });

  test.each<Role>(["Latchkey.Admin", "Latchkey.Auditor", "Latchkey.Approver"])("%s alone gets none", async (role) => {
    const { call, id } = parts([role]);
    const { json, body } = await call("leases-renew", jsonRequest({}, { params: { leaseId: id } }));
    expect(json.code).toBe("ROLE_REQUIRED");
    expect(body).not.toContain("signature");
  });

  test("what policy gives no more, and another's lease, are refused", async () => {
    const { call, id, others, policy } = parts();
    const renew = async (leaseId: string) =>
      (await call("leases-renew", jsonRequest({}, { params: { leaseId } }))).json.code;
    expect(await renew(others)).toBe("NOT_FOUND");
    policy.rows.delete("grant/lend");
    expect(await renew(id)).toBe("DENIED");
  });

  test.each([{ ttlSeconds: 59 }, { ttlSeconds: 86_401 }, { access: ["write"] }, { resourceId: "other" }])(
    "%j is refused",
    async (body) => {
      const { call, id } = parts();
      const { json } = await call("leases-renew", jsonRequest(body, { params: { leaseId: id } }));
      expect(json.code).toBe("INVALID_REQUEST");
    },
  );
});

describe("DELETE /leases/{leaseId}", () => {
  test("200 with what was done and what was not; then it cannot be renewed", async () => {
    const { call, id } = parts();
    const params = { leaseId: id };
    const { status, json } = await call("leases-revoke", { method: "DELETE", params });
    expect([status, json.state, json.id]).toEqual([200, "revoked", id]);
    expect(json).toMatchObject({ done: [expect.any(String)], notDone: [expect.any(String)] });
    const again = await call("leases-revoke", { method: "DELETE", params });
    expect([again.status, again.json.done, again.json.notDone]).toEqual([200, [], json.notDone]);
    const renewed = await call("leases-renew", jsonRequest({}, { params }));
    expect([renewed.status, renewed.json.code]).toEqual([409, "LEASE_CLOSED"]);
  });

  test("If-Match is not needed; one that is given must fit, and what does not is left as it is", async () => {
    const { call, id, leaseRecords, audited } = parts();
    const params = { leaseId: id };
    const etag = leaseRecords.rows.get(id)?.etag ?? "";
    const end = (ifMatch: string) =>
      call("leases-revoke", { method: "DELETE", params, headers: { "if-match": ifMatch } });
    for (const wrong of ['W/"old"', etag.replace("W/", ""), `${etag}, W/"old"`, ""]) {
      const { status, json } = await end(wrong);
      expect([status, json.code]).toEqual([412, "ETAG_MISMATCH"]);
    }
    expect([leaseRecords.rows.get(id)?.lease.state, audited]).toEqual(["active", []]);
    expect((await end(etag)).json.state).toBe("revoked");
    expect((await end(etag)).json.code).toBe("ETAG_MISMATCH");
    expect((await end("*")).status).toBe(200);
  });

  test("a lease that is changed between look and end is not as it was seen", async () => {
    const { call, id, leaseRecords } = parts();
    const seen = leaseRecords.rows.get(id)?.etag ?? "";
    const { find } = leaseRecords;
    let finds = 0;
    leaseRecords.find = async (leaseId) => {
      if (++finds === 2) leaseRecords.set(lease({ reason: "renewed" }));
      return find(leaseId);
    };
    const headers = { "if-match": seen };
    const { json } = await call("leases-revoke", { method: "DELETE", params: { leaseId: id }, headers });
    expect([json.code, leaseRecords.rows.get(id)?.lease.state]).toEqual(["ETAG_MISMATCH", "active"]);
  });

  test("nobody learns by If-Match whether another's lease is there", async () => {
    const { call, others } = parts();
    const headers = { "if-match": 'W/"old"' };
    for (const leaseId of [others, lease({}, OTHER, 9).id, lease({}, USER, 9).id]) {
      expect((await call("leases-revoke", { method: "DELETE", params: { leaseId }, headers })).json.code).toBe(
        "NOT_FOUND",
      );
    }
  });

  test.each<[Role, number]>([
    ["Latchkey.User", 404],
    ["Latchkey.Admin", 200],
    ["Latchkey.Auditor", 403],
  ])("of another's by %s: %d", async (role, status) => {
    const { call, others } = parts([role]);
    expect((await call("leases-revoke", { method: "DELETE", params: { leaseId: others } })).status).toBe(status);
  });
});
