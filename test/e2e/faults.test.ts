/** Azure fails at each step: the truth is told, nothing is issued without a record, and all is well when it ends. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { UPSTREAM_TIMEOUT_MS } from "../../shared/azure/upstream.ts";
import { createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { type Control, createControl } from "../support/control.ts";
import { connectorFaults, leaseIds, recordFaults } from "../support/issued-records.ts";
import { ARTIFACTS, DATASETS } from "../support/policy.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type State, type StateAccount } from "../support/state-account.ts";

const VAULT = { service: "key-vault" };
const TABLES = { host: "latchkeystate.table.core.windows.net" };
const BLOBS = { host: "latchkeystate.blob.core.windows.net" };
/** A registration has two transactions, its audit record and then its rows; issuing has its audit record and its lease, side by side. */
const TRANSACTION = { ...TABLES, method: "POST", path: "^/\\$batch" };
const INSERT_AUDIT = { ...TRANSACTION, body: "/Audit\\b" };
/** Lets the audit record of a registration pass, so that the rule behind it meets the rows. */
const RECORD_PASSES = { ...TRANSACTION, latencyMs: 0, times: 1 };
const INSERT_LEASE = { ...TRANSACTION, body: "/Leases\\b" };
const DELEGATION_KEY = { host: "demozenmlartifacts.blob.core.windows.net", path: "comp=userdelegationkey" };
const RESOURCE = ARTIFACTS;

const system = sharedSystem();
const api = createApi(system);
const control: Control = createControl(system);
let state: StateAccount;
/** What other files issued before; then every lease that is answered here. */
const answered = new Set<string>();
let names = 0;
const newName = () => `faults-${++names}`;

beforeAll(async () => {
  state = openStateAccount(system);
  for (const id of leaseIds(await state.rows("Leases"))) answered.add(id);
  const connector = newName();
  expect((await api.register(connector)).status).toBe(201);
  await issue(connector);
});
afterEach(async () => {
  await control.clear();
});

async function issue(connector: string, resourceId = RESOURCE) {
  const answer = await api.issue(connector, { resourceId });
  if (answer.status === 201) answered.add(answer.body.leaseId);
  return answer;
}

/** Connectors with their secrets; a secret without a connector is a leftover. */
function connectorsOf({ tables, secretNames }: State) {
  const rows = tables.Connectors ?? [];
  const secrets = rows.map(({ secretName }) => secretName).filter((name) => name !== undefined);
  return {
    rows: rows.map(({ rowKey }) => rowKey).sort(),
    leftovers: secretNames.filter((name) => name.startsWith("connector-") && !secrets.includes(name)),
    missing: secrets.filter((name) => !secretNames.includes(String(name))),
  };
}

/** What was not given out is taken back after the answer: nobody waits for it, so the check does. */
const SETTLED = { timeout: 20_000, interval: 50 };

async function expectTrueRecords() {
  const faults = async () => {
    const all = await state.read();
    const { tables } = all;
    return [...recordFaults(tables, answered), ...connectorFaults(all), ...auditChainFaults(tables.Audit ?? [])];
  };
  await expect.poll(faults, SETTLED).toEqual([]);
}

type Outcome = readonly [status: number, code: string | undefined];
/** What is tried at once while the rules hold, with its outcome. */
type Phase = { readonly rules: readonly FaultRule[]; readonly register?: Outcome; readonly issue?: Outcome };
const VAULT_DOWN: Outcome = [503, "VAULT_UNAVAILABLE"];
const STATE_DOWN: Outcome = [503, "STATE_UNAVAILABLE"];
const AUDIT_DOWN: Outcome = [503, "AUDIT_UNAVAILABLE"];
const TIMED_OUT: Outcome = [504, "UPSTREAM_TIMEOUT"];
const REFUSED: Outcome = [502, "UPSTREAM_REFUSED"];

const both = (outcome: Outcome, ...rules: FaultRule[]): Phase[] => [{ rules, register: outcome, issue: outcome }];
const CASES: (readonly [what: string, phases: readonly Phase[]])[] = [
  ["the vault is down", both(VAULT_DOWN, { ...VAULT, status: 503 })],
  ["the vault closes every connection", both(VAULT_DOWN, { ...VAULT, drop: true })],
  ["the tables are down", both(STATE_DOWN, { ...TABLES, status: 503 })],
  ["the tables close every connection", both(STATE_DOWN, { ...TABLES, drop: true })],
  [
    "connector and lease cannot be written",
    [
      // Three tries: then the record can be withdrawn.
      { rules: [RECORD_PASSES, { ...TRANSACTION, status: 500, times: 3 }], register: STATE_DOWN },
      { rules: [{ ...INSERT_LEASE, status: 503 }], issue: STATE_DOWN },
    ],
  ],
  ["the audit record cannot be written", both(AUDIT_DOWN, { ...INSERT_AUDIT, status: 503 })],
  [
    "the audit table closes every connection",
    both(AUDIT_DOWN, { ...INSERT_AUDIT, drop: true }, { ...TABLES, path: "^/Audit", drop: true }),
  ],
  ["the state's blobs are down", [{ rules: [{ ...BLOBS, status: 503 }], register: STATE_DOWN }]],
  ["the account gives no key", both(REFUSED, { ...DELEGATION_KEY, status: 503 })],
  ["Entra is down", both(TIMED_OUT, { service: "entra", status: 503 })],
  ["Entra throttles", both(TIMED_OUT, { service: "entra", status: 429 })],
  ["Entra closes every connection", both(TIMED_OUT, { service: "entra", drop: true })],
  ["ARM is down", both(REFUSED, { service: "arm", status: 503 })],
  ["ARM closes every connection", both(TIMED_OUT, { service: "arm", drop: true })],
];

