/** A connector is deleted while a login is lent through it, in any order of their steps: no lease is left that nobody could end. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { registerConnector } from "../../../../shared/connectors/register.ts";
import { removeConnector } from "../../../../shared/connectors/remove.ts";
import { refuseUnusableNow } from "../../../../shared/connectors/use.ts";
import { issueUpstream } from "../../../../shared/credentials/issue-upstream.ts";
import { leaseTimes } from "../../../../shared/credentials/lease.ts";
import { LatchkeyError, NotFoundError } from "../../../../shared/errors.ts";
import { ADMIN, connectorRequest, NOW, now, registerParts, USER } from "../../../support/fakes.ts";
import { issueParts } from "../../../support/fakes-issue.ts";
import { lease } from "../../../support/fakes-leases.ts";

const CONTEXT = { rule: "role:Latchkey.Admin", correlationId: "c-1" };
const NAME = "azure-service-principal";
const STEPS = ["file", "insert", "connector", "make", "activate", "leases", "disable", "secret", "delete"] as const;
type Step = (typeof STEPS)[number];

/** @param before told before each call to the world outside, and waited for */
async function world(before: (step: Step) => Promise<unknown>) {
  const made = registerParts();
  const { connector, etag } = await registerConnector(made.deps, connectorRequest(), ADMIN, {
    ...CONTEXT,
    verify: true,
  });
  const { deps, leases } = issueParts();
  const upstream = new Set<string>();
  const pending = lease({ state: "pending", form: "docker-login", revocation: "delayed", connectorId: connector.id });
  const first =
    <A extends unknown[], R>(step: Step, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await before(step);
      return call(...args);
    };
  const form = {
    revocation: "delayed" as const,
    plan: () => Promise.reject(new Error("planned already")),
    make: () => Promise.reject(new Error("made by itself")),
    renew: () => Promise.reject(new Error("not renewed")),
    /** Needs the connector, as those of clusters do. */
    async remove() {
      if ((await made.store.find(connector.id)) === null) throw new NotFoundError("NOT_FOUND", "no connector");
      upstream.delete(pending.id);
      return { exposedUntil: now() };
    },
  };
  const parts = {
    ...deps,
    leaseDue: { ...deps.leaseDue, file: first("file", deps.leaseDue.file) },
    leases: {
      ...leases,
      insert: first("insert", leases.insert),
      replace: first("activate", leases.replace),
    },
    upstreamForms: new Map([["docker-login", form]]),
    refuseUnusable: first("connector", (id: string) => refuseUnusableNow(made.deps, id)),
  };
  const make = first("make", async () => {
    upstream.add(pending.id);
    const { connectorId: id, resourceId } = pending;
    return {
      connector: { id, name: NAME, expiresAt: null },
      ...{ resourceId, displayName: "", scope: {}, times: leaseTimes(NOW, 3_600), exposedUntil: null },
      credential: { kind: "access-token" as const, token: "t", audience: "a", tenantId: "t" },
      ...{ marked: null, upstream: {}, warnings: [], env: {} },
    };
  });
  const leaving = async (id: string) => {
    const isLeft = [...leases.rows.values()].some(
      (row) => row.lease.connectorId === id && ["pending", "active", "revoking"].includes(row.lease.state),
    );
    return isLeft ? ("leaving" as const) : ("none" as const);
  };
  const removal = {
    ...made.deps,
    store: {
      ...made.deps.store,
      replace: first("disable", made.deps.store.replace),
      removeIf: first("delete", made.deps.store.removeIf),
    },
    secrets: { ...made.deps.secrets, remove: first("secret", made.deps.secrets.remove) },
    leasesThrough: first("leases", leaving),
    removeInventory: async () => {},
  };
  /** `done`, or the code of what it met. */
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      () => "done",
      (error: unknown) => {
        if (!(error instanceof LatchkeyError)) throw error;
        return error.code;
      },
    );
  return {
    issue: () => outcomeOf(issueUpstream(parts, pending, make, USER, "c-1")),
    remove: (seen = etag) => outcomeOf(removeConnector(removal, NAME, seen, ADMIN, { ...CONTEXT, force: true })),
    left: () => ({ upstream: upstream.size, leases: leases.rows.size }),
    connector: () => [...made.store.rows.values()].map(({ state }) => state)[0] ?? "gone",
  };
}

/** Whoever comes to `step` for the first time meets what is done then. */
function once(step: Step, work: () => Promise<unknown>) {
  let isDone = false;
  return async (at: Step) => {
    if (at !== step || isDone) return;
    isDone = true;
    await work();
  };
}

test("deleted after the connector was read and before the lease is on record: nothing is made", async () => {
  const outcomes: string[] = [];
  const made = await world(once("insert", async () => void outcomes.push(await made.remove())));
  expect([await made.issue(), outcomes]).toEqual(["NOT_FOUND", ["done"]]);
  expect([made.connector(), made.left()]).toEqual(["gone", { upstream: 0, leases: 0 }]);
});

test("the lease is on record first: not deleted, and left as it was", async () => {
  const outcomes: string[] = [];
  const made = await world(
    once("connector", async () => {
      outcomes.push(await made.remove());
    }),
  );
  expect([await made.issue(), outcomes]).toEqual(["done", ["CONNECTOR_IN_USE"]]);
  expect([made.connector(), made.left()]).toEqual(["healthy", { upstream: 1, leases: 1 }]);
});

test("lent between the deletion's look at the leases and its change: not deleted, disabled, and the lease can be ended", async () => {
  const outcomes: string[] = [];
  const made = await world(once("disable", async () => void outcomes.push(await made.issue())));
  expect([await made.remove(), outcomes]).toEqual(["CONNECTOR_IN_USE", ["done"]]);
  expect([made.connector(), made.left()]).toEqual(["disabled", { upstream: 1, leases: 1 }]);
});

test("in any order of their steps: what is gone has nothing left, and what is refused left nothing", async () => {
  const seen = new Set<string>();
  const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    const made = await world((step) => scheduler.schedule(Promise.resolve(), step));
    const outcomes = Promise.all([made.issue(), made.remove()]);
    await scheduler.waitFor(outcomes);
    const [issued, removed] = await outcomes;
    seen.add(`${issued} ${removed}`);
    expect(removed === "done" ? issued : "done or refused").not.toBe("done");
    expect(made.connector() === "gone").toBe(removed === "done");
    expect(made.left()).toEqual(issued === "done" ? { upstream: 1, leases: 1 } : { upstream: 0, leases: 0 });
  });
  await fc.assert(property, { numRuns: 300 });
  expect([...seen].sort()).toEqual([
    "CONNECTOR_DISABLED CONNECTOR_IN_USE",
    "CONNECTOR_DISABLED done",
    "NOT_FOUND done",
    "done CONNECTOR_IN_USE",
  ]);
});
