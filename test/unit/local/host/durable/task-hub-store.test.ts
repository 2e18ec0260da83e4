/** The task hub in rows: what counts, what is only left over, and what a transaction that is not done leaves. */
import { describe, expect, it } from "vitest";
import { EVENT, stamped } from "../../../../../infra/local/host/durable/history.ts";
import type { InstanceRecord, Message } from "../../../../../infra/local/host/durable/instance.ts";
import { openTaskHubStore, UnreadableInstance } from "../../../../../infra/local/host/durable/task-hub-store.ts";
import { runTurn } from "../../../../../infra/local/host/durable/turn.ts";
import { MAX_VALUE_CHARACTERS } from "../../../../../infra/local/host/durable/value-limit.ts";
import { memoryTable } from "./memory-table.ts";

const RECORD: InstanceRecord = {
  instanceId: "i",
  name: "main",
  version: "",
  executionId: "e",
  generation: 1,
  historyCount: 0,
  status: "Running",
  suspended: false,
  input: null,
  customStatus: null,
  output: null,
  createdTime: 0,
  lastUpdatedTime: 0,
  parent: null,
};
const events = (count: number, Name = "n") =>
  Array.from({ length: count }, () => stamped({ EventType: EVENT.eventRaised, Name, Input: null }, 0));
const turn = (generation: number, count: number, name?: string) => ({
  state: { record: { ...RECORD, generation, historyCount: count }, history: events(count, name) },
  firstNew: 0,
  consumed: [] as Message[],
});
const MESSAGE: Message = { key: "k", at: 0, kind: "event", name: "n", input: null };

describe("task hub store", () => {
  it("a look at an instance changes nothing; only `clean` deletes, and only what older generations left", async () => {
    const table = memoryTable();
    const store = openTaskHubStore(table);
    await store.create(RECORD);
    for (const generation of [1, 2, 3]) await store.commit(turn(generation, 2));
    const done = table.transactions.length;
    expect((await store.load("i"))?.history).toHaveLength(2);
    expect(table.transactions).toHaveLength(done);
    // As a host that read the instance before its last generation began.
    const seen = { ...RECORD, generation: 2, historyCount: 2 };
    await store.clean(seen);
    const left = [...(table.rows.get("i")?.keys() ?? [])].filter((key) => key.startsWith("h:"));
    expect(left.map((key) => key.slice(0, 10))).toEqual(["h:00000002", "h:00000002", "h:00000003", "h:00000003"]);
    expect((await store.load("i"))?.record.generation).toBe(3);
  });

  it("a new instance under an old id takes no message of the old one", async () => {
    const store = openTaskHubStore(memoryTable());
    await store.create(RECORD);
    await store.commit(turn(1, 3));
    await store.post("i", MESSAGE);
    await store.create({ ...RECORD, generation: 2 });
    expect(await store.load("i")).toMatchObject({ record: { generation: 2 }, history: [], messages: [] });
  });

  it("a new start that breaks off anywhere leaves the old instance or the new one, whole", async () => {
    for (let failAt = 0; ; failAt++) {
      let count = -Infinity;
      const table = memoryTable(() => {
        if (count++ === failAt) throw new Error("no answer");
      });
      const store = openTaskHubStore(table);
      await store.create(RECORD);
      await store.commit(turn(1, 250));
      await store.post("i", MESSAGE);
      count = 0;
      const isDone = await store.create({ ...RECORD, generation: 2 }).then(
        () => true,
        () => false,
      );
      const { record, history } = (await store.load("i")) ?? {};
      expect([failAt, record?.generation, history?.length]).toEqual(failAt < 2 ? [failAt, 1, 250] : [failAt, 2, 0]);
      if (isDone) return;
    }
  });

  it.each([
    ["is missing", undefined],
    ["is no JSON", { v0: "{" }],
  ])("an instance of which an event %s is unreadable, and the others are not", async (_, broken) => {
    const table = memoryTable();
    const store = openTaskHubStore(table);
    await store.create({ ...RECORD, instanceId: "other" });
    await store.create(RECORD);
    await store.commit(turn(1, 2));
    const rows = table.rows.get("i");
    const [key = "", row = {}] = [...(rows ?? [])].find(([rowKey]) => rowKey.startsWith("h:")) ?? [];
    if (broken) rows?.set(key, { ...row, ...broken });
    else rows?.delete(key);
    await expect(store.load("i")).rejects.toThrow(UnreadableInstance);
    expect(await store.list()).toHaveLength(2);
    expect(await store.load("other")).toMatchObject({ record: { instanceId: "other" } });
  });

  it("a turn consumes no more messages than one transaction deletes, however long they are", async () => {
    const store = openTaskHubStore(memoryTable());
    // Quotes are the longest: each is escaped once as JSON and once more in the row.
    const longest = JSON.stringify('"'.repeat(MAX_VALUE_CHARACTERS / 2 - 1));
    const record = { ...RECORD, input: longest };
    await store.create(record);
    const messages = Array.from({ length: 100 }, (_, n): Message => ({ ...MESSAGE, key: `k${n}`, input: longest }));
    for (const message of messages) await store.post("i", message);
    const value: unknown = JSON.parse(longest);
    const done = await runTurn(
      {
        call: async () => ({ isDone: true, actions: [], output: value, error: undefined, customStatus: value }),
        now: () => 0,
        newExecutionId: () => "e",
      },
      { record, history: [] },
      messages,
    );
    if (!done) throw new Error("nothing done");
    expect(done.consumed.length).toBeGreaterThan(0);
    await store.commit(done);
    expect(await store.record("i")).toMatchObject({ status: "Completed", output: longest, customStatus: longest });
  });

  it("a long turn that breaks off between its transactions is not there, and can be done again", async () => {
    for (let failAt = 0; ; failAt++) {
      let count = Number.NEGATIVE_INFINITY;
      const table = memoryTable(() => {
        if (count++ === failAt) throw new Error("no answer");
      });
      const store = openTaskHubStore(table);
      await store.create(RECORD);
      await store.post("i", MESSAGE);
      const long = { ...turn(1, 250), consumed: [MESSAGE] };
      count = 0;
      const isDone = await store.commit(long).then(
        () => true,
        () => false,
      );
      if (isDone) {
        expect(failAt).toBe(4);
        return;
      }
      expect(await store.load("i")).toMatchObject({ history: [], messages: [MESSAGE] });
      // The turn that is done instead may be a shorter one: nothing of the first may show.
      await store.commit({ ...turn(1, 3, "again"), consumed: [MESSAGE] });
      expect((await store.load("i"))?.history).toEqual(events(3, "again"));
      expect((await store.load("i"))?.messages).toEqual([]);
    }
  });
});
