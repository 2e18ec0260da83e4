/** Purging a registry over HTTP: policy, preview, run, report; what is there afterwards is what the report says. */
import { beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import {
  DAY,
  deleteOld,
  itemsOf,
  POLICIES,
  putPolicy,
  type RunBody,
  registerKeeper,
  runToEnd,
} from "../support/purge-calls.ts";
import { auditedDeletions, openPurgeRegistry, purgeTruly, reportedDeletions } from "../support/purge-registry.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

const system = sharedSystem();
const api = createApi(system);
const registry = openPurgeRegistry(system, api);
let state: StateAccount;
let repositories = 0;

beforeAll(async () => {
  state = openStateAccount(system);
  await registerKeeper(system, api);
});

/** A repository and a policy of this name alone. */
const ownName = (what: string) => `purge-${what}-${++repositories}`;
const byDigest = (items: Awaited<ReturnType<typeof itemsOf>>) => new Map(items.map((item) => [item.digest, item]));

const purge = (name: string, planId: string | null = null) => purgeTruly(api, registry, name, { planId });

describe("a plan", () => {
  const name = ownName("plan");
  let plan: RunBody;
  beforeAll(async () => {
    // v0 is 19.5 days old, v25 7 days, v29 5 days.
    await registry.fill(name, 30, { ageSeconds: 5 * DAY, stepSeconds: DAY / 2 });
    const keep = { name: "fixed", action: "keep", repositories: name, tags: "v0|v1" };
    await putPolicy(api, name, { rules: [keep, deleteOld(name)] });
    plan = await runToEnd(api, name, "plan");
  });

  it("says what would go, what stays and why, and deletes nothing", async () => {
    expect(plan).toMatchObject({ kind: "plan", state: "planned", code: null, policy: name });
    expect(plan.counts).toMatchObject({ repositories: 1, manifests: 30, tags: 30, toDelete: 24, toKeep: 6 });
    const items = await itemsOf(api, plan.id);
    const reasons = items.map(({ tags, action, reason }) => `${tags} ${action} ${reason}`);
    const expected = Array.from({ length: 30 }, (_, n) =>
      n < 2 ? `v${n} keep keep-rule` : n < 26 ? `v${n} delete matched` : `v${n} keep young`,
    );
    expect(reasons.sort()).toEqual(expected.sort());
    expect((await registry.list(name)).manifests.size).toBe(30);
  });

  it("is read in pages that show each item once, whatever their size", async () => {
    const whole = await itemsOf(api, plan.id);
    for (const limit of [1, 7, 29, 30, 31]) {
      const found: unknown[] = [];
      let token: string | null = null;
      do {
        const next: string = token === null ? "" : `&continuationToken=${token}`;
        const path = `purge-runs/${plan.id}/items?limit=${limit}${next}`;
        const { body, text } = await api.call<{ items: unknown[]; continuationToken: string | null }>("GET", path);
        expect(body?.items.length, text).toBeLessThanOrEqual(limit);
        found.push(...body.items);
        token = body.continuationToken;
      } while (token !== null);
      expect(found).toEqual(whole);
    }
  });

  it.each([
    ["&action=delete", 24],
    ["&action=keep", 6],
    ["&action=untag", 0],
    ["&reason=young", 4],
    ["&reason=keep-rule&action=keep", 2],
    ["&rule=fixed", 2],
    ["&rule=old", 28],
    ["&rule=nobody", 0],
    [`&repository=${name}`, 30],
    ["&repository=another/one", 0],
    ["&view=plan&rule=old&reason=matched", 24],
  ])("is filtered by %s", async (filter, count) => {
    expect(await itemsOf(api, plan.id, filter)).toHaveLength(count);
  });

  it("is read as CSV, with the names of the columns on the first page alone", async () => {
    const page = (token: string) =>
      api.call("GET", `purge-runs/${plan.id}/items?format=csv&limit=20&action=delete${token}`);
    const first = await page("");
    expect(first.headers.get("content-type")).toMatch(/^text\/csv/);
    expect(first.headers.get("content-disposition")).toBe(`attachment; filename="${plan.id}-plan.csv"`);
    const lines = first.text.split("\r\n").slice(0, -1);
    expect(lines).toHaveLength(21);
    expect(lines[0]).toMatch(/^repository,digest,tags,action,reason,/);
    const token = first.headers.get("x-continuation-token");
    expect(first.headers.get("link")).toContain(`continuationToken=${token}`);
    const second = await page(`&continuationToken=${token}`);
    expect(second.text.split("\r\n").slice(0, -1)).toHaveLength(4);
    expect(second.headers.get("x-continuation-token")).toBeNull();
    const link = /^<\/api\/(.*)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    expect((await api.call("GET", link)).text).toBe(second.text);
  });

  it("is executed as it was read: what has changed since is kept, what came since is not touched", async () => {
    const items = byDigest(await itemsOf(api, plan.id, "&action=delete"));
    const [moved = "", tagged = "", removed = ""] = items.keys();
    await registry.push(name, items.get(moved)?.tags[0] ?? "");
    await registry.tag(name, tagged, "another");
    await registry.send(name, "DELETE", `/v2/${name}/manifests/${removed}`);
    await registry.push(name, "new");
    const { run, report } = await purge(name, plan.id);
    expect(run).toMatchObject({ state: "done", planId: plan.id });
    expect(run.counts).toMatchObject({ toDelete: 24, deletedManifests: 21, changed: 2, gone: 1 });
    const outcomes = byDigest(report);
    expect([moved, tagged, removed].map((digest) => outcomes.get(digest)?.outcome)).toEqual([
      "changed",
      "changed",
      "gone",
    ]);
  });

  it("that was executed finds nothing to do when it is executed again", async () => {
    const { run } = await purge(name, plan.id);
    expect(run.counts).toMatchObject({ deletedManifests: 0, gone: 22, changed: 2 });
  });

  it("is not executed under a policy that was changed, nor under another, nor when it is a purge", async () => {
    const refused = async (policy: string, planId: string) =>
      expect((await api.call("POST", `${POLICIES}/${policy}/runs`, { body: { planId } })).body?.code).toBe(
        "PLAN_CHANGED",
      );
    const { headers } = await api.call("GET", `${POLICIES}/${name}`);
    const ifMatch = { "if-match": headers.get("etag") ?? "" };
    const body = { connector: "keeper", rules: [deleteOld(name, { olderThan: "1d" })] };
    expect((await api.call("PUT", `${POLICIES}/${name}`, { headers: ifMatch, body })).status).toBe(200);
    await refused(name, plan.id);
    const other = ownName("other");
    await putPolicy(api, other, body);
    await refused(other, plan.id);
    await refused(other, "0000000000000-aaaaaa");
    const { run } = await purge(name);
    await refused(name, run.id);
  });
});

it("every deletion is in the report and in the audit trail, with who, what and why", async () => {
  const name = ownName("trail");
  await registry.fill(name, 5, { ageSeconds: 8 * DAY });
  const two = await registry.push(name, "stays");
  await registry.age(name, 8 * DAY);
  await registry.tag(name, two.digest, "goes");
  await registry.age(name, 8 * DAY);
  await putPolicy(api, name, { rules: [deleteOld(name, { tags: "v.*|goes" })] });
  const { run, report } = await purge(name);
  expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 5, deletedTags: 6, toUntag: 1 } });
  const rows = await state.rows("Audit");
  expect([...auditedDeletions(rows, run.id)].sort()).toEqual([...reportedDeletions(report)].sort());
  const mine = rows.filter(({ detailJson }) => String(detailJson).includes(run.id));
  expect(mine.filter(({ event }) => event !== "purge.deleted").map(({ event }) => event)).toEqual([
    "purge.started",
    "purge.deleting",
    "purge.ended",
  ]);
  expect(new Set(mine.map(({ principalId }) => principalId))).toEqual(new Set([run.startedBy]));
  const seen = await api.call<{ items: { event: string }[] }>("GET", `audit?limit=100&principal=${run.startedBy}`, {
    token: await api.tokenOf("auditor"),
  });
  expect(seen.status).toBe(200);
});

