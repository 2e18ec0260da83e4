/** What a purge keeps, whatever its rules say: what hangs together, is locked, is in use, is the last; and that all kept can be pulled. */
import { beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { openDemoCluster } from "../support/demo-cluster.ts";
import { DAY, deleteOld, itemsOf, policiesOf, putPolicy, registerKeeper, runToEnd } from "../support/purge-calls.ts";
import { openPurgeRegistry, purgeTruly, signatureTag } from "../support/purge-registry.ts";
import { ABAC_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";

const system = sharedSystem();
const api = createApi(system);
const registry = openPurgeRegistry(system, api);
let repositories = 0;

beforeAll(async () => {
  await registerKeeper(system, api);
});

/** A repository and a policy of this name alone. */
const ownName = (what: string) => `purge-${what}-${++repositories}`;
const byDigest = (items: Awaited<ReturnType<typeof itemsOf>>) => new Map(items.map((item) => [item.digest, item]));

const purge = (name: string, planId: string | null = null) => purgeTruly(api, registry, name, { planId });

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
    const first = await registry.push(name, "old-1", { layers: [base.layer] });
    const second = await registry.push(name, "old-2", { layers: [base.layer, first.layer], size: 3_000 });
    await registry.age(name, 30 * DAY);
    await putPolicy(api, name, { rules: [deleteOld(name, { tags: "old-.*" })] });
    const { run, report } = await purge(name);
    expect(report.map(({ isEstimate }) => isEstimate)).toEqual([false, false]);
    expect(run.bytesFreed).toBe(first.ownBytes + second.ownBytes);
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
    const { run: all } = await purgeTruly(api, registry, included, { repositories: [name] });
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
  const { run } = await purgeTruly(api, abac, "abac", { repositories: [name], policies });
  expect(run).toMatchObject({ state: "done", registry: ABAC_REGISTRY, counts: { deletedManifests: 42 } });
  expect(await abac.missingOf(name, "stays")).toEqual([]);
  expect((await abac.list("vision/train")).tags.size).toBeGreaterThan(0);
});
