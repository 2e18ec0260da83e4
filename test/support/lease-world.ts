/** A world of leases that leave something in Azure, and processes that fail and die in it. Used by lease-machine.test.ts. */
import type { AuditEvent } from "../../shared/audit/ports.ts";
import { type IssueDeps, issueCredential } from "../../shared/credentials/issue.ts";
import { leaseTimes } from "../../shared/credentials/lease.ts";
import type { Minted } from "../../shared/credentials/minted.ts";
import type { UpstreamForm } from "../../shared/credentials/ports.ts";
import { renewLease } from "../../shared/credentials/renew.ts";
import { revokeLease } from "../../shared/credentials/revoke.ts";
import { sweepLeases } from "../../shared/credentials/sweep.ts";
import { ConflictError, LatchkeyError, NotNowError, UpstreamError } from "../../shared/errors.ts";
import { NOW, USER } from "./fakes.ts";
import { containerId } from "./fakes-access.ts";
import { CREDENTIAL_REQUEST, issueParts } from "./fakes-issue.ts";
import { leaseDueStore, leaseStore } from "./fakes-leases.ts";

/**
 * `lost`: done, and the caller hears that it failed. `late`: the caller hears that nobody answered, and it is done only
 * when time has passed. `notNow`: a removal that has to wait; of other calls the same as refused. `dies…`: the process ends before or after the call was done.
 */
export type Fate = "done" | "refused" | "notNow" | "lost" | "late" | "diesBefore" | "diesAfter";
/** All but `done`. */
export const FATES: readonly Fate[] = ["refused", "notNow", "lost", "late", "diesBefore", "diesAfter"];
/** Life of every credential here, in seconds. */
export const HOUR = 3600;

/** Azure and the tables, which outlive every process. */
export function createWorld() {
  let at = NOW.getTime();
  let drawn = 0;
  const leases = leaseStore();
  const leaseDue = leaseDueStore();
  const events: AuditEvent[] = [];
  /** What is in Azure, by lease, with the number of its newest secret. */
  const upstream = new Map<string, number>();
  /** Lease and secret of every answer that somebody got. */
  const answered: { leaseId: string; secret: string }[] = [];
  /** What arrives when time passes. */
  const late: (() => Promise<unknown>)[] = [];
  return {
    leases,
    leaseDue,
    events,
    upstream,
    answered,
    now: () => new Date(at),
    late,
    async pass(seconds: number) {
      for (const arrive of late.splice(0)) await arrive();
      at += seconds * 1000;
    },
    randomBytes: (count: number) => Uint8Array.from({ length: count }, (_, index) => (index === 0 ? drawn++ : index)),
  };
}
/** See createWorld. */
export type World = ReturnType<typeof createWorld>;

function formOf(world: World): UpstreamForm {
  const made = (id: string, now: Date, ttlSeconds: number | null): Minted => ({
    connector: { id: "c", name: "azure", expiresAt: null },
    resourceId: containerId("data"),
    displayName: "data",
    scope: {},
    times: leaseTimes(now, ttlSeconds ?? HOUR),
    exposedUntil: leaseTimes(now, ttlSeconds ?? HOUR).expiresAt,
    credential: { kind: "access-token", token: `secret ${world.upstream.get(id)}`, audience: "a", tenantId: "t" },
    marked: null,
    upstream: {},
    warnings: [],
    env: {},
  });
  const names = new Map<string, string>();
  return {
    revocation: "delayed",
    async plan({ ttlSeconds }, leaseId, now) {
      const { connector, resourceId, displayName, times } = made(leaseId, now, ttlSeconds);
      return {
        connector,
        resourceId,
        displayName,
        upstream: { token: `t-${leaseId}` },
        scope: {},
        expiresAt: times.expiresAt ?? "",
      };
    },
    async make({ ttlSeconds }, planned, now) {
      const id = planned.upstream.token ?? "";
      names.set(id, id);
      world.upstream.set(id, 1);
      return made(id, now, ttlSeconds);
    },
    async renew({ ttlSeconds }, lease, now) {
      const id = lease.upstream.token ?? "";
      const secret = world.upstream.get(id);
      if (secret === undefined) throw new ConflictError("LEASE_CLOSED", "gone");
      world.upstream.set(id, secret + 1);
      return made(id, now, ttlSeconds);
    },
    async remove(lease) {
      world.upstream.delete(lease.upstream.token ?? "");
      return { exposedUntil: world.now() };
    },
  };
}

