/** A part of the demo: a registry of several hundred images is purged by the weekly default, and everything that stays can still be pulled. */
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { REGISTRY } from "./allow-containers.ts";
import { applicationOf, type Client, createClient, passwordToken, read } from "./latchkey-client.ts";
import { type ImageName, openPuller } from "./pull-all.ts";
import { fillRegistry, type Releases } from "./purge-images.ts";
import { all, type Item, itemsOf, nameOf, type Run, runToEnd } from "./purge-runs.ts";
import { goneOf, type Inventory, openRegistry, type RegistryOwner, tagsOf } from "./registry-owner.ts";
import { expectEqual, type Stage, Surprise } from "./stage.ts";

/** An application of the seed and a connector. */
const KEEPER = "registry-keeper";
const POLICY = `registries/${REGISTRY}/purge-policies/weekly`;
/** Everything older than a week, but for repositories that begin with keep-repo. */
const WEEKLY = {
  connector: KEEPER,
  schedule: { preset: "weekly" },
  rules: [{ name: "old", action: "delete", repositories: "^(?!keep-repo).*", tags: ".*", untagged: true }],
};
const savedSchema = z.object({ nextDueAt: z.string(), warnings: z.array(z.object({ code: z.string() })) });
const recordSchema = z.object({
  event: z.string(),
  detail: z.object({ runId: z.string().optional(), repository: z.string().optional(), digest: z.string().optional() }),
});

/** @param system whose cluster runs images of the registry */
export async function purge(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("A registry of several hundred images is purged, and nothing that is needed goes");
  const admin = createClient(system.apiUrl, await passwordToken(system.seed, "admin@zenmldemo.onmicrosoft.com"));
  const owner = await openRegistry(system, REGISTRY, KEEPER);
  const { releases, before } = await fill(stage, system, owner);
  await savePolicy(stage, system, admin);
  const { plan, items } = await preview(stage, admin, releases, before);
  const { run, after } = await execute(stage, admin, owner, plan, items, before);
  await oldButKept(stage, releases, items, after);
  await pullTheRest(stage, system, owner, after);
  await onTrail(stage, system, run, before, after);
}

function fill(stage: Stage, system: LocalSystem, owner: RegistryOwner) {
  return stage.step(`Fill ${REGISTRY}: multi-arch, signed, locked, in use, old and young`, async (show) => {
    const releases = await fillRegistry(system, owner);
    const before = await owner.inventory();
    show.fact("registry", `${before.size} manifests, ${tagsOf(before).size} tags`);
    return { releases, before };
  });
}

function savePolicy(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  return stage.step("PUT …/purge-policies/weekly: all that is a week old, but for ^(?!keep-repo).*", async (show) => {
    const { clientId, secret } = applicationOf(system.seed, KEEPER);
    const registered = await admin.call("POST", "connectors", {
      name: KEEPER,
      authMethod: "service-principal",
      configuration: { tenantId: system.seed.tenant.id, clientId },
      secrets: { clientSecret: secret },
      resourceTypes: ["docker-registry", "kubernetes-cluster"],
    });
    expectEqual("status", registered.status, 201);
    const { nextDueAt, warnings } = read(await admin.create(POLICY, WEEKLY), 200, savedSchema);
    show.fact("timer", `next ${nextDueAt}, then every Sunday`);
    show.fact("warnings", warnings.map(({ code }) => code).join(", ") || "none");
  });
}

function preview(stage: Stage, admin: Client, { old }: Releases, before: Inventory) {
  return stage.step("POST …/weekly/plan: what would go, what stays and why; nothing is deleted", async (show) => {
    const plan = await runToEnd(admin, await admin.call("POST", `${POLICY}/plan`));
    expectEqual("plan", [plan.state, plan.code], ["planned", null]);
    const items = await itemsOf(admin, plan.id, "plan");
    const { manifests = 0, toDelete = 0, tagsToGo = 0, toKeep = 0, bytesEstimated = 0 } = plan.counts;
    show.fact("plan", `of ${manifests} manifests ${toDelete} go with ${tagsToGo} tags, ${toKeep} stay`);
    show.fact("to free", `${kib(plan.bytesToFree)}, of which ${kib(bytesEstimated)} are the registry's own sizes`);
    const shares = items.find((item) => nameOf(item) === old.images[0]);
    const { freedBytes = 0, sizeBytes } = shares ?? {};
    show.fact(
      "layers",
      `${freedBytes} of the ${sizeBytes} bytes of serving/api:v1 for amd64: v2 has the rest too, and stays`,
    );
    expectEqual("less is freed than it has", freedBytes > 0 && freedBytes < (sizeBytes ?? 0), true);
    const reasons = [...new Set(items.map(({ reason }) => reason))].sort();
    const rows = reasons.map((reason) => {
      const [first, ...more] = items.filter((item) => item.reason === reason);
      return [reason, String(more.length + 1), first === undefined ? "" : shown(first)];
    });
    show.table(["REASON", "IMAGES", "ONE OF THEM"], rows);
    expectEqual(
      "images of the plan that are there",
      items.every((item) => before.has(nameOf(item))),
      true,
    );
    return { plan, items };
  });
}

