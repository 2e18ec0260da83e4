/** The life of a lease over HTTP: issue, list, look, renew, revoke, again; and whose business it is. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi, type IssuedBody, type Problem } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { ALL_ACCESS, ARTIFACTS, appPrincipal, PLACE, userPrincipal } from "../support/policy.ts";
import { rawRequest } from "../support/raw-request.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { startOwnSystem } from "../support/system.ts";

const CONNECTOR = "leases-main";
type Lease = {
  readonly id: string;
  readonly state: string;
  readonly principal: string;
  readonly expiresAt: string;
  readonly exposedUntil: string;
  readonly maxUntil: string;
  readonly issuedAt: string;
};
type Page = { readonly items: readonly Lease[]; readonly continuationToken: string | null };
type Revoked = Lease & { readonly done: readonly string[]; readonly notDone: readonly string[] };

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let state: StateAccount;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
  state = openStateAccount(system);
  expect((await api.register(CONNECTOR)).status).toBe(201);
  const people = ["scientist", "veteran"].map((name) => userPrincipal(system, name));
  const principals = [...people, appPrincipal(system, "platform-automation")];
  const grant = { connector: CONNECTOR, resourceId: ARTIFACTS, access: ALL_ACCESS, ...PLACE, maxTtlSeconds: 7200 };
  expect((await api.create("memberships/leases", { principals, ...PLACE })).status).toBe(200);
  expect((await api.create("grants/leases", grant)).status).toBe(200);
  for (const name of ["scientist", "veteran", "admin", "auditor", "platform-automation"]) {
    tokens[name] = await api.tokenOf(name);
  }
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

const as = <T = Problem>(who: string, method: string, path: string, body?: unknown) =>
  api.call<T>(method, path, { token: tokens[who] ?? null, body });

async function issue(who: string, changes: object = {}): Promise<IssuedBody> {
  const body = { resourceType: "blob-container", resourceId: ARTIFACTS, access: ["read", "list"], ...changes };
  const answer = await as<IssuedBody>(who, "POST", `connectors/${CONNECTOR}/credentials`, body);
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

/** Status of listing the container with a credential. */
async function use({ credential }: IssuedBody): Promise<number> {
  const url = `${credential.containerUrl}?restype=container&comp=list&${credential.sasToken}`;
  return (await rawRequest(system, { method: "GET", url })).status;
}

const eventsOf = async (leaseId: string) =>
  (await state.rows("Audit"))
    .filter((row) => row.leaseId === leaseId)
    .map(({ event, outcome, rule }) => `${event} ${outcome} ${rule}`);

describe("list", () => {
  let own: string[];
  beforeAll(async () => {
    own = [];
    for (let count = 0; count < 5; count++) own.push((await issue("scientist")).leaseId);
    await issue("veteran");
    await issue("platform-automation");
  });

  async function pages(who: string, query = ""): Promise<Lease[]> {
    const found: Lease[] = [];
    let more = "";
    for (let page = 0; page < 20; page++) {
      const { status, body, text } = await as<Page>(who, "GET", `leases?limit=2${query}${more}`);
      expect(status, text).toBe(200);
      expect(body.items.length).toBeLessThanOrEqual(2);
      found.push(...body.items);
      if (body.continuationToken === null) return found;
      more = `&continuationToken=${encodeURIComponent(body.continuationToken)}`;
    }
    throw new Error("the list does not end");
  }

  it("shows a user its own, each once, in pages, without a credential", async () => {
    const found = await pages("scientist");
    expect(found.map(({ id }) => id)).toEqual([...own].sort());
    expect(new Set(found.map(({ principal }) => principal))).toEqual(new Set([userPrincipal(system, "scientist")]));
    expect(JSON.stringify(found)).not.toMatch(/sig=|sasToken|principalHash/);
  });

  it.each(["auditor", "platform-automation"])("shows %s those of all, or with mine=true its own", async (who) => {
    const all = (await pages(who)).map(({ id }) => id);
    expect(all).toHaveLength(7);
    expect(new Set(all).size).toBe(7);
    expect(await pages(who, "&mine=true")).toHaveLength(who === "auditor" ? 0 : 1);
  });

  it("gives no way to those of others through a token of a list", async () => {
    const { body } = await as<Page>("auditor", "GET", "leases?limit=1");
    const token = encodeURIComponent(body.continuationToken ?? "");
    const { body: next } = await as<Page>("scientist", "GET", `leases?continuationToken=${token}`);
    expect(next.items.filter(({ id }) => !own.includes(id))).toEqual([]);
  });

  it.each(["limit=0", "limit=501", "mine=maybe", "continuationToken=bm90LW91cnM", "principal=x"])(
    "refuses ?%s",
    async (query) => {
      const { status, body } = await as("scientist", "GET", `leases?${query}`);
      expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
    },
  );
});