/**
 * One process: every call to the world outside goes through `fate`, and waits for `before` and `after`. Dead ones never
 * hear of anything again.
 */
export function createProcess(
  world: World,
  fate: (call: string) => Fate,
  after: (call: string) => Promise<unknown> = async () => {},
  before: (call: string) => Promise<unknown> = async () => {},
) {
  let die = () => {};
  let isDead = false;
  const death = new Promise<"died">((resolve) => {
    die = () => {
      isDead = true;
      resolve("died");
    };
  });
  const forever = new Promise<never>(() => {});
  const guard =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await new Promise(setImmediate);
      if (isDead) return forever;
      const what = fate(name);
      await before(name);
      if (what === "diesBefore") die();
      if (isDead) return forever;
      if (what === "notNow" && name === "remove") throw new NotNowError(name);
      if (what === "refused" || what === "notNow")
        throw new UpstreamError("STATE_UNAVAILABLE", name, { retryable: true });
      if (what === "late") {
        // A call to a table is over when its reply is: only what Azure makes may take longer.
        if (name === "make") world.late.push(() => call(...args));
        throw new UpstreamError("UPSTREAM_TIMEOUT", name, { retryable: true });
      }
      const result = await call(...args);
      await after(name);
      if (what === "diesAfter") die();
      if (isDead) return forever;
      if (what === "lost") throw new UpstreamError("STATE_UNAVAILABLE", name, { retryable: true });
      return result;
    };
  const form = formOf(world);
  const { leases, leaseDue } = world;
  const deps: IssueDeps = {
    ...issueParts().deps,
    now: world.now,
    randomBytes: world.randomBytes,
    refuseUnusable: guard("connector", async () => {}),
    appendAudit: guard("audit", async (event) => void world.events.push(event)),
    leases: {
      ...leases,
      insert: guard("insert", leases.insert),
      find: guard("find", leases.find),
      replace: guard("replace", leases.replace),
      remove: guard("remove row", leases.remove),
    },
    leaseDue: {
      ...leaseDue,
      file: guard("file", leaseDue.file),
      drop: guard("drop", leaseDue.drop),
      list: guard("list", leaseDue.list),
      setIrrevocable: guard("set irrevocable", leaseDue.setIrrevocable),
    },
    upstreamForms: new Map([
      [
        "sas",
        {
          ...form,
          make: guard("make", form.make),
          renew: guard("renew", form.renew),
          remove: guard("remove", form.remove),
        },
      ],
    ]),
  };
  const context = { rule: "role:Latchkey.User", correlationId: "c-1", isAnyVersion: true };
  /** What it did, or that it died, or the code of what it met. */
  const run = (work: Promise<unknown>) =>
    Promise.race([
      death,
      work.catch((error: unknown) => {
        // Anything but a code would be a defect.
        if (!(error instanceof LatchkeyError)) throw error;
        return error.code;
      }),
    ]);
  const note = async (work: ReturnType<typeof issueCredential>) => {
    const { lease, credential } = await work;
    if (isDead) return forever;
    world.answered.push({ leaseId: lease.id, secret: credential.kind === "access-token" ? credential.token : "" });
    return "answered";
  };
  return {
    issue: (ttlSeconds = HOUR) => run(note(issueCredential(deps, { ...CREDENTIAL_REQUEST, ttlSeconds }, USER, "c-1"))),
    renew: (id: string) => run(note(renewLease(deps, id, null, USER, "c-1"))),
    revoke: (id: string) => run(revokeLease(deps, id, USER, context)),
    sweep: () => run(sweepLeases(deps, "c-1")),
  };
}
