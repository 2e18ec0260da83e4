/** `kill -9` of the host while it makes what stays in Azure: the sweep of the next host finds it, and nothing is left. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import {
  borrowCluster,
  borrowRegistry,
  grantContainers,
  lent,
  REGISTRY_ID,
  registerContainers,
} from "../support/containers.ts";
import { type Control, createControl } from "../support/control.ts";
import { recordFaults } from "../support/issued-records.ts";
import { grantToAutomation } from "../support/policy.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { makeDue, sweepNow } from "../support/sweep-now.ts";
import { startOwnSystem, WIDE_LIMITS } from "../support/system.ts";
import { leftInCluster, leftInRegistry, listIn, serverOf, tokenByLogin } from "../support/use-lent.ts";

/** Longer than any test here runs: who comes here is stuck until the host is killed. */
const STUCK = { latencyMs: 600_000 };
const TABLES = { host: "latchkeystate.table.core.windows.net" };
const ARM = { service: "arm" };
const CLUSTER = { service: "kubernetes", method: "POST" };

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let control: Control;
let state: StateAccount;
/** Of the cluster. */
let server: string;
const answered = new Set<string>();

beforeAll(async () => {
  system = await startOwnSystem(WIDE_LIMITS);
  leave = enterLocalAzure(system);
  api = createApi(system);
  control = createControl(system);
  state = openStateAccount(system);
  await grantToAutomation(system, api, {});
  await grantContainers(api);
  for (const name of ["logins-main", "clusters-vision"]) await registerContainers(system, api, name);
  // Everything that is read before something is made is at hand now.
  const [login, kubeconfig] = await borrowBoth();
  server = serverOf(lent(kubeconfig).credential.kubeconfig);
  for (const answer of [login, kubeconfig]) await end(lent(answer).leaseId);
});
afterEach(() => control.clear());
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

async function end(leaseId: string) {
  answered.add(leaseId);
  expect((await api.call("DELETE", `leases/${leaseId}`)).status).toBe(200);
}
const borrowLogin = () =>
  borrowRegistry(api, "logins-main", { form: "docker-login", scope: { repositories: ["vision/train"] } });
const borrowBoth = () => Promise.all([borrowLogin(), borrowCluster(api, "clusters-vision")] as const);
/** As a caller sees a host that is gone: the connection ends without an answer. */
const outcomeOf = <T>(call: Promise<T>) => call.catch(() => "no answer" as const);

async function leftInAzure(): Promise<string[]> {
  const [ofRegistry, ofCluster] = await Promise.all([
    leftInRegistry(system, api, REGISTRY_ID),
    leftInCluster(system, api, server, "vision"),
  ]);
  return [...ofRegistry, ...ofCluster.map((name) => `secrets/${name}`)].map((name) => name.split("/")[0] ?? "");
}

async function leftOnRecord() {
  const { tables } = await state.read();
  expect(recordFaults(tables, answered, { inDoubt: true })).toEqual([]);
  expect(auditChainFaults(tables.Audit ?? [])).toEqual([]);
  const pending = (tables.Leases ?? []).filter((row) => row.state === "pending");
  return { pending: pending.length, due: tables.LeaseDue?.length, claims: tables.RegistryTokens?.length };
}

async function expectNothingLeft() {
  await makeDue(system);
  await sweepNow(system);
  expect(await leftInAzure()).toEqual([]);
  expect(await leftOnRecord()).toEqual({ pending: 0, due: 0, claims: 0 });
}

/** Waits until so many requests hang. */
async function stuckRequests(count: number): Promise<void> {
  const hits = async () => {
    const { items }: { items: { hits: number }[] } = JSON.parse(
      await (await fetch(`${system.controlUrl}/faults`)).text(),
    );
    return items.reduce((sum, item) => sum + item.hits, 0);
  };
  await expect.poll(hits, { timeout: 30_000, interval: 10 }).toBeGreaterThanOrEqual(count);
}

