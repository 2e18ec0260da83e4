/** Ends of the Functions host: kill -9 at random moments, and SIGTERM; no orchestration is lost, ends wrongly or ends twice. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DURABLE_APP, durableCalls, untilSo } from "../support/host-fixtures/durable-calls.ts";
import { jsonLines, temporaryFolders } from "../support/host-fixtures/sandbox.ts";
import { mustStartHost, type RunningHost } from "../support/host-fixtures/start-host.ts";
import { startTableService, type TableService } from "../support/host-fixtures/table-service.ts";

/** Hosts that are killed, each a random time after its start. Seeded: `CRASH_SEED` repeats a run. */
const KILLS = 16;
const LONGEST_LIFE_MS = 500;
/** Every host starts anew: on a busy machine that takes longer than other tests may. */
const CRASHES_MS = 180_000;
const SEED = Number(process.env.CRASH_SEED ?? 20_261_122);

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const newFolder = temporaryFolders();
const record = join(newFolder(), "record");
const stateDir = newFolder();
let tables: TableService;
let host: RunningHost;
const { manage, status } = durableCalls(() => host.url, stateDir);

async function startAgain(): Promise<void> {
  const env = { AzureWebJobsStorage: tables.connection, RECORD_FILE: record };
  host = await mustStartHost({ appRoot: DURABLE_APP, stateDir, env });
}
beforeAll(async () => {
  tables = await startTableService(newFolder());
  await startAgain();
});
afterAll(async () => {
  try {
    await host.end("SIGKILL");
  } finally {
    await tables.stop();
  }
});

const EXPECTED: Readonly<Record<string, readonly [name: string, input: unknown, output: unknown]>> = {
  sequence: ["sequence", { a: 1 }, { said: ["Hello Tokyo", "Hello Hello Tokyo"], input: { a: 1 } }],
  "fan-out": ["fan-out", { count: 150, ms: 60 }, { sum: 1_113_775, count: 150 }],
  counter: ["counter", { count: 1, until: 40 }, { count: 40, sum: 22_140 }],
  parent: [
    "parent",
    { children: 8, fail: true },
    { results: Array.from({ length: 8 }, (_, n) => ({ n, square: n * n, hasParent: true })), caught: true },
  ],
  retried: [
    "retried",
    { key: "never", succeedsAt: 99, attempts: 8 },
    expect.objectContaining({ after: "Hello after failure" }),
  ],
  approval: ["approval", { seconds: 3_600 }, { approval: { by: "x" }, said: "Hello approver" }],
};

it(
  `orchestrations of every kind end right and once, whenever the host is killed (seed ${SEED})`,
  async () => {
    const random = randomFrom(SEED);
    const ids: string[] = [];
    /** Starts until the host answers: a 409 says that the start before the kill was stored. */
    async function start(id: string, name: string, input: unknown): Promise<void> {
      for (;;) {
        const answer = await manage(`orchestrators/${name}/${id}`, {
          method: "POST",
          body: JSON.stringify(input),
        }).catch(() => undefined);
        if (answer?.status === 202 || answer?.status === 409) return;
        await wait(20);
      }
    }
    async function raise(id: string): Promise<void> {
      for (;;) {
        const body = JSON.stringify({ by: "x" });
        const answer = await manage(`instances/${id}/raiseEvent/Approval`, { method: "POST", body }).catch(
          () => undefined,
        );
        if (answer?.status === 202 || answer?.status === 410) return;
        await wait(20);
      }
    }
    const work: Promise<void>[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      if (kill < 4) {
        for (const [kind, [name, input]] of Object.entries(EXPECTED)) {
          const id = `${kind}-${kill}`;
          ids.push(id);
          work.push(start(id, name, input).then(() => (kind === "approval" ? raise(id) : undefined)));
        }
      }
      await wait(random() * LONGEST_LIFE_MS);
      await host.end("SIGKILL");
      await startAgain();
    }
    await Promise.all(work);
    await untilSo("the end of all", async () => {
      const all = await Promise.all(ids.map(status));
      return all.every(({ runtimeStatus }) => !["Pending", "Running"].includes(runtimeStatus));
    });
    for (const id of ids) {
      const [, , output] = EXPECTED[id.slice(0, id.lastIndexOf("-"))] ?? [];
      expect({ id, ...(await status(id)) }).toMatchObject({ id, runtimeStatus: "Completed", output });
      const { historyEvents } = (await (await manage(`instances/${id}?showHistory=true`)).json()) as {
        historyEvents: { EventType: string }[];
      };
      expect(historyEvents.filter(({ EventType }) => EventType === "ExecutionCompleted")).toHaveLength(1);
    }
    // At least once, and by no more than one run for each kill.
    const squares = jsonLines(record).filter(({ event, number }) => event === "square" && number === 149);
    expect(squares.length).toBeGreaterThanOrEqual(4);
    expect(squares.length).toBeLessThanOrEqual(4 * (KILLS + 1));
    const list = (await (await manage("instances?top=1000")).json()) as { runtimeStatus: string }[];
    expect(list.filter(({ runtimeStatus }) => ["Pending", "Running"].includes(runtimeStatus))).toEqual([]);
  },
  CRASHES_MS,
);

it("SIGTERM: a running activity ends and is stored, the next host goes on from there", async () => {
  const start = (id: string, name: string, input: unknown) =>
    manage(`orchestrators/${name}/${id}`, { method: "POST", body: JSON.stringify(input) });
  const squares = () => jsonLines(record).filter(({ event }) => event === "square").length;
  const before = squares();
  await start("stopped", "fan-out", { count: 3, ms: 1_000 });
  await start("sleeping", "sleeper", { seconds: 2 });
  await untilSo("the activities", async () => squares() >= before + 3);
  expect(await host.end("SIGTERM")).toBe(0);
  await startAgain();
  await untilSo("the end", async () => {
    const both = await Promise.all(["stopped", "sleeping"].map(status));
    return both.every(({ runtimeStatus }) => runtimeStatus === "Completed");
  });
  expect((await status("stopped")).output).toEqual({ sum: 5, count: 3 });
  expect(squares()).toBe(before + 3);
});

it("SIGTERM: a function that runs may still start an orchestration, others are refused; the next host runs it", async () => {
  const late = fetch(`${host.url}/api/start/sequence/late?delay=1500`, { method: "POST", body: "{}" });
  await untilSo("the function", async () => host.log().some((line) => line.function === "start"));
  const ended = host.end("SIGTERM");
  await untilSo("the end to begin", async () => {
    const other = await fetch(`${host.url}/api/client/getStatus`, { method: "POST", body: "[]" }).catch(
      () => undefined,
    );
    return other?.status === 503;
  });
  expect((await late).status).toBe(202);
  expect(await ended).toBe(0);
  await startAgain();
  await untilSo("the end", async () => (await status("late")).runtimeStatus === "Completed");
});
