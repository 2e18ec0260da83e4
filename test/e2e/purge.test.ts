/** Purging a registry over HTTP: policy, preview, run, report; what is there afterwards is what the report says. */
import { beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { openDemoCluster } from "../support/demo-cluster.ts";
import {
  DAY,
  itemsOf,
  POLICIES,
  policiesOf,
  putPolicy,
  type RunBody,
  registerKeeper,
  runToEnd,
} from "../support/purge-calls.ts";
import {
  auditedDeletions,
  expectTrueTotals,
  openPurgeRegistry,
  reportedDeletions,
  signatureTag,
} from "../support/purge-registry.ts";
import { ABAC_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
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
/** A rule that deletes what is older than a week. */
const deleteOld = (repository: string, changes: object = {}) => ({
  ...{ name: "old", action: "delete", repositories: repository, tags: ".*", untagged: true, olderThan: "7d" },
  ...changes,
});
const byDigest = (items: Awaited<ReturnType<typeof itemsOf>>) => new Map(items.map((item) => [item.digest, item]));

/** Runs the policy on its repository and checks that its totals are true. */
async function purge(name: string, planId: string | null = null) {
  const before = await registry.list(name);
  const run = await runToEnd(api, name, "runs", { planId });
  const report = run.links.report === null ? [] : await itemsOf(api, run.id, "&view=report");
  expectTrueTotals(run, report, before, await registry.list(name));
  return { run, report };
}

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

describe("what hangs together", () => {
  it("goes together and stays together: indexes, nested ones, referrers, signatures", async () => {
    const name = ownName("graph");
    const push = (tag: string | null, parts = {}) => registry.push(name, tag, parts).then(({ digest }) => digest);
    // An old multi-arch image, one that is kept, and a child of both.
    const [amd, arm, shared, kept] = [await push(null), await push(null), await push(null), await push(null)];
    const old = await registry.pushIndex(name, "old-index", [amd, arm, shared]);
    const inner = await registry.pushIndex(name, null, [shared, kept]);
    const keep = await registry.pushIndex(name, "keep-index", [inner]);
    // Signed in both ways: an image that goes and one that stays.
    const [oldImage, keepImage] = [await push("old-image"), await push("keep-image")];
    const oldReferrer = await push(null, { subject: oldImage });
    const oldSecond = await push(null, { subject: oldReferrer });
    const keepReferrer = await push(null, { subject: keepImage });
    const oldSignature = await push(signatureTag(oldImage));
    const keepSignature = await push(signatureTag(keepImage));
    const orphan = await push(null);
    const subjectGone = await push(null, { subject: `sha256:${"1".repeat(64)}` });
    await registry.age(name, 30 * DAY);
    await putPolicy(api, name, { rules: [deleteOld(name, { tags: "(old|sha256)-.*" })] });

    const plan = byDigest(await itemsOf(api, (await runToEnd(api, name, "plan")).id));
    const said = (digest: string) => `${plan.get(digest)?.action} ${plan.get(digest)?.reason}`;
    const goes = [amd, arm, old, oldImage, oldReferrer, oldSecond, oldSignature, orphan, subjectGone];
    expect(goes.map(said)).toEqual(goes.map(() => "delete matched"));
    expect([shared, kept, inner].map(said)).toEqual(["keep needed", "keep needed", "keep needed"]);
    expect([keep, keepImage].map(said)).toEqual(["keep no-rule", "keep no-rule"]);
    expect([keepReferrer, keepSignature].map(said)).toEqual(["keep refers", "keep refers"]);

    const { run } = await purge(name);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: goes.length, failed: 0, protected: 0 } });
    for (const reference of ["keep-index", "keep-image", keepReferrer, keepSignature, shared]) {
      expect(await registry.missingOf(name, reference)).toEqual([]);
    }
  });

  it("frees the layers that nothing kept shares, each counted once", async () => {
    const name = ownName("layers");
    const base = await registry.push(name, "keep");
    await registry.push(name, "keep-too");
    const first = await registry.push(name, "old-1", { layers: [base.layer], size: 1_000 });
    const second = await registry.push(name, "old-2", { layers: [base.layer, first.layer], size: 3_000 });
    await registry.age(name, 30 * DAY);
    await putPolicy(api, name, { rules: [deleteOld(name, { tags: "old-.*" })] });
    const { run, report } = await purge(name);
    expect(report.map(({ isEstimate, freedBytes }) => [isEstimate, freedBytes])).toEqual([
      [false, first.ownBytes],
      [false, second.ownBytes],
    ]);
    expect(run.counts).toMatchObject({ bytesToFree: run.bytesFreed, bytesEstimated: 0 });
    expect(await registry.missingOf(name, "keep")).toEqual([]);
  });

  it("frees by estimate what was not read: bodies are not read for their sizes alone", async () => {
    const name = ownName("estimate");
    await registry.push(name, "old");
    await registry.age(name, 30 * DAY);
    await putPolicy(api, name, { rules: [deleteOld(name)] });
    const { run, report } = await purge(name);
    expect(report).toMatchObject([{ isEstimate: true, outcome: "deleted" }]);
    expect(run.counts.bytesEstimated).toBe(run.bytesFreed);
  });
});

