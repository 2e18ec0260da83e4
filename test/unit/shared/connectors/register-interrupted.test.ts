import { describe, expect, test } from "vitest";
import { registerConnector } from "../../../../shared/connectors/register.ts";
import { ADMIN, connectorRequest, registerParts, SECRET, unavailable } from "../../../support/fakes.ts";

describe("wherever it fails and wherever the process dies", () => {
  /** How one call to a port goes. `dead` = the process ended before it, `died` = right after it took effect. */
  type Fate = "works" | "request lost" | "reply lost" | "dead" | "died";
  /** Calls to ports in the longest way through a registration: all that is kept, and all that is taken back. */
  const CALLS = 9;

  /** Runs a registration whose `n`th call to a port has the fate of `n`; returns when nothing moves any more. */
  async function run(fateOf: (call: number) => Fate, verify: boolean) {
    const parts = registerParts();
    let calls = 0;
    const never = <T>() => new Promise<T>(() => {});
    const around =
      <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        const fate = fateOf(calls++);
        if (fate === "dead") return never();
        if (fate === "request lost") throw unavailable("STATE_UNAVAILABLE");
        const result = await work(...args);
        if (fate === "reply lost") throw unavailable("STATE_UNAVAILABLE");
        return fate === "died" ? never() : result;
      };
    const { deps, store, secrets, verifications } = parts;
    const answer = registerConnector(
      {
        ...deps,
        store: {
          ...store,
          find: around(store.find),
          insert: around(store.insert),
          remove: around(store.remove),
        },
        secrets: { ...secrets, put: around(secrets.put), remove: around(secrets.remove) },
        verifications: {
          ...verifications,
          put: around(verifications.put),
          remove: around(verifications.remove),
        },
        appendAudit: around(deps.appendAudit),
      },
      connectorRequest(),
      ADMIN,
      { verify, rule: "role:Latchkey.Admin", correlationId: "c-1" },
    ).then(
      () => "answered",
      () => "failed",
    );
    // Everything in memory is done within a few turns; what has not answered then never will.
    const silence = (async () => {
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      return "silent";
    })();
    return { ...parts, calls: () => calls, outcome: await Promise.race([answer, silence]) };
  }

  function expectOnRecord({ store, secrets, verifications, audited }: Awaited<ReturnType<typeof run>>, what: string) {
    for (const { id, secret, checkedAt } of store.rows.values()) {
      const outcomes = audited.filter(({ resourceId }) => resourceId === id).map(({ outcome }) => outcome);
      expect(outcomes, `${what}: audit of a usable connector`).toEqual(["ok"]);
      expect(secrets.values.get(secret?.name ?? ""), `${what}: its secret`).toBe(SECRET);
      expect(verifications.ids.has(id), `${what}: its verification`).toBe(checkedAt !== null);
    }
    for (const withdrawn of audited.filter(({ outcome }) => outcome === "withdrawn")) {
      expect(store.rows.size, `${what}: withdrawn ${withdrawn.resourceId}`).toBe(0);
    }
  }

  const ways = [true, false].flatMap((verify) =>
    (["works", "request lost", "reply lost"] as const).flatMap((failure) =>
      (["dead", "died"] as const).map((end) => ({ verify, failure, end })),
    ),
  );
  test.each(ways)("verify $verify, first $failure, then $end: a usable connector is on record", async (way) => {
    const outcomes = new Set<string>();
    for (let failed = 0; failed < CALLS; failed++) {
      for (let ended = failed + 1; ended <= CALLS; ended++) {
        const fateOf = (call: number): Fate => {
          if (call === failed) return way.failure;
          if (call < ended) return "works";
          return call === ended ? way.end : "dead";
        };
        const after = await run(fateOf, way.verify);
        expectOnRecord(after, `call ${failed} ${way.failure}, call ${ended} ${way.end}`);
        outcomes.add(after.outcome);
        expect(after.calls()).toBeLessThanOrEqual(CALLS);
      }
    }
    // The way was really interrupted in some runs, and came to its end in others.
    expect([...outcomes]).toEqual(expect.arrayContaining([way.failure === "works" ? "answered" : "failed", "silent"]));
  });

  test("two failures, whichever: a usable connector is on record", async () => {
    for (const [one, other] of [
      ["request lost", "request lost"],
      ["request lost", "reply lost"],
      ["reply lost", "request lost"],
      ["reply lost", "reply lost"],
    ] as const) {
      for (let first = 0; first < CALLS; first++) {
        for (let second = first + 1; second < CALLS; second++) {
          const fates = new Map<number, Fate>([
            [first, one],
            [second, other],
          ]);
          const after = await run((call) => fates.get(call) ?? "works", true);
          expectOnRecord(after, `call ${first} ${one}, call ${second} ${other}`);
        }
      }
    }
  });
});
