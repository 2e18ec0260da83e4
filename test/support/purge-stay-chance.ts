/** What others do, by chance, to single images of a planned repository; and what must hold of what is left of it. For unit tests. */
import type { Chance } from "./purge-apply-chance.ts";
import type { ApplyWorld } from "./purge-apply-world.ts";
import { REPOSITORY } from "./purge-plan.ts";
import type { World } from "./purge-worlds.ts";

/** Makes one image stay that may have been to go. */
export function makeStay(chance: Chance, { registry, inUse, clock }: ApplyWorld, digests: readonly string[]): void {
  const digest = chance.of(digests);
  if (!registry.has(REPOSITORY, digest)) return;
  const time = clock.now().getTime();
  switch (chance.below(4)) {
    case 0:
      registry.tag(REPOSITORY, `prod-${time}-${chance.below(1_000_000)}`, digest, time);
      break;
    case 1:
      inUse.addImage({ kind: "image", repository: REPOSITORY, tag: null, digest }, "cluster-one");
      break;
    case 2:
      registry.push(REPOSITORY, { updatedAt: time, subject: digest });
      break;
    default:
      registry.push(REPOSITORY, { updatedAt: time, tags: [`${digest.replace(":", "-")}.sig-${time}`] });
  }
}

/** What is left and names what was deleted, or was referred to by it. @param left what is there now */
export function torn(world: World, deleted: ReadonlySet<string>, left: ReadonlySet<string>): readonly string[] {
  return world.manifests.flatMap(({ digest, children, subject }) => {
    const named = [...children, ...(subject === null ? [] : [subject])].filter((other) => other !== digest);
    const lost = left.has(digest) ? named.filter((other) => deleted.has(other)) : [];
    const isLost = deleted.has(digest) && subject !== null && left.has(subject);
    return [...lost.map((other) => `${digest} -> ${other}`), ...(isLost ? [`${subject} <- ${digest}`] : [])];
  });
}
