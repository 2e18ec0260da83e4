import { expect, test } from "vitest";
import type { PolicyStore } from "../../../../shared/access/ports.ts";
import { createPolicySource } from "../../../../shared/access/source.ts";
import { NOW, unavailable } from "../../../support/fakes.ts";
import { grant, membership, policyStore } from "../../../support/fakes-access.ts";

/** A source over a table that `down` makes fail; `pass` moves the clock on. */
function parts() {
  const journal: string[] = [];
  const table = policyStore(journal);
  table.set("membership", "users", membership());
  table.set("grant", "lend", grant());
  let at = NOW.getTime();
  let failure: Error | null = null;
  let takes = 0;
  const store: PolicyStore = {
    ...table,
    async readAll(kind) {
      const found = await table.readAll(kind);
      if (kind === "grant") at += takes;
      if (failure !== null) throw failure;
      return found;
    },
  };
  const source = createPolicySource({ store, now: () => new Date(at) });
  const names = async () => [...(await source()).grants.keys()];
  return {
    ...{ table, source, names },
    reads: () => journal.filter((line) => line === "policy.readAll grant").length,
    pass: (milliseconds: number) => {
      at += milliseconds;
    },
    /** How long every read takes from now on. */
    during: (milliseconds: number) => {
      takes = milliseconds;
    },
    down: (error: Error | null) => {
      failure = error;
    },
  };
}

test("gives memberships and grants by name", async () => {
  const { source } = parts();
  const { memberships, grants } = await source();
  expect([...memberships]).toEqual([["users", membership()]]);
  expect([...grants]).toEqual([["lend", grant()]]);
});

test("10 seconds long nothing is read again; then a change holds", async () => {
  const { names, reads, pass, table } = parts();
  await names();
  table.set("grant", "new", grant());
  pass(9_999);
  expect([await names(), reads()]).toEqual([["lend"], 1]);
  pass(1);
  expect([await names(), reads()]).toEqual([["lend", "new"], 2]);
});

test("the age counts from before the read, however long that takes", async () => {
  const { names, reads, during } = parts();
  during(10_000);
  await names();
  during(0);
  await names();
  expect(reads()).toBe(2);
});

test("a failed read that takes until the minute is over bridges nothing", async () => {
  const { names, pass, down, during } = parts();
  await names();
  down(unavailable("STATE_UNAVAILABLE"));
  pass(50_000);
  during(10_000);
  await expect(names()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
});

test("many at once share one read, also after it failed", async () => {
  const { source, reads, down, names } = parts();
  down(unavailable("STATE_UNAVAILABLE"));
  const refused = await Promise.allSettled(Array.from({ length: 20 }, () => source()));
  expect(refused.every(({ status }) => status === "rejected")).toBe(true);
  expect(reads()).toBe(1);
  down(null);
  await Promise.all(Array.from({ length: 20 }, () => names()));
  expect(reads()).toBe(2);
});

test("an outage is bridged for less than a minute since the last good read began, then nothing is decided", async () => {
  const { names, pass, down } = parts();
  await names();
  down(unavailable("STATE_UNAVAILABLE"));
  pass(59_999);
  expect(await names()).toEqual(["lend"]);
  pass(1);
  await expect(names()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  down(null);
  expect(await names()).toEqual(["lend"]);
});

test("a process that never read anything decides nothing during an outage", async () => {
  const { names, down } = parts();
  down(unavailable("STATE_UNAVAILABLE"));
  await expect(names()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
});

test.each<[string, "membership" | "grant", unknown]>([
  ["a deny with a member that is unknown", "grant", { ...grant({ effect: "deny" }), until: "tomorrow" }],
  ["a deny without its resource", "grant", { ...grant({ effect: "deny" }), resourceId: undefined }],
  ["an allow of everything", "grant", { ...grant(), resourceId: "*" }],
  ["a membership of nobody", "membership", { ...membership(), principals: [] }],
  ["text", "grant", "grant"],
])(
  "a damaged record stops all decisions at the next read, though an old policy is known: %s",
  async (_what, kind, spec) => {
    const { names, table, pass } = parts();
    await names();
    table.set(kind, "damaged", spec);
    pass(10_000);
    await expect(names()).rejects.toThrow();
    table.rows.delete(`${kind}/damaged`);
    expect(await names()).toEqual(["lend"]);
  },
);

test("a record that is no JSON stops all decisions, though an old policy is known", async () => {
  const { names, down, pass } = parts();
  await names();
  down(new SyntaxError("not JSON"));
  pass(10_000);
  await expect(names()).rejects.toBeInstanceOf(SyntaxError);
});

test("a clock that was set back makes what is known old: a grant taken back must not live on", async () => {
  const { pass, reads, names } = parts();
  await names();
  pass(-3_600_000);
  await names();
  expect(reads()).toBe(2);
});
