/** A registration that ends at any step, by `kill -9` or for want of the state: no connector works without a record. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../infra/local/faults.ts";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { type Control, createControl } from "../support/control.ts";
import { connectorFaults } from "../support/issued-records.ts";
import { grantToAutomation, numbered } from "../support/policy.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { startOwnSystem } from "../support/system.ts";

const TABLES = { host: "latchkeystate.table.core.windows.net" };
const SECRET = { service: "key-vault", method: "PUT" };
const VERIFICATION = { host: "latchkeystate.blob.core.windows.net", method: "PUT", path: "/verification/" };
/** A registration has two transactions: its audit record, then its rows. */
const TRANSACTION = { ...TABLES, method: "POST", path: "^/\\$batch" };
/** Lets the audit record pass, so that the rules behind it meet the rows. */
const RECORD_PASSES = { ...TRANSACTION, latencyMs: 0, times: 1 };
/** Longer than any test here runs: who comes here is stuck until the host is killed. */
const STUCK_MS = 600_000;
const STUCK = { latencyMs: STUCK_MS };
const LOST_ONCE = { dropReply: true, times: 1 };

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let control: Control;
let state: StateAccount;
let names = 0;

beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
  control = createControl(system);
  state = openStateAccount(system);
  await grantToAutomation(system, api, { ...numbered("crash", 20), ...numbered("state", 20) });
  expect((await api.register("crash-first")).status).toBe(201);
});
afterEach(() => control.clear());
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

/** What the records say of registrations, whatever happened. */
async function expectTrueRecords() {
  const all = await state.read();
  expect(connectorFaults(all)).toEqual([]);
  expect(auditChainFaults(all.tables.Audit ?? [])).toEqual([]);
}

/** The connector works as it is, or its name is free and works then. */
async function expectGoesOn(name: string, isThere: boolean) {
  expect((await api.call("GET", `connectors/${name}`)).status).toBe(isThere ? 200 : 404);
  const again = await api.register(name);
  expect([again.status, again.body.code], again.text).toEqual(isThere ? [409, "NAME_TAKEN"] : [201, undefined]);
  const issued = await api.issue(name);
  expect(issued.status, issued.text).toBe(201);
  await expectTrueRecords();
}

describe("kill -9", () => {
  it.each<[where: string, isThere: boolean, rules: FaultRule[]]>([
    ["before the secret is kept", false, [{ ...SECRET, ...STUCK }]],
    ["before the verification is kept", false, [{ ...VERIFICATION, ...STUCK }]],
    ["before the audit record is written", false, [{ ...TRANSACTION, ...STUCK }]],
    [
      "when the audit record is written and nobody knows",
      false,
      [
        { ...TRANSACTION, ...LOST_ONCE },
        { ...TRANSACTION, ...STUCK },
      ],
    ],
    ["between the audit record and the rows", false, [RECORD_PASSES, { ...TRANSACTION, ...STUCK }]],
    [
      "when the rows are written and nobody knows",
      true,
      [RECORD_PASSES, { ...TRANSACTION, ...LOST_ONCE }, { ...TRANSACTION, ...STUCK }],
    ],
  ])("%s", async (_where, isThere, rules) => {
    const name = `crash-${++names}`;
    await control.fault(...rules);
    const registered = api.register(name).catch(() => "no answer");
    await untilStuck();
    await system.killHost();
    expect(await registered).toBe("no answer");
    await control.clear();
    await system.restartHost();
    await expectTrueRecords();
    await expectGoesOn(name, isThere);
  });
});

describe("the state fails", () => {
  type Outcome = readonly [status: number, isThere: boolean];
  const REFUSED: Outcome = [503, false];
  const STEPS: readonly [where: string, before: readonly FaultRule[], at: FaultRule, replyLost: Outcome][] = [
    ["at the secret", [], SECRET, REFUSED],
    ["at the verification", [], VERIFICATION, REFUSED],
    // Three tries: when all their replies are lost, the record is looked for, and found.
    ["at the audit record", [], { ...TRANSACTION, times: 3 }, [201, true]],
    ["at every transaction", [], TRANSACTION, REFUSED],
    // Whatever arrived is taken back.
    ["at the rows", [RECORD_PASSES], TRANSACTION, REFUSED],
    // Nothing can be taken back either: what arrived stays, on record.
    ["from the rows on", [{ ...TABLES, method: "GET", latencyMs: 0, times: 1 }, RECORD_PASSES], TABLES, [503, true]],
  ];
  const CASES = STEPS.flatMap(([where, before, at, replyLost]) => [
    { where, before, at: { ...at, status: 503 }, how: "and says so", outcome: REFUSED },
    { where, before, at: { ...at, dropReply: true }, how: "and every reply is lost", outcome: replyLost },
  ]);

  it.each(CASES)("$where, $how", async ({ before, at, outcome: [status, isThere] }) => {
    const name = `state-${++names}`;
    await control.fault(...before, at);
    const answer = await api.register(name);
    expect(await control.clear()).toBeGreaterThan(before.length);
    expect(answer.status, answer.text).toBe(status);
    await expectTrueRecords();
    await expectGoesOn(name, isThere);
  });
});

/** Waits until a request hangs. */
async function untilStuck(): Promise<void> {
  for (;;) {
    const { items }: { items: { hits: number; latencyMs?: number }[] } = JSON.parse(
      await (await fetch(`${system.controlUrl}/faults`)).text(),
    );
    if (items.some(({ hits, latencyMs }) => hits > 0 && latencyMs === STUCK_MS)) return;
    await wait(10);
  }
}