describe("locked", () => {
  it("images stay, and so does all that a locked tag names, unless their rule includes them", async () => {
    const name = ownName("locks");
    const [manifest, tag, both, free] = [
      await registry.push(name, "manifest"),
      await registry.push(name, "tag"),
      await registry.push(name, "both"),
      await registry.push(name, "free"),
    ];
    await registry.tag(name, tag.digest, "tag-too");
    await registry.age(name, 30 * DAY);
    for (const what of [`_manifests/${manifest.digest}`, "_tags/tag", "_tags/both", `_manifests/${both.digest}`]) {
      await registry.lock(name, what);
    }
    await putPolicy(api, name, { rules: [deleteOld(name)] });
    const { run } = await purge(name);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 1, toKeep: 3 } });
    expect([...(await registry.list(name)).manifests]).not.toContain(`${name}@${free.digest}`);
    const kept = await itemsOf(api, run.id, "&view=plan&action=keep");
    expect(kept.map(({ reason }) => reason)).toEqual(["locked", "locked", "locked"]);

    const included = `${name}-included`;
    await putPolicy(api, included, { rules: [deleteOld(name, { includeLocked: true })] });
    const before = await registry.list(name);
    const all = await runToEnd(api, included, "runs");
    expectTrueTotals(all, await itemsOf(api, all.id), before, await registry.list(name));
    expect(all).toMatchObject({ state: "done", counts: { deletedManifests: 3, deletedTags: 3 } });
  });
});

describe("the policy's own limits", () => {
  it("keep the newest of each repository, the last tag, and everything when too much would go", async () => {
    const name = ownName("newest");
    await registry.fill(name, 8, { ageSeconds: 30 * DAY, stepSeconds: DAY });
    const limits = [{ maxItems: 7 }, { maxSharePercent: 99 }];
    for (const [index, limit] of limits.entries()) {
      await putPolicy(api, `${name}-${index}`, { rules: [deleteOld(name)], limits: limit });
      const before = await registry.list(name);
      const run = await runToEnd(api, `${name}-${index}`, "runs");
      expect(run).toMatchObject({
        state: "refused",
        code: "PURGE_LIMIT",
        counts: { toDelete: 8, deletedManifests: 0 },
      });
      expect(await registry.list(name)).toEqual(before);
      // What was too much can be read.
      expect(await itemsOf(api, run.id)).toHaveLength(8);
    }
    await putPolicy(api, name, { rules: [deleteOld(name, { keepNewest: 3 })] });
    const { run } = await purge(name);
    expect(run.counts).toMatchObject({ deletedManifests: 5, toKeep: 3 });
    expect([...(await registry.list(name)).tags.keys()]).toEqual([`${name}:v5`, `${name}:v6`, `${name}:v7`]);
    await putPolicy(api, `${name}-last`, { rules: [deleteOld(name)], limits: { allowLastTag: false } });
    const last = await runToEnd(api, `${name}-last`, "runs");
    expect(last).toMatchObject({ state: "done", counts: { deletedManifests: 2 } });
    expect([...(await registry.list(name)).tags.keys()]).toEqual([`${name}:v7`]);
    const [item] = await itemsOf(api, last.id, "&view=plan&action=keep");
    expect(item).toMatchObject({ reason: "last-tag", tags: ["v7"] });
  });
});