describe("nothing is kept and nothing is given out while", () => {
  it.each(CASES)("%s", async (_what, phases) => {
    const [connector, name] = [newName(), newName()];
    expect((await api.register(connector)).status).toBe(201);
    const before = await state.read();
    expect(connectorsOf(before)).toMatchObject({ leftovers: [], missing: [] });

    // With a resource to look up, so that ARM cannot be left out.
    const tries = { register: () => api.register(name, { resourceId: RESOURCE }), issue: () => issue(connector) };
    for (const { rules, ...outcomes } of phases) {
      await control.fault(...rules);
      const tryOne = async (what: "register" | "issue", outcome: Outcome | undefined) => {
        if (outcome === undefined) return;
        const { status, body, text } = await tries[what]();
        expect([status, body.code], text).toEqual(outcome);
      };
      await Promise.all([tryOne("register", outcomes.register), tryOne("issue", outcomes.issue)]);
      expect(await control.clear()).toBeGreaterThanOrEqual(Object.keys(outcomes).length);
    }

    expect(connectorsOf(await state.read())).toEqual(connectorsOf(before));
    const leases = async () => leaseIds(await state.rows("Leases"));
    await expect.poll(leases, SETTLED).toEqual(leaseIds(before.tables.Leases));

    // As soon as it ends, all is well again, for the same name and the same connector.
    const [later, laterIssued] = await Promise.all([tries.register(), tries.issue()]);
    expect([later.status, laterIssued.status], later.text + laterIssued.text).toEqual([201, 201]);
    await expectTrueRecords();
  });
});

describe("an outage while a connector is verified is no verdict on it", () => {
  const CONTAINERS = { service: "arm", path: "/blobServices/default/containers" };
  it.each<readonly [what: string, outcome: Outcome, rule: FaultRule]>([
    ["Entra is down", TIMED_OUT, { service: "entra", path: "/token", status: 503 }],
    ["ARM is down", REFUSED, { service: "arm", status: 503 }],
    ["ARM throttles", REFUSED, { service: "arm", status: 429, retryAfterSeconds: 60 }],
    ["ARM closes every connection", TIMED_OUT, { service: "arm", drop: true }],
    ["no account's containers can be listed", REFUSED, { ...CONTAINERS, status: 500 }],
    ["no account's containers are answered", TIMED_OUT, { ...CONTAINERS, drop: true }],
  ])("%s: nothing is stored", async (_what, outcome, rule) => {
    const name = newName();
    const before = await state.read();
    await control.fault(rule);
    const answer = await api.register(name);
    expect(await control.clear()).toBeGreaterThan(0);
    expect([answer.status, answer.body.code], answer.text).toEqual(outcome);
    expect(await state.read()).toEqual(before);
    const { status, body, text } = await api.register(name);
    expect([status, body.state], text).toEqual([201, "degraded"]);
  });
});

