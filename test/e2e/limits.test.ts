/** What one caller may hold and ask for at once: active leases, exact; credentials a second. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { createApi, type Problem } from "../support/api.ts";
import { ARTIFACTS, appPrincipal, grantTo, userPrincipal } from "../support/policy.ts";
import { startOwnSystem } from "../support/system.ts";

type OwnSystem = Awaited<ReturnType<typeof startOwnSystem>>;
const CONNECTOR = "limits";
/** Five times as many at once: room for every call of this file but the last ones. */
const PER_SECOND = 8;

let system: OwnSystem;
let leave = () => {};
let api: ReturnType<typeof createApi>;
beforeAll(async () => {
  system = await startOwnSystem({
    LATCHKEY_MAX_ACTIVE_LEASES: "3",
    LATCHKEY_MAX_ISSUES_PER_SECOND: String(PER_SECOND),
  });
  leave = enterLocalAzure(system);
  api = createApi(system);
  await api.register(CONNECTOR);
  const callers = [appPrincipal(system, "platform-automation"), userPrincipal(system, "scientist")];
  await grantTo(callers, api, { [CONNECTOR]: [ARTIFACTS] });
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

it("three leases at most, also when ten are asked for at once; the answer says when the first ends", async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.issue(CONNECTOR, { ttlSeconds: 900 })));
  const refused = answers.filter(({ status }) => status !== 201);
  expect(answers.length - refused.length).toBe(3);
  for (const { status, body, headers } of refused) {
    expect([status, body.code]).toEqual([429, "LEASE_LIMIT"]);
    const seconds = Number(headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(800);
    expect(seconds).toBeLessThanOrEqual(900);
  }
  const { body } = await api.call<{ items: { state: string }[] }>("GET", "leases?mine=true");
  expect(body.items.filter(({ state }) => state === "active")).toHaveLength(3);
});

it("ending one makes room for one, and a renewal needs none", async () => {
  const { body } = await api.call<{ items: { id: string }[] }>("GET", "leases?mine=true");
  const [first, second] = body.items.map(({ id }) => id);
  expect((await api.call("POST", `leases/${second}/renew`, { body: { ttlSeconds: 1200 } })).status).toBe(200);
  expect((await api.call("DELETE", `leases/${first}`)).status).toBe(200);
  expect((await api.issue(CONNECTOR)).status).toBe(201);
  expect((await api.issue(CONNECTOR)).body.code).toBe("LEASE_LIMIT");
});

it("another caller has leases of its own, and a new process counts on", async () => {
  const token = await api.tokenOf("scientist");
  const body = { resourceType: "blob-container", resourceId: "az://demo-zenmlartifactstore", access: ["read"] };
  const other = () => api.call("POST", `connectors/${CONNECTOR}/credentials`, { token, body });
  expect((await other()).status).toBe(201);
  await system.restartHost();
  expect((await api.issue(CONNECTOR)).body.code).toBe("LEASE_LIMIT");
  expect((await other()).status).toBe(201);
});

it("more than the rate is refused before anything is looked at, with the time to wait; reading is not limited", async () => {
  const calls = Array.from({ length: PER_SECOND * 12 }, () =>
    api.call<Problem>("POST", "connectors/no-such-connector/credentials", { body: {} }),
  );
  const answers = await Promise.all(calls);
  const limited = answers.filter(({ body }) => body.code === "RATE_LIMITED");
  expect(limited.length).toBeGreaterThan(0);
  expect(limited.length).toBeLessThanOrEqual(PER_SECOND * 7 + 1);
  for (const { status, headers } of limited) {
    expect(status).toBe(429);
    expect(Number(headers.get("retry-after"))).toBe(1);
  }
  // What was not limited was judged as ever.
  expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set(["RATE_LIMITED", "INVALID_REQUEST"]));
  const reads = await Promise.all(Array.from({ length: 20 }, () => api.call("GET", "leases?mine=true")));
  expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]));
});