describe("what lists do not show", () => {
  const keepProd = (repositories: string) => ({ name: "prod", action: "keep", repositories, tags: "prod.*" });

  it("keeps its image, for a hidden tag, and the whole repository, for a hidden image", async () => {
    const [tag, index, referrer, locked] = ["hidden-tag", "hidden-index", "hidden-referrer", "locked"].map(ownName);
    if (tag === undefined || index === undefined || referrer === undefined || locked === undefined) throw new Error();
    const kept = await registry.push(tag, "prod-1");
    await registry.tag(tag, kept.digest, "old-1");
    await registry.push(tag, "old-2");
    await registry.hide(tag, "_tags/prod-1");

    const child = await registry.push(index, null);
    await registry.hide(index, `_manifests/${await registry.pushIndex(index, "prod-1", [child.digest])}`);

    const subject = await registry.push(referrer, "old-1");
    const signature = await registry.push(referrer, "prod-1", { subject: subject.digest });
    await registry.hide(referrer, `_manifests/${signature.digest}`);

    await registry.push(locked, "old-1");
    await registry.lock(locked, "");

    const names = [tag, index, referrer, locked];
    for (const name of names) await registry.age(name, 30 * DAY);
    const repositories = `${tag}|${index}|${referrer}|${locked}`;
    await putPolicy(api, tag, { rules: [keepProd(repositories), deleteOld(repositories, { untagged: true })] });
    const { run, report } = await purgeTruly(api, registry, tag, { repositories: names });
    expect(report.map(({ tags, outcome }) => `${tags} ${outcome}`)).toEqual(["old-2 deleted"]);
    expect(run).toMatchObject({ state: "partial", counts: { unreadRepositories: 2, failed: 0 } });
    const plan = await itemsOf(api, run.id, "&view=plan");
    const said = plan.map((item) => ("unread" in item ? item.unread : `${item.tags} ${item.reason}`));
    expect(said.sort()).toEqual([
      "HIDDEN_ITEMS",
      "HIDDEN_ITEMS",
      "old-1 locked",
      "old-1 unknown-time",
      "old-2 matched",
      "prod-1 keep-rule",
    ]);
    for (const [name, digest] of [
      [tag, kept.digest],
      [index, child.digest],
      [referrer, subject.digest],
      [referrer, signature.digest],
    ] as const) {
      expect(await registry.missingOf(name, digest)).toEqual([]);
    }
  });
});
