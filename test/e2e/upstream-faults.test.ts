/** Registries and clusters that fail while something is made there: the truth is told, and nothing is left of it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { borrowCluster, borrowRegistry, lent, REGISTRY_ID, registerContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { makeDue, sweepNow } from "../support/sweep-now.ts";
import { leftInCluster, leftInRegistry, listIn, serverOf, tokenByLogin } from "../support/use-lent.ts";

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);
let state: StateAccount;
/** Of the cluster. */
let server: string;

beforeAll(async () => {
  state = openStateAccount(system);
  for (const name of ["logins-main", "clusters-vision", "clusters-whole", "registries-vision"]) {
    await registerContainers(system, api, name);
  }
  server = serverOf(lent(await borrowCluster(api, "clusters-whole", { form: "exec" })).credential.kubeconfig);
});
afterEach(async () => {
  await control.clear();
});
afterAll(async () => {
  expect(auditChainFaults(await state.rows("Audit"))).toEqual([]);
});

const borrowLogin = () =>
  borrowRegistry(api, "logins-main", { form: "docker-login", scope: { repositories: ["vision/train"] } });
const borrowKubeconfig = () => borrowCluster(api, "clusters-vision");

async function expectNothingLeft() {
  await makeDue(system);
  await sweepNow(system);
  expect(await leftInRegistry(system, api, REGISTRY_ID)).toEqual([]);
  expect(await leftInCluster(system, api, server, "vision")).toEqual([]);
  expect(await state.rows("RegistryTokens")).toEqual([]);
  expect((await state.rows("Leases")).filter((row) => row.state === "pending")).toEqual([]);
}

const REFUSED = [502, "UPSTREAM_REFUSED"] as const;
const TIMED_OUT = [504, "UPSTREAM_TIMEOUT"] as const;
type Case = readonly [what: string, rule: FaultRule, outcome: readonly [number, string | undefined]];
const TOKENS = { service: "arm", method: "PUT", path: "/tokens/" };
const MAPS = { service: "arm", method: "PUT", path: "/scopeMaps/" };
const PASSWORDS = { service: "arm", method: "POST", path: "/generateCredentials" };
const SECRETS = { service: "kubernetes", method: "POST", path: "/secrets" };
const SERVICE_ACCOUNT = { service: "kubernetes", method: "POST", path: "/serviceaccounts/" };
const ONCE = { times: 1 };
const LATER = { status: 429, retryAfterSeconds: 60 } as const;

describe("a docker login", () => {
  it.each<Case>([
    ["the scope map's reply is lost", { ...MAPS, dropReply: true, ...ONCE }, [201, undefined]],
    ["the token's reply is lost", { ...TOKENS, dropReply: true, ...ONCE }, [201, undefined]],
    ["the password's reply is lost", { ...PASSWORDS, dropReply: true, ...ONCE }, [201, undefined]],
    ["the token is slow", { ...TOKENS, latencyMs: 3_000, ...ONCE }, [201, undefined]],
    ["ARM throttles tokens once", { ...TOKENS, status: 429, retryAfterSeconds: 1, ...ONCE }, [201, undefined]],
    ["ARM throttles tokens for a minute", { ...TOKENS, ...LATER }, REFUSED],
    ["ARM throttles scope maps for a minute", { ...MAPS, ...LATER }, REFUSED],
    ["ARM makes no password", { ...PASSWORDS, status: 503 }, REFUSED],
    ["ARM closes connections for passwords", { ...PASSWORDS, drop: true }, TIMED_OUT],
    ["every reply to a token is lost", { ...TOKENS, dropReply: true }, TIMED_OUT],
    [
      "the answer for a password is none",
      { ...PASSWORDS, reply: { status: 200, contentType: "application/json", text: '{"passwords":[]}' } },
      REFUSED,
    ],
    [
      "the usage is not told",
      { service: "arm", path: "/listUsages", reply: { status: 200, contentType: "application/json", text: "{}" } },
      REFUSED,
    ],
  ])("%s", async (_what, rule, outcome) => {
    await control.fault(rule);
    const answer = await borrowLogin();
    expect(await control.clear()).toBeGreaterThan(0);
    expect([answer.status, answer.body.code], answer.text).toEqual(outcome);
    if (rule.status === 429 && answer.status !== 201) expect(answer.headers.get("retry-after")).toBe("60");
    if (answer.status === 201) {
      expect(await tokenByLogin(system, answer.body.credential, "repository:vision/train:pull")).not.toBeNull();
      expect((await api.call("DELETE", `leases/${answer.body.leaseId}`)).status).toBe(200);
    }
    await expectNothingLeft();
  });

  it("that cannot be removed is closed at once, and removed by the sweep", async () => {
    const { leaseId, credential } = lent(await borrowLogin());
    await control.fault({ service: "arm", method: "DELETE", path: "/tokens/", status: 503 });
    const revoked = await api.call<{ state: string; notDone: string[] }>("DELETE", `leases/${leaseId}`);
    expect(await control.clear()).toBeGreaterThan(0);
    expect(revoked.text).not.toContain('"revoked"');
    expect((await api.call("POST", `leases/${leaseId}/renew`, { body: {} })).body.code).toBe("LEASE_CLOSED");
    await expectNothingLeft();
    expect(await tokenByLogin(system, credential, "repository:vision/train:pull")).toBeNull();
    expect((await api.call("GET", `leases/${leaseId}`)).body).toMatchObject({ state: "revoked" });
  });
});

describe("a kubeconfig", () => {
  it.each<Case>([
    ["the Secret's reply is lost", { ...SECRETS, dropReply: true, ...ONCE }, [201, undefined]],
    ["the token's reply is lost", { ...SERVICE_ACCOUNT, dropReply: true, ...ONCE }, [201, undefined]],
    ["the API server is slow", { ...SECRETS, latencyMs: 3_000, ...ONCE }, [201, undefined]],
    ["the API server is down", { service: "kubernetes", status: 503 }, REFUSED],
    ["the API server closes every connection", { service: "kubernetes", drop: true }, TIMED_OUT],
    ["the API server throttles", { ...SERVICE_ACCOUNT, ...LATER }, REFUSED],
    ["the API server makes no token", { ...SERVICE_ACCOUNT, status: 500 }, REFUSED],
    [
      "a gateway answers in its place",
      { ...SERVICE_ACCOUNT, reply: { status: 200, contentType: "text/html", text: "<html>" } },
      REFUSED,
    ],
  ])("%s", async (_what, rule, outcome) => {
    await control.fault(rule);
    const answer = await borrowKubeconfig();
    expect(await control.clear()).toBeGreaterThan(0);
    expect([answer.status, answer.body.code], answer.text).toEqual(outcome);
    if (answer.status === 201) {
      expect(await listIn(system, answer.body.credential.kubeconfig, "vision")).not.toBe(401);
      expect((await api.call("DELETE", `leases/${answer.body.leaseId}`)).status).toBe(200);
    }
    await expectNothingLeft();
  });

  it("whose Secret cannot be removed is closed at once, and removed by the sweep", async () => {
    const { leaseId } = lent(await borrowKubeconfig());
    await control.fault({ service: "kubernetes", method: "DELETE", status: 503 });
    await api.call("DELETE", `leases/${leaseId}`);
    expect(await control.clear()).toBeGreaterThan(0);
    expect((await api.call("POST", `leases/${leaseId}/renew`, { body: {} })).body.code).toBe("LEASE_CLOSED");
    await expectNothingLeft();
    expect((await api.call("GET", `leases/${leaseId}`)).body).toMatchObject({ state: "revoked" });
  });
});
