/** `kill -9` of the host in the middle of work: what was answered is on record, and the same connector goes on. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { type Control, createControl } from "../support/control.ts";
import { recordFaults } from "../support/issued-records.ts";
import { ARTIFACTS, grantToAutomation } from "../support/policy.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { startOwnSystem, WIDE_LIMITS } from "../support/system.ts";

const CONNECTOR = "crash-main";
/** Longer than any test here runs: who comes here is stuck until the host is killed. */
const STUCK = { latencyMs: 600_000 };
const TABLES = { host: "latchkeystate.table.core.windows.net", method: "POST" };

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let control: Control;
let state: StateAccount;
const answered = new Set<string>();

beforeAll(async () => {
  system = await startOwnSystem(WIDE_LIMITS);
  leave = enterLocalAzure(system);
  api = createApi(system);
  control = createControl(system);
  state = openStateAccount(system);
  await grantToAutomation(system, api, { [CONNECTOR]: [ARTIFACTS] });
  expect((await api.register(CONNECTOR)).status).toBe(201);
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

async function issue() {
  const { status, body } = await api.issue(CONNECTOR);
  if (status === 201) answered.add(body.leaseId);
  return status;
}

/** As a caller sees a host that is gone: the connection ends without an answer. */
const outcomeOf = <T>(call: Promise<T>) => call.catch(() => "no answer" as const);

async function expectTrueRecords() {
  const { tables } = await state.read();
  expect(recordFaults(tables, answered, { inDoubt: true })).toEqual([]);
  expect(auditChainFaults(tables.Audit ?? [])).toEqual([]);
}

it.each([1, 2])("while many credentials are issued, round %i", async () => {
  expect(await issue()).toBe(201);
  const enough = answered.size + 5;
  let running = true;
  const worker = async () => {
    const outcomes: (number | "no answer")[] = [];
    while (running) outcomes.push(await outcomeOf(issue()));
    return outcomes;
  };
  const workers = Array.from({ length: 8 }, worker);
  while (answered.size < enough) await wait(5);
  await system.killHost();
  running = false;
  const outcomes = (await Promise.all(workers)).flat();
  expect(new Set(outcomes)).toEqual(new Set([201, "no answer"]));
  await system.restartHost();
  await expectTrueRecords();
  expect(await issue()).toBe(201);
  await expectTrueRecords();
});

it("before the records of a credential are written: none is there, and none was given out", async () => {
  const before = (await state.read()).tables;
  await control.fault({ ...TABLES, path: "^/\\$batch", ...STUCK });
  const stuck = outcomeOf(issue());
  await stuckRequests(2);
  await system.killHost();
  expect(await stuck).toBe("no answer");
  await control.clear();
  await system.restartHost();
  expect((await state.read()).tables).toEqual(before);
  expect(await issue()).toBe(201);
});

it("an orderly end answers what is under way", async () => {
  const calls = Array.from({ length: 6 }, () => outcomeOf(issue()));
  await wait(20);
  await system.restartHost();
  const outcomes = await Promise.all(calls);
  // One that had not arrived when the host began to end gets no answer, or 503.
  expect(outcomes.filter((outcome) => ![201, 503, "no answer"].includes(outcome))).toEqual([]);
  expect(outcomes).toContain(201);
  await expectTrueRecords();
});

/** Waits until so many requests hang. */
async function stuckRequests(count: number): Promise<void> {
  for (;;) {
    const { items }: { items: { hits: number }[] } = JSON.parse(
      await (await fetch(`${system.controlUrl}/faults`)).text(),
    );
    if (items.reduce((sum, { hits }) => sum + hits, 0) >= count) return;
    await wait(10);
  }
}