describe("what clusters use", () => {
  it("is kept: images of pods, of a CronJob, of a Deployment at zero replicas", async () => {
    const seeded = ["zenml", "zenml-pipelines", "vision/train", "vision/serve", "speech/asr"];
    for (const one of seeded) await registry.age(one, 30 * DAY);
    const name = ownName("seeded");
    await putPolicy(api, name, { rules: [deleteOld(seeded.join("|"))] });
    const items = await itemsOf(api, (await runToEnd(api, name, "plan")).id);
    const said = items.flatMap(({ repository, tags, reason }) => tags.map((tag) => `${repository}:${tag} ${reason}`));
    expect(said).toEqual(
      expect.arrayContaining([
        "zenml:latest in-use",
        "zenml-pipelines:v1 in-use",
        "zenml-pipelines:nightly in-use",
        "vision/train:latest in-use",
        "vision/serve:v1 in-use",
        "speech/asr:latest in-use",
        "zenml:0.60.0 matched",
        "zenml-pipelines:v2 matched",
        "vision/train:v1 matched",
      ]),
    );
  });

  it("is kept also when it began to use it after the plan, by tag or by digest", async () => {
    const name = ownName("used");
    const [byTag, digest, unused] = [
      await registry.push(name, "by-tag"),
      await registry.push(name, null),
      await registry.push(name, "unused"),
    ];
    await registry.age(name, 30 * DAY);
    await putPolicy(api, name, { rules: [deleteOld(name)] });
    const plan = await runToEnd(api, name, "plan");
    expect(plan.counts).toMatchObject({ toDelete: 3 });
    const cluster = await openDemoCluster(system, api);
    const made = [
      await cluster.create("CronJob", `${name}-cron`, `${REGISTRY}/${name}:by-tag`),
      await cluster.create("StatefulSet", `${name}-set`, `${REGISTRY}/${name}@${digest.digest}`),
    ];
    const { run, report } = await purge(name, plan.id);
    expect(run).toMatchObject({ state: "done", counts: { deletedManifests: 1, protected: 2 } });
    expect(byDigest(report).get(unused.digest)?.outcome).toBe("deleted");
    const again = byDigest(await itemsOf(api, (await runToEnd(api, name, "plan")).id));
    for (const used of [byTag, digest]) {
      expect(again.get(used.digest)).toMatchObject({
        reason: "in-use",
        because: "demo-zenml-demos/demo-zenml-terraform-cluster",
      });
    }
    for (const remove of made) await remove();
    const { run: last } = await purge(name);
    expect(last.counts).toMatchObject({ deletedManifests: 2 });
  });
});

it("a registry in ABAC mode is purged like any other", async () => {
  const name = "purge/abac";
  const abac = openPurgeRegistry(system, api, ABAC_REGISTRY, true);
  await abac.fill(name, 40, { ageSeconds: 30 * DAY });
  const subject = await abac.push(name, "old-signed");
  await abac.push(name, null, { subject: subject.digest });
  await abac.push(name, "stays");
  await abac.age(name, 30 * DAY);
  const policies = policiesOf(ABAC_REGISTRY);
  await putPolicy(api, "abac", { rules: [deleteOld("purge/.*", { tags: "v.*|old-.*" })] }, policies);
  const before = await abac.list(name);
  const run = await runToEnd(api, "abac", "runs", { policies });
  expectTrueTotals(run, await itemsOf(api, run.id), before, await abac.list(name));
  expect(run).toMatchObject({ state: "done", registry: ABAC_REGISTRY, counts: { deletedManifests: 42 } });
  expect(await abac.missingOf(name, "stays")).toEqual([]);
  expect((await abac.list("vision/train")).tags.size).toBeGreaterThan(0);
});
