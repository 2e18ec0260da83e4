/** Registries, plans, weather and changes by others that are drawn by chance from a seed, and what must hold after an apply. For unit tests. */
import type { PlanLine } from "../../shared/purge/plan-line.ts";
import { NOW } from "./fakes.ts";
import { digestOf, type FakeRegistry, fakeRegistry, OCI_INDEX } from "./fakes-purge.ts";
import type { ApplyWorld, PortFate, Weather } from "./purge-apply-world.ts";
import { lineOf } from "./purge-lines.ts";

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function chanceOf(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    is: (share: number) => next() < share,
    below: (count: number) => Math.floor(next() * count),
    of: <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] ?? never(),
  };
}
function never(): never {
  throw new Error("There is nothing to draw from.");
}
export type Chance = ReturnType<typeof chanceOf>;

/** What a run's own calls removed, and when. */
export type Removal = {
  readonly repository: string;
  readonly digest: string | null;
  readonly tag: string | null;
  readonly at: number;
};

/** A registry that notes what is removed through `content`. */
export function watchedRegistry(now: () => Date): FakeRegistry & { readonly removals: Removal[] } {
  const registry = fakeRegistry();
  const removals: Removal[] = [];
  const { content } = registry;
  const noting = async <T>(repository: string, work: () => Promise<T>): Promise<T> => {
    const digests = registry.digests(repository);
    const tags = registry.tagNames(repository);
    const answer = await work();
    const [after, left] = [new Set(registry.digests(repository)), new Set(registry.tagNames(repository))];
    const at = now().getTime();
    for (const digest of digests) if (!after.has(digest)) removals.push({ repository, digest, tag: null, at });
    for (const tag of tags) if (!left.has(tag)) removals.push({ repository, digest: null, tag, at });
    return answer;
  };
  return {
    ...registry,
    removals,
    content: {
      ...content,
      deleteManifest: (name, digest, signal) => noting(name, () => content.deleteManifest(name, digest, signal)),
      deleteTag: (name, tag, signal) => noting(name, () => content.deleteTag(name, tag, signal)),
    },
  };
}

const OLD = NOW.getTime() - 30 * 86_400_000;
const YOUNG = NOW.getTime() - 60_000;

/** Puts images of all kinds into the registry; the plan takes most of them. */
export async function drawPlan(chance: Chance, registry: FakeRegistry, count: number): Promise<readonly PlanLine[]> {
  const plan: PlanLine[] = [];
  for (const repository of ["a", "b/c", "d"].slice(0, 1 + chance.below(3))) {
    for (let n = 0; n < count; n++) {
      const updatedAt = chance.is(0.1) ? YOUNG : OLD;
      const word = `${repository} ${n}`;
      const tags = Array.from({ length: chance.below(4) }, (_, tag) => `t${n}-${tag}`);
      const goes = chance.is(0.8);
      const add = async (digest: string, changes: Partial<PlanLine> = {}) => {
        plan.push(await lineOf(registry, repository, digest, goes ? changes : { action: "keep", seen: null }));
      };
      const children = chance.is(0.3)
        ? Array.from({ length: 1 + chance.below(3) }, (_, c) => digestOf(`${word} c${c}`))
        : [];
      for (const child of children) registry.push(repository, { digest: child, updatedAt });
      const isLocked = chance.is(0.1);
      const mediaType = children.length > 0 ? { mediaType: OCI_INDEX, children } : {};
      const root = registry.push(repository, { digest: digestOf(word), tags, updatedAt, isLocked, ...mediaType });
      for (const tag of tags) if (chance.is(0.05)) registry.tag(repository, tag, root, updatedAt, true);
      if (goes && tags.length > 1 && !isLocked && chance.is(0.2)) {
        plan.push(await lineOf(registry, repository, root, { action: "untag", tags: tags.slice(1), freedBytes: 0 }));
        continue;
      }
      await add(root);
      for (const child of children) if (chance.is(0.8)) await add(child, { after: [root] });
      let subject = root;
      for (let depth = 0; depth < 2 && chance.is(0.25); depth++) {
        const referrer = registry.push(repository, { digest: digestOf(`${word} r${depth}`), subject, updatedAt });
        await add(referrer, { after: [subject] });
        subject = referrer;
      }
      if (chance.is(0.15)) {
        const tag = `${root.replace(":", "-")}.sig`;
        const signature = registry.push(repository, { digest: digestOf(`${word} sig`), tags: [tag], updatedAt: OLD });
        await add(signature, { after: [root] });
      }
    }
  }
  return plan;
}