const ACTIVATION = { ...TABLES, method: "POST", path: "^/\\$batch", body: '/Leases\\b[^]*"state":"active"' };
const TRAIL = { ...TABLES, method: "POST", path: "^/\\$batch", body: "/Audit\\b" };
it.each<[string, readonly FaultRule[], readonly string[]]>([
  [
    "anything is made",
    [
      { ...ARM, method: "PUT", path: "/scopeMaps/" },
      { ...CLUSTER, path: "/secrets" },
    ],
    [],
  ],
  [
    "a token is made",
    [
      { ...ARM, method: "PUT", path: "/tokens/" },
      { ...CLUSTER, path: "/serviceaccounts/" },
    ],
    ["scopeMaps", "secrets"],
  ],
  [
    "the password is made",
    [
      { ...ARM, method: "POST", path: "/generateCredentials" },
      { ...CLUSTER, path: "/serviceaccounts/" },
    ],
    ["tokens", "scopeMaps", "secrets"],
  ],
  ["it is on the audit trail", [TRAIL], ["tokens", "scopeMaps", "secrets"]],
  ["its lease is active", [ACTIVATION], ["tokens", "scopeMaps", "secrets"]],
])(
  "before %s: the lease stays pending, and the sweep removes it with all that is there",
  async (_what, rules, made) => {
    await control.fault(...rules.map((rule) => ({ ...rule, ...STUCK })));
    const calls = [outcomeOf(borrowLogin()), outcomeOf(borrowCluster(api, "clusters-vision"))];
    // Records that come together go in one transaction.
    await stuckRequests(rules.length);
    await wait(1000);
    await system.killHost();
    expect(await Promise.all(calls)).toEqual(["no answer", "no answer"]);
    await control.clear();
    expect(await leftInAzure()).toEqual(made);
    expect(await leftOnRecord()).toMatchObject({ pending: 2, due: 2 });
    await system.restartHost();
    // Not before its time: whoever makes it may still be there.
    await sweepNow(system);
    expect(await leftOnRecord()).toMatchObject({ pending: 2, due: 2 });
    await expectNothingLeft();
  },
);

it("while a lease is ended: what was begun is brought to its end", async () => {
  const answers = (await borrowBoth()).map(lent);
  const [login, kubeconfig] = answers;
  if (login === undefined || kubeconfig === undefined) throw new Error("nothing was lent");
  for (const { leaseId } of answers) answered.add(leaseId);
  await control.fault(
    { ...ARM, method: "DELETE", path: "/tokens/", ...STUCK },
    { ...CLUSTER, method: "DELETE", path: "/secrets/", ...STUCK },
  );
  const calls = answers.map(({ leaseId }) => outcomeOf(api.call("DELETE", `leases/${leaseId}`)));
  await stuckRequests(2);
  await system.killHost();
  expect(await Promise.all(calls)).toEqual(["no answer", "no answer"]);
  await control.clear();
  await system.restartHost();
  expect(await leftInAzure()).toEqual(["tokens", "scopeMaps", "secrets"]);
  for (const { leaseId } of answers) {
    expect((await api.call("POST", `leases/${leaseId}/renew`, { body: {} })).body.code).toBe("LEASE_CLOSED");
  }
  await expectNothingLeft();
  for (const { leaseId } of answers) {
    expect((await api.call("GET", `leases/${leaseId}`)).body).toMatchObject({ state: "revoked" });
  }
  expect(await tokenByLogin(system, login.credential, "repository:vision/train:pull")).toBeNull();
  const isDead = () => listIn(system, kubeconfig.credential.kubeconfig, "vision");
  await expect.poll(isDead, { timeout: 40_000, interval: 500 }).toBe(401);
});

it("afterwards both are lent and ended as ever", async () => {
  for (const answer of await borrowBoth()) await end(lent(answer).leaseId);
  expect(await leftInAzure()).toEqual([]);
  expect(await leftOnRecord()).toEqual({ pending: 0, due: 0, claims: 0 });
});
