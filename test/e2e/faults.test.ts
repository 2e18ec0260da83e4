/** Azure fails at each step: the truth is told, nothing is issued without a record, and all is well when it ends. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { type Control, createControl } from "../support/control.ts";
import { recordFaults } from "../support/issued-records.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type State, type StateAccount } from "../support/state-account.ts";

const VAULT = { service: "key-vault" };
const TABLES = { host: "latchkeystate.table.core.windows.net" };
const BLOBS = { host: "latchkeystate.blob.core.windows.net" };
const INSERT_AUDIT = { ...TABLES, method: "POST", path: "^/Audit" };
const INSERT_LEASE = { ...TABLES, method: "POST", path: "^/Leases" };
const INSERT_CONNECTOR = { ...TABLES, method: "POST", path: "^/\\$batch" };
const DELEGATION_KEY = { host: "demozenmlartifacts.blob.core.windows.net", path: "comp=userdelegationkey" };
const RESOURCE =
  "/subscriptions/3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/demo-zenmlartifactstore";

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
  for (const { rowKey } of await state.rows("Leases")) answered.add(rowKey);
  const connector = newName();
  expect((await api.register(connector)).status).toBe(201);
  await issue(connector);
});
afterEach(async () => {
  await control.clear();
});

async function issue(connector: string) {
  const answer = await api.issue(connector, { resourceId: RESOURCE });
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

async function expectTrueRecords() {
  const { tables } = await state.read();
  expect(recordFaults(tables, answered)).toEqual([]);
  expect(auditChainFaults(tables.Audit ?? [])).toEqual([]);
}

type Outcome = [status: number, code: string | undefined];
type Case = [what: string, rules: FaultRule[], register: Outcome, issue: Outcome];
const VAULT_DOWN: Outcome = [503, "VAULT_UNAVAILABLE"];
const STATE_DOWN: Outcome = [503, "STATE_UNAVAILABLE"];
const AUDIT_DOWN: Outcome = [503, "AUDIT_UNAVAILABLE"];
const TIMED_OUT: Outcome = [504, "UPSTREAM_TIMEOUT"];
const REFUSED: Outcome = [502, "UPSTREAM_REFUSED"];

const CASES: Case[] = [
  ["the vault is down", [{ ...VAULT, status: 503 }], VAULT_DOWN, VAULT_DOWN],
  ["the vault closes every connection", [{ ...VAULT, drop: true }], VAULT_DOWN, VAULT_DOWN],
  ["the tables are down", [{ ...TABLES, status: 503 }], STATE_DOWN, STATE_DOWN],
  ["the tables close every connection", [{ ...TABLES, drop: true }], STATE_DOWN, STATE_DOWN],
  [
    "connector and lease cannot be written",
    [
      { ...INSERT_CONNECTOR, status: 500 },
      { ...INSERT_LEASE, status: 503 },
    ],
    STATE_DOWN,
    STATE_DOWN,
  ],
  ["the audit record cannot be written", [{ ...INSERT_AUDIT, status: 503 }], AUDIT_DOWN, AUDIT_DOWN],
  ["the audit table closes every connection", [{ ...TABLES, path: "^/Audit", drop: true }], AUDIT_DOWN, AUDIT_DOWN],
  [
    "the state's blobs are down, and the account gives no key",
    [
      { ...BLOBS, status: 503 },
      { ...DELEGATION_KEY, status: 503 },
    ],
    STATE_DOWN,
    REFUSED,
  ],
  ["Entra is down", [{ service: "entra", status: 503 }], TIMED_OUT, TIMED_OUT],
  ["Entra throttles", [{ service: "entra", status: 429 }], TIMED_OUT, TIMED_OUT],
  ["Entra closes every connection", [{ service: "entra", drop: true }], TIMED_OUT, TIMED_OUT],
  ["ARM is down", [{ service: "arm", status: 503 }], REFUSED, REFUSED],
  ["ARM closes every connection", [{ service: "arm", drop: true }], TIMED_OUT, TIMED_OUT],
];

describe("nothing is kept and nothing is given out while", () => {
  it.each(CASES)("%s", async (_what, rules, registerOutcome, issueOutcome) => {
    const [connector, name] = [newName(), newName()];
    expect((await api.register(connector)).status).toBe(201);
    const before = await state.read();
    expect(connectorsOf(before)).toMatchObject({ leftovers: [], missing: [] });

    await control.fault(...rules);
    // With a resource to look up, so that ARM cannot be left out.
    const [registered, issued] = await Promise.all([api.register(name, { resourceId: RESOURCE }), issue(connector)]);
    expect(await control.clear()).toBeGreaterThanOrEqual(2);
    expect([registered.status, registered.body.code], registered.text).toEqual(registerOutcome);
    expect([issued.status, issued.body.code], issued.text).toEqual(issueOutcome);

    const after = await state.read();
    expect(connectorsOf(after)).toEqual(connectorsOf(before));
    expect(after.tables.Leases).toEqual(before.tables.Leases);

    // As soon as it ends, all is well again, for the same name and the same connector.
    const [later, laterIssued] = await Promise.all([api.register(name, { resourceId: RESOURCE }), issue(connector)]);
    expect([later.status, laterIssued.status], later.text + laterIssued.text).toEqual([201, 201]);
    await expectTrueRecords();
  });
});

describe("throttling", () => {
  /** One connector that needs the vault, and one that has all but an answer of ARM. */
  async function twoConnectors(): Promise<[string, string]> {
    const [first, second] = [newName(), newName()];
    await Promise.all([api.register(first), api.register(second)]);
    expect((await issue(second)).status).toBe(201);
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
});

describe("a lost reply, once, is found out and repairs itself", () => {
  const lost = { dropReply: true, times: 1 };
  it.each([
    ["the new secret", { ...VAULT, method: "PUT", ...lost }],
    ["the verification", { ...BLOBS, method: "PUT", ...lost }],
    ["the record", { ...INSERT_CONNECTOR, ...lost }],
    ["the audit record", { ...INSERT_AUDIT, ...lost }],
  ] satisfies [string, FaultRule][])("register: %s", async (_what, rule) => {
    const name = newName();
    await control.fault(rule);
    const answer = await api.register(name);
    expect(await control.clear()).toBe(1);
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
    { ...INSERT_AUDIT, status: 500, times: 9 },
    { ...INSERT_LEASE, status: 503, times: 40 },
    { ...INSERT_LEASE, dropReply: true, times: 3 },
    { ...INSERT_AUDIT, dropReply: true, times: 3 },
  );
  const answers = await Promise.all(Array.from({ length: 16 }, () => issue(name)));
  expect(await control.clear()).toBeGreaterThan(20);
  const codes = answers.map(({ status, body }) => (status === 201 ? "issued" : body.code));
  expect(codes).toContain("issued");
  expect(codes).toContain("STATE_UNAVAILABLE");
  expect(codes.filter((code) => !["issued", "AUDIT_UNAVAILABLE", "STATE_UNAVAILABLE"].includes(code))).toEqual([]);
  await expectTrueRecords();
});