/** What may go wrong, in shares of all calls. */
export type Trouble = { readonly registry: number; readonly state: number; readonly milliseconds: number };

const CHANGES: ReadonlySet<string> = new Set(["deleteManifest", "deleteTag", "setManifestLock", "setTagLock"]);

/** After a listing that failed the next one of its repository works: three in a row are one too many to tell what was done. */
export function drawWeather(chance: Chance, trouble: Trouble): Weather {
  const spared = new Map<string, number>();
  const fates: readonly PortFate[] = ["refused", "lost", "repeated", "stalled"];
  return (call) => {
    const milliseconds = Math.ceil(chance.next() * trouble.milliseconds);
    const isState = ["get", "replace", "write", "join", "remove", "read", "audit"].includes(call);
    if (isState) return { fate: chance.is(trouble.state) ? chance.of(["refused", "lost"]) : "done", milliseconds };
    if (call === "clusters" || !chance.is(trouble.registry)) return { fate: "done", milliseconds };
    const fate = chance.of(fates);
    const [kind, repository] = call.split(" ");
    // Only what is to change waits for its turn: how long reading takes is what its age is measured by.
    if (fate === "stalled" && !CHANGES.has(call)) return { fate: "done", milliseconds };
    if (repository !== undefined && kind !== undefined) {
      const left = spared.get(repository) ?? 0;
      if (left > 0) {
        spared.set(repository, left - 1);
        return { fate: "done", milliseconds };
      }
      spared.set(repository, 4);
    }
    return { fate, milliseconds: fate === "stalled" ? milliseconds + 45_000 : milliseconds };
  };
}

/** What others did, and what must not be deleted from when on. */
export type Guards = Map<string, number>;

/** One thing that others do to what is to go. */
export function disturb(
  chance: Chance,
  world: ApplyWorld,
  plan: readonly PlanLine[],
  guards: Guards,
  at: number,
): void {
  const { registry, inUse } = world;
  const time = world.clock.now().getTime();
  const changing = plan.filter(({ action }) => action !== "keep");
  if (changing.length === 0) return;
  const line = chance.of(changing);
  if (!registry.has(line.repository, line.digest)) return;
  const { repository, digest } = line;
  const guard = (name: string) => {
    if (!guards.has(`${repository} ${name}`)) guards.set(`${repository} ${name}`, at);
  };
  const tag = line.tags.find((name) => registry.tagNames(repository).includes(name));
  const pushed = { updatedAt: time };
  switch (chance.below(8)) {
    case 0:
      registry.tag(repository, `prod-${time}`, digest, time);
      guard(digest);
      break;
    case 1:
      if (tag === undefined) break;
      // To another image: the tag is not to go, and neither is what it left.
      registry.tag(repository, tag, registry.push(repository, pushed), time);
      guard(tag);
      break;
    case 2:
      if (tag === undefined) break;
      registry.tag(repository, tag, digest, time);
      guard(tag);
      guard(digest);
      break;
    case 3:
      guard(registry.push(repository, { ...pushed, mediaType: OCI_INDEX, children: [digest], tags: ["new-index"] }));
      if (line.action === "delete") guard(digest);
      break;
    case 4:
      guard(registry.push(repository, { ...pushed, subject: digest }));
      if (line.action === "delete") guard(digest);
      break;
    case 5:
      registry.push(repository, { ...pushed, tags: [`${digest.replace(":", "-")}.sig2`] });
      if (line.action === "delete") guard(digest);
      break;
    case 6:
      inUse.addImage({ kind: "image", repository, tag: null, digest }, "cluster-one");
      for (const name of line.tags) guard(name);
      guard(digest);
      break;
    default:
      if (tag === undefined) break;
      inUse.addImage({ kind: "image", repository, tag, digest: null }, "cluster-one");
      guard(tag);
      if (line.action === "delete") guard(digest);
      break;
  }
}