describe("renew", () => {
  it("keeps the id, gives a new credential that works, and leaves a record of it", async () => {
    const first = await issue("scientist", { ttlSeconds: 600, reason: "long run" });
    const path = `leases/${first.leaseId}`;
    const before = await as<Lease>("scientist", "GET", path);
    const renewed = await as<IssuedBody>("scientist", "POST", `${path}/renew`, { ttlSeconds: 7200 });
    expect(renewed.status, renewed.text).toBe(200);
    expect(Object.keys(renewed.body)).toEqual(Object.keys(first));
    expect(renewed.body).toMatchObject({ leaseId: first.leaseId, resourceId: ARTIFACTS, rule: "grant:leases" });
    expect(renewed.body.credential.sasToken).not.toBe(first.credential.sasToken);
    expect(Date.parse(renewed.body.expiresAt)).toBeGreaterThan(Date.parse(first.expiresAt) + 6000_000);
    expect(await use(renewed.body)).toBe(200);

    const after = await as<Lease>("scientist", "GET", path);
    const { expiresAt, exposedUntil } = renewed.body;
    const times = { expiresAt, exposedUntil, refreshAfter: expect.any(String), mintedAt: expect.any(String) };
    expect(after.body).toEqual({ ...before.body, ...times });
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
    expect(await eventsOf(first.leaseId)).toEqual([
      "credential.issued ok grant:leases",
      "credential.renewed ok grant:leases",
    ]);
  });

  it("a shorter life does not shorten what is exposed", async () => {
    const first = await issue("scientist", { ttlSeconds: 7200 });
    const { body } = await as<IssuedBody>("scientist", "POST", `leases/${first.leaseId}/renew`, { ttlSeconds: 60 });
    expect(Date.parse(body.expiresAt)).toBeLessThan(Date.parse(first.expiresAt));
    expect(body.exposedUntil).toBe(first.exposedUntil);
  });

  it.each([
    [{ ttlSeconds: 7201 }, 403, "SCOPE_TOO_WIDE"],
    [{ ttlSeconds: 59 }, 400, "INVALID_REQUEST"],
    [{ access: ["delete"] }, 400, "INVALID_REQUEST"],
    [{ resourceId: "datasets" }, 400, "INVALID_REQUEST"],
  ])("gives no more than policy and the lease: %j", async (body, status, code) => {
    const { leaseId } = await issue("scientist");
    const refused = await as("scientist", "POST", `leases/${leaseId}/renew`, body);
    expect([refused.status, refused.body.code], refused.text).toEqual([status, code]);
    expect(await eventsOf(leaseId)).toHaveLength(1);
  });
});

