/** Break-glass: what it would end, what it ends, and what it says of the rest. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { createApi, type IssuedBody } from "../support/api.ts";
import { createControl } from "../support/control.ts";
import { ARTIFACTS, accountId, appPrincipal, grantToAutomation } from "../support/policy.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startOwnSystem } from "../support/system.ts";

type OwnSystem = Awaited<ReturnType<typeof startOwnSystem>>;
type Plan = { allowed: boolean; storageAccount: string; leases: number; holders: string[]; latestEnd: string | null };
type Result = {
  storageAccount: string;
  leasesClosed: number;
  leasesLeft: number;
  exposedUntil: string | null;
  done: string[];
  notDone: string[];
};
type LeaseBody = { state: string; revocation: string; exposedUntil: string };
const CONNECTOR = "glass";
const ACCOUNT = "demozenmlartifacts";
const REASON = "a laptop was stolen";

let system: OwnSystem;
let leave = () => {};
let api: ReturnType<typeof createApi>;
let control: ReturnType<typeof createControl>;
let automation: string;
beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
  control = createControl(system);
  await api.register(CONNECTOR);
  automation = appPrincipal(system, "platform-automation");
  await grantToAutomation(system, api, { [CONNECTOR]: [ARTIFACTS] });
});
afterEach(() => control.clear());
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

const issue = async (): Promise<IssuedBody> => {
  const answer = await api.issue(CONNECTOR, { ttlSeconds: 900 });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
};
const breakGlass = <T = Result>(body: Record<string, unknown>, query = "") =>
  api.call<T>("POST", `connectors/${CONNECTOR}/break-glass${query}`, { body: { reason: REASON, ...body } });
const use = async ({ credential }: IssuedBody) => {
  const url = `${credential.containerUrl}?restype=container&comp=list&${credential.sasToken}`;
  return (await rawRequest(system, { method: "GET", url, headers: {} })).status;
};
const leaseOf = async ({ leaseId }: IssuedBody) => (await api.call<LeaseBody>("GET", `leases/${leaseId}`)).body;
const audited = async () => {
  const from = new Date(Date.now() - 600_000).toISOString();
  const to = new Date(Date.now() + 60_000).toISOString();
  type Row = {
    event: string;
    outcome: string;
    resourceId: string;
    leaseId: string | null;
    detail: { reason?: string };
  };
  const { body } = await api.call<{ items: Row[] }>("GET", `audit?from=${from}&to=${to}&limit=500`, {
    token: await api.tokenOf("auditor"),
  });
  return body.items;
};

describe("break-glass", () => {
  it("a plan says what it would end, and ends nothing", async () => {
    const issued = await issue();
    const { status, body } = await breakGlass<Plan>({ storageAccount: ACCOUNT }, "?plan=true");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      allowed: true,
      storageAccount: accountId(ACCOUNT),
      leases: 1,
      holders: [automation],
      latestEnd: issued.expiresAt,
    });
    expect(await use(issued)).toBe(200);
    expect(await leaseOf(issued)).toMatchObject({ state: "active", revocation: "expiry-only" });
  });

  it.each([
    ["without a confirmation", { storageAccount: ACCOUNT }, 400, "INVALID_REQUEST"],
    ["without a reason", { storageAccount: ACCOUNT, confirm: true, reason: undefined }, 400, "INVALID_REQUEST"],
    ["a name that is none", { storageAccount: "../x", confirm: true }, 400, "INVALID_REQUEST"],
    ["an account that is not there", { storageAccount: "nosuchaccount", confirm: true }, 404, "RESOURCE_NOT_FOUND"],
    ["the service's own account", { storageAccount: "latchkeystate", confirm: true }, 404, "RESOURCE_NOT_FOUND"],
  ])("%s: refused, and nothing ends", async (_what, body, status, code) => {
    expect(await breakGlass(body)).toMatchObject({ status, body: { code } });
    expect((await audited()).map(({ event }) => event)).not.toContain("connector.break-glass");
  });

  it("is for administrators", async () => {
    const body = { storageAccount: ACCOUNT, reason: REASON, confirm: true };
    const token = await api.tokenOf("scientist");
    expect(await api.call("POST", `connectors/${CONNECTOR}/break-glass`, { token, body })).toMatchObject({
      status: 403,
      body: { code: "ROLE_REQUIRED" },
    });
  });

  it("what Azure refuses is taken back on record, and the SAS lives on", async () => {
    const issued = await issue();
    // The connector's identity has the right for its own account alone.
    expect(await breakGlass({ storageAccount: "demozenmlarchive", confirm: true })).toMatchObject({
      status: 502,
      body: { code: "UPSTREAM_REFUSED" },
    });
    const rows = (await audited()).filter(({ event }) => event === "connector.break-glass");
    expect(rows.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
    expect(await use(issued)).toBe(200);
  });

  it("without its record nothing ends", async () => {
    const issued = await issue();
    await control.fault({ host: "latchkeystate.table.core.windows.net", method: "POST", status: 503 });
    expect(await breakGlass({ storageAccount: ACCOUNT, confirm: true })).toMatchObject({
      status: 503,
      body: { code: "AUDIT_UNAVAILABLE" },
    });
    expect(await use(issued)).toBe(200);
  });

  it("ends every SAS of the account, closes the leases, says what is left, and lends anew", async () => {
    const issued = await issue();
    const { status, body, text } = await breakGlass({ storageAccount: accountId(ACCOUNT), confirm: true });
    expect(status, text).toBe(200);
    expect(body).toMatchObject({ storageAccount: accountId(ACCOUNT), leasesClosed: 4, leasesLeft: 0 });
    expect(body.done).toHaveLength(2);
    expect(body.notDone.length).toBeGreaterThan(0);
    expect(await use(issued)).toBe(403);
    // No caches of Azure's are known to be faster than the SAS's own end.
    expect(await leaseOf(issued)).toMatchObject({
      state: "revoked",
      revocation: "delayed",
      exposedUntil: issued.exposedUntil,
    });
    expect((await api.call("POST", `leases/${issued.leaseId}/renew`, { body: {} })).body.code).toBe("LEASE_CLOSED");
    const rows = await audited();
    const [, , done] = rows.filter(({ event }) => event === "connector.break-glass");
    expect(done).toMatchObject({ outcome: "ok", resourceId: accountId(ACCOUNT), detail: { reason: REASON } });
    expect(rows.filter(({ event }) => event === "lease.revoked").map(({ leaseId }) => leaseId)).toContain(
      issued.leaseId,
    );

    // Keys that are asked for in the same second are the same to the local Azure.
    await wait(1_100);
    const next = await issue();
    expect(await use(next)).toBe(200);
    expect(await use(issued)).toBe(403);
  });
});