function execute(
  stage: Stage,
  admin: Client,
  owner: RegistryOwner,
  plan: Run,
  items: readonly Item[],
  before: Inventory,
) {
  return stage.step("POST …/weekly/runs with that plan: the report, and the registry itself", async (show) => {
    const run = await runToEnd(admin, await admin.call("POST", `${POLICY}/runs`, { planId: plan.id }));
    expectEqual("run", [run.state, run.code], ["done", null]);
    const after = await owner.inventory();
    const gone = goneOf(before, after);
    const goneTags = [...tagsOf(before)].filter((tag) => !tagsOf(after).has(tag));
    const { deletedManifests = 0, deletedTags = 0 } = run.counts;
    show.table(
      ["", "REPORT", "REGISTRY"],
      [
        ["manifests that went", String(deletedManifests), `${before.size} - ${after.size} = ${gone.length}`],
        ["tags that went", String(deletedTags), `${tagsOf(before).size} - ${tagsOf(after).size} = ${goneTags.length}`],
      ],
    );
    show.fact("freed", kib(run.bytesFreed));
    expectEqual("manifests", [deletedManifests, before.size - after.size], [gone.length, gone.length]);
    expectEqual("tags", [deletedTags, tagsOf(before).size - tagsOf(after).size], [goneTags.length, goneTags.length]);
    expectEqual("bytes", run.bytesFreed, plan.bytesToFree);
    const reported = await itemsOf(admin, run.id, "report");
    const deleted = reported.filter(({ outcome }) => outcome === "deleted").map(nameOf);
    expectEqual("what the report says went", deleted.sort(), gone);
    expectEqual("what the plan said would go", planned(items, "delete"), gone);
    return { run, after };
  });
}

function oldButKept(stage: Stage, releases: Releases, items: readonly Item[], after: Inventory): Promise<void> {
  return stage.step("Sixty days old and kept all the same", async (show) => {
    const reasonOf = (name: string) => items.find((item) => nameOf(item) === name)?.reason ?? "no rule looks there";
    const tagged = (repository: string, tag: string) => {
      const found = [...after].find(([name, tags]) => name.startsWith(`${repository}@`) && tags.includes(tag));
      if (found === undefined) throw new Surprise(`${repository}:${tag} is gone`);
      return found[0];
    };
    const { old, locked, young } = releases;
    const kept: [what: string, names: readonly string[], reason: string][] = [
      ["zenml:latest, which a pod runs", [tagged("zenml", "latest")], "in-use"],
      ["zenml-pipelines:nightly, of a CronJob", [tagged("zenml-pipelines", "nightly")], "in-use"],
      ["zenml-pipelines:v1, of a Deployment at zero replicas", [tagged("zenml-pipelines", "v1")], "in-use"],
      ["serving/api:v2, whose tag is locked", [locked.index], "locked"],
      ["its images for amd64 and arm64", locked.images, "needed"],
      ["its signature and its SBOM", [locked.signature, locked.contents], "refers"],
      ["images for amd64 and arm64 of serving/api:v3, which is young", young.images, "needed"],
      ["its signature and its SBOM", [young.signature, young.contents], "refers"],
      ["keep-repo/base:v0 and the rest of keep-repo*", [tagged("keep-repo/base", "v0")], "no rule looks there"],
    ];
    show.table(
      ["KEPT", "REASON"],
      kept.map(([what, names]) => [what, [...new Set(names.map(reasonOf))].join(", ")]),
    );
    for (const [what, names, reason] of kept) {
      expectEqual(
        what,
        names.map((name) => [after.has(name), reasonOf(name)]),
        names.map(() => [true, reason]),
      );
    }
    const whole = [old.index, ...old.images, old.signature, old.contents];
    expectEqual(
      "serving/api:v1",
      whole.filter((name) => after.has(name)),
      [],
    );
    show.fact("gone", "serving/api:v1 with its two images, its signature and its SBOM");
  });
}

async function pullTheRest(stage: Stage, system: LocalSystem, owner: RegistryOwner, after: Inventory): Promise<void> {
  const puller = await openPuller(system.clientEnv, owner);
  await stage.step(`Pull everything that is left with ${puller.name}`, async (show) => {
    const images = [...after].flatMap(([name, tags]): ImageName[] => {
      const [repository = "", digest = ""] = name.split("@");
      return (tags.length === 0 ? [digest] : tags).map((reference) => ({ repository, reference }));
    });
    const files = await puller.pullAll(images);
    show.fact("pulled", `${images.length} images, by tag or else by digest: ${files} files, each as its digest says`);
  });
}

async function onTrail(
  stage: Stage,
  system: LocalSystem,
  run: Run,
  before: Inventory,
  after: Inventory,
): Promise<void> {
  await stage.step("The audit trail has each deletion", async (show) => {
    const auditor = createClient(system.apiUrl, await passwordToken(system.seed, "auditor@zenmldemo.onmicrosoft.com"));
    const records = await all(auditor, "audit", recordSchema);
    const ofRun = records.filter(({ detail }) => detail.runId === run.id);
    const deleted = ofRun.filter(({ event }) => event === "purge.deleted");
    for (const event of [...new Set(ofRun.map((record) => record.event))].sort()) {
      show.fact(event, String(ofRun.filter((record) => record.event === event).length));
    }
    const names = deleted.map(({ detail }) => `${detail.repository}@${detail.digest}`);
    expectEqual("recorded deletions", names.sort(), goneOf(before, after));
  });
}

function planned(items: readonly Item[], action: string): string[] {
  return items
    .filter((item) => item.action === action)
    .map(nameOf)
    .sort();
}

function shown({ repository, digest, tags: [tag], because }: Item): string {
  const name = tag === undefined ? `${repository}@${short(digest)}` : `${repository}:${tag}`;
  return because === null ? name : `${name}, for ${short(because)}`;
}

/** Of a digest its first twelve digits, of a resource its name. */
function short(name: string): string {
  return name.startsWith("sha256:") ? name.slice(0, "sha256:".length + 12) : (name.split("/").at(-1) ?? name);
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