describe("revoke", () => {
  it("ends the lease, says until when the SAS still works, and that is so; twice is no error; then nothing renews it", async () => {
    const issued = await issue("scientist", { ttlSeconds: 900 });
    const path = `leases/${issued.leaseId}`;
    const first = await as<Revoked>("scientist", "DELETE", path);
    expect(first.status, first.text).toBe(200);
    expect(first.body).toMatchObject({ id: issued.leaseId, state: "revoked", exposedUntil: issued.expiresAt });
    expect([first.body.done.length, first.body.notDone.length]).toEqual([1, 1]);
    expect(first.body.notDone.join()).toContain(issued.expiresAt);
    expect(await use(issued)).toBe(200);

    const second = await as<Revoked>("scientist", "DELETE", path);
    expect([second.status, second.body.state, second.body.done, second.body.notDone]).toEqual([
      200,
      "revoked",
      [],
      first.body.notDone,
    ]);
    expect((await as<Lease>("scientist", "GET", path)).body.state).toBe("revoked");
    const renewed = await as("scientist", "POST", `${path}/renew`, {});
    expect([renewed.status, renewed.body.code]).toEqual([409, "LEASE_CLOSED"]);
    expect(renewed.text).not.toContain("sig=");
    expect(await eventsOf(issued.leaseId)).toEqual([
      "credential.issued ok grant:leases",
      "lease.revoked ok role:Latchkey.User",
    ]);
  });

  it("meets renewals: whoever is later is told, and in the end it is over", async () => {
    const { leaseId } = await issue("scientist");
    const path = `leases/${leaseId}`;
    const calls = [
      ...[600, 700, 800].map((ttlSeconds) => as("scientist", "POST", `${path}/renew`, { ttlSeconds })),
      as("scientist", "DELETE", path),
    ];
    for (const { status, body, text } of await Promise.all(calls)) {
      expect([200, 409], text).toContain(status);
      if (status === 409) expect(body.code).toBe("LEASE_CLOSED");
    }
    expect((await as<Lease>("scientist", "DELETE", path)).body.state).toBe("revoked");
    expect((await as("scientist", "POST", `${path}/renew`, {})).body.code).toBe("LEASE_CLOSED");
    expect(auditChainFaults(await state.rows("Audit"))).toEqual([]);
  });
});

describe("another caller's lease", () => {
  const CALLS = [
    ["GET", "", undefined],
    ["POST", "/renew", {}],
    ["DELETE", "", undefined],
  ] as const;

  it("is not there for a user: the answer is that for a lease that never was", async () => {
    const { leaseId } = await issue("scientist");
    const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    const never = `${leaseId.slice(0, 13)}${[...randomBytes(26)].map((byte) => alphabet[byte % 32]).join("")}`;
    for (const [method, end, body] of CALLS) {
      const answers = [leaseId, never].map((id) => as("veteran", method, `leases/${id}${end}`, body));
      const [theirs, nobodys] = (await Promise.all(answers)).map(({ body: { correlationId: _, ...said } }) => said);
      expect(theirs).toMatchObject({ status: 404, code: "NOT_FOUND" });
      expect(nobodys).toEqual(theirs);
    }
    expect((await as<Lease>("scientist", "GET", `leases/${leaseId}`)).body.state).toBe("active");
  });

  it("is seen by auditor and administrator, renewed by neither, and ended by the administrator alone", async () => {
    const { leaseId } = await issue("scientist");
    for (const who of ["auditor", "admin"]) expect((await as(who, "GET", `leases/${leaseId}`)).status).toBe(200);
    expect((await as("auditor", "POST", `leases/${leaseId}/renew`, {})).body.code).toBe("ROLE_REQUIRED");
    expect((await as("admin", "POST", `leases/${leaseId}/renew`, {})).body.code).toBe("NOT_FOUND");
    expect((await as("auditor", "DELETE", `leases/${leaseId}`)).body.code).toBe("ROLE_REQUIRED");
    expect((await as<Lease>("admin", "DELETE", `leases/${leaseId}`)).body.state).toBe("revoked");
    const events = await eventsOf(leaseId);
    expect(events[1]).toMatch(/^lease\.revoked ok role:Latchkey\./);
  });

  it.each(["x", "0".repeat(12), `${"0".repeat(12)}-${"a".repeat(25)}`, `${"0".repeat(12)}-~active`, "..%2f~active"])(
    "%j is no id",
    async (id) => {
      const { status } = await as("admin", "GET", `leases/${id}`);
      expect([400, 404]).toContain(status);
    },
  );
});