describe("throttling", () => {
  /** One connector that needs the vault, and one that has all but an answer of ARM. */
  async function twoConnectors(): Promise<[string, string]> {
    const [first, second] = [newName(), newName()];
    await Promise.all([api.register(first), api.register(second)]);
    // Of another container: what is known of one is kept for minutes.
    expect((await issue(second, DATASETS)).status).toBe(201);
    return [first, second];
  }

  it("for once: vault, ARM and account are asked again", async () => {
    const [first, second] = await twoConnectors();
    const once = { status: 429, retryAfterSeconds: 1, times: 1 };
    await control.fault(
      { ...VAULT, ...once, status: 429 },
      { service: "arm", ...once, status: 429 },
      { ...DELEGATION_KEY, ...once, status: 503 },
    );
    const answers = await Promise.all([issue(first), issue(second)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(await control.clear()).toBe(3);
    await expectTrueRecords();
  });

  it("without end: the caller is told when to come back", async () => {
    const [first, second] = await twoConnectors();
    const always = { status: 429, retryAfterSeconds: 1 } as const;
    await control.fault({ ...VAULT, ...always }, { service: "arm", ...always });
    const [vault, arm] = await Promise.all([issue(first), issue(second)]);
    expect([vault.status, vault.headers.get("retry-after")], vault.text).toEqual([503, "1"]);
    expect([arm.status, arm.headers.get("retry-after")], arm.text).toEqual([502, "1"]);
    // Each was asked three times and no more.
    expect(await control.clear()).toBe(6);
  });

  it("for a minute: the caller is told so at the first answer, and nobody sleeps", async () => {
    const [first, second] = await twoConnectors();
    const minute = { status: 429, retryAfterSeconds: 60 } as const;
    await control.fault({ ...VAULT, ...minute }, { service: "arm", ...minute });
    const startedAt = performance.now();
    const [vault, arm] = await Promise.all([issue(first), issue(second)]);
    expect([vault.status, vault.headers.get("retry-after")], vault.text).toEqual([503, "60"]);
    expect([arm.status, arm.headers.get("retry-after")], arm.text).toEqual([502, "60"]);
    expect(await control.clear()).toBe(2);

    await control.fault({ ...TABLES, method: "POST", status: 503, retryAfterSeconds: 60 });
    const tables = await issue(second);
    expect([tables.status, tables.headers.get("retry-after")], tables.text).toEqual([503, "60"]);
    // Audit record and lease, once each.
    expect(await control.clear()).toBe(2);
    expect(performance.now() - startedAt).toBeLessThan(UPSTREAM_TIMEOUT_MS);
    await expectTrueRecords();
  });
});

describe("a lost reply, once, is found out and repairs itself", () => {
  const lost = { dropReply: true, times: 1 };
  it.each<readonly [what: string, rules: readonly FaultRule[]]>([
    ["the new secret", [{ ...VAULT, method: "PUT", ...lost }]],
    ["the verification", [{ ...BLOBS, method: "PUT", ...lost }]],
    ["the audit record", [{ ...INSERT_AUDIT, ...lost }]],
    ["the record", [RECORD_PASSES, { ...TRANSACTION, ...lost }]],
  ])("register: %s", async (_what, rules) => {
    const name = newName();
    await control.fault(...rules);
    const answer = await api.register(name);
    expect(await control.clear()).toBe(rules.length);
    expect(answer.status, answer.text).toBe(201);
    const { tables, ...rest } = await state.read();
    expect(connectorsOf({ tables, ...rest })).toMatchObject({ leftovers: [], missing: [] });
    expect(tables.Audit?.filter(({ resourceId }) => resourceId === answer.body.id)).toHaveLength(1);
    expect((await issue(name)).status).toBe(201);
    await expectTrueRecords();
  });

  it.each([
    ["the secret", { ...VAULT, ...lost }],
    ["the token", { service: "entra", ...lost }],
    ["the resource", { service: "arm", ...lost }],
    ["the key", { ...DELEGATION_KEY, ...lost }],
    ["the lease", { ...INSERT_LEASE, ...lost }],
    ["the audit record", { ...INSERT_AUDIT, ...lost }],
  ] satisfies [string, FaultRule][])("issue: %s", async (_what, rule) => {
    const name = newName();
    expect((await api.register(name)).status).toBe(201);
    await control.fault(rule);
    const answer = await issue(name);
    expect(await control.clear()).toBe(1);
    expect(answer.status, answer.text).toBe(201);
    const records = (await state.rows("Audit")).filter(({ leaseId }) => leaseId === answer.body.leaseId);
    expect(records.map(({ outcome }) => outcome)).toEqual(["ok"]);
    await expectTrueRecords();
  });
});

it("replies to every write of a record are lost: what was written is found by reading", async () => {
  const name = newName();
  expect((await api.register(name)).status).toBe(201);
  await control.fault({ ...INSERT_AUDIT, dropReply: true });
  expect((await issue(name)).status).toBe(201);
  await control.clear();
  await expectTrueRecords();
});

it("many at once while the tables come and go: each answered lease is on record, and no other", async () => {
  const name = newName();
  expect((await api.register(name)).status).toBe(201);
  expect((await issue(name)).status).toBe(201);
  await control.fault(
    // The first record alone, with its tries; all others wait for it and go together. Leases likewise, twice.
    { ...INSERT_AUDIT, status: 500, times: 3 },
    { ...INSERT_LEASE, status: 503, times: 6 },
    { ...INSERT_LEASE, dropReply: true, times: 1 },
    { ...INSERT_AUDIT, dropReply: true, times: 3 },
  );
  const wave = () => Promise.all(Array.from({ length: 16 }, () => issue(name)));
  const answers = [...(await wave()), ...(await wave())];
  expect(await control.clear()).toBeGreaterThan(10);
  const codes = answers.map(({ status, body }) => (status === 201 ? "issued" : body.code));
  expect(codes).toContain("issued");
  expect(codes).toContain("STATE_UNAVAILABLE");
  expect(codes.filter((code) => !["issued", "AUDIT_UNAVAILABLE", "STATE_UNAVAILABLE"].includes(code))).toEqual([]);
  await expectTrueRecords();
});
