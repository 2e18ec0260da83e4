/** The purge's decisions once more, as naively as can be and with all bodies known: what a plan is compared with. */
import type { World, WorldManifest, WorldTag } from "./purge-worlds.ts";

/** What is to be gone. */
export type Expected = { readonly deleted: ReadonlySet<string>; readonly untagged: ReadonlySet<string> };
type Rule = World["rules"][number];

const isOld = (days: number | null, { olderThanSeconds }: Rule) =>
  days !== null && days * 86_400 > (olderThanSeconds ?? 0);

/** Every digest and every single tag that goes, of a world whose repository is REPOSITORY. */
export function expectedOf(world: World, repository: string): Expected {
  const rules = world.rules.filter((rule) => rule.matchesRepository(repository));
  const byDigest = new Map(world.manifests.map((it) => [it.digest, it]));
  const ruleOfTag = (tag: WorldTag) => rules.find((rule) => rule.matchesTag?.(tag.name) ?? false);
  const signedBy = (tag: WorldTag) => {
    const hex = /^sha256-([0-9a-f]{64})/.exec(tag.name)?.[1];
    return hex === undefined ? undefined : byDigest.get(`sha256:${hex}`);
  };
  const isUsed = (it: WorldManifest) => world.usedDigests.includes(it.digest);

  const going = new Map<WorldTag, Rule>();
  const settle = (it: WorldManifest) => {
    const mine = it.tags.flatMap((tag) => {
      const rule = going.get(tag);
      return rule === undefined ? [] : [{ tag, rule }];
    });
    const isWhole = mine.length === it.tags.length;
    const youngest = [...mine].sort(
      (one, other) => (one.tag.days ?? 0) - (other.tag.days ?? 0) || (one.tag.name < other.tag.name ? -1 : 1),
    )[0];
    const isHeld =
      it.days === null ||
      it.tags.some(({ days }) => days === null) ||
      (it.isLocked && (!isWhole || mine.some(({ rule }) => !rule.includeLocked))) ||
      (isWhole && youngest !== undefined && !isOld(it.days, youngest.rule));
    if (isHeld) for (const { tag } of mine) going.delete(tag);
  };
  for (const it of world.manifests) {
    for (const tag of it.tags) {
      const rule = ruleOfTag(tag);
      const isFree = !world.usedTags.includes(tag.name) && !isUsed(it) && (!tag.isLocked || rule?.includeLocked);
      if (rule?.action === "delete" && isOld(tag.days, rule) && isFree) going.set(tag, rule);
    }
    settle(it);
  }

  const holds = (index: WorldManifest, it: WorldManifest, through: readonly WorldManifest[] = []): boolean =>
    index.children.some((digest) => {
      const child = byDigest.get(digest);
      if (child === undefined || through.includes(child)) return false;
      return child === it || holds(child, it, [...through, child]);
    });
  const indexesOf = (it: WorldManifest) =>
    world.manifests.filter((index) => index.tags.length > 0 && holds(index, it) && !holds(it, index));

  const newest = <T extends { days: number; name: string }>(all: T[]) =>
    all.sort((one, other) => one.days - other.days || (one.name > other.name ? -1 : 1));
  for (const rule of rules) {
    const images = world.manifests.flatMap((it) => {
      const own = it.tags.filter((tag) => going.get(tag) === rule && signedBy(tag) === undefined);
      const first = newest(own.map(({ days, name }) => ({ days: days ?? 0, name })))[0];
      return first === undefined ? [] : [{ ...first, it }];
    });
    if (rule.keepNewest === 0) continue;
    const stay = (it: WorldManifest) => {
      for (const tag of it.tags) if (going.get(tag) === rule) going.delete(tag);
      settle(it);
    };
    const stays = (it: WorldManifest) => it.tags.some((tag) => !going.has(tag));
    const isImage = (it: WorldManifest) => images.some((image) => image.it === it);
    const parts = images.filter(({ it }) => indexesOf(it).some((index) => isImage(index) || stays(index)));
    for (const { it } of newest(images.filter((image) => !parts.includes(image))).slice(0, rule.keepNewest)) stay(it);
    for (const { it } of parts) if (indexesOf(it).some(stays)) stay(it);
  }
  if (!world.allowLastTag) {
    const all = world.manifests.flatMap((it) =>
      it.tags.map((tag) => ({ it, tag, name: tag.name, days: tag.days ?? 0 })),
    );
    const own = all.filter(({ tag }) => signedBy(tag) === undefined);
    const counted = own.length > 0 ? own : all;
    const last = newest(counted)[0];
    if (last !== undefined && counted.every(({ tag }) => going.has(tag)))
      for (const tag of last.it.tags) going.delete(tag);
  }

  const goes = new Set<WorldManifest>();
  const undecided = new Set<WorldManifest>();
  const untaggedRule = rules.find((rule) => rule.untagged);
  const subjectOf = (it: WorldManifest) => (it.subject === it.digest ? undefined : byDigest.get(it.subject ?? ""));
  const isChild = (it: WorldManifest) =>
    world.manifests.some((other) => other !== it && other.children.includes(it.digest));
  for (const it of world.manifests) {
    if (it.tags.length > 0) {
      if (it.tags.every((tag) => going.has(tag))) goes.add(it);
    } else if (it.days !== null && !isUsed(it)) {
      if (untaggedRule === undefined && !it.isLocked) undecided.add(it);
      const isFree = !it.isLocked || untaggedRule?.includeLocked;
      if (untaggedRule?.action === "delete" && isOld(it.days, untaggedRule) && isFree) goes.add(it);
    }
  }
  const roots = world.manifests.flatMap((it) => {
    const isRoot = it.tags.length === 0 && goes.has(it) && !isChild(it) && subjectOf(it) === undefined;
    return isRoot ? [{ it, days: it.days ?? 0, name: it.digest }] : [];
  });
  if (untaggedRule !== undefined) for (const { it } of newest(roots).slice(0, untaggedRule.keepNewest)) goes.delete(it);

  const follows = (it: WorldManifest): boolean => {
    const seen = new Set<WorldManifest>();
    for (let at: WorldManifest | undefined = it; at !== undefined && !seen.has(at); at = subjectOf(at)) {
      if (goes.has(at)) return true;
      if (!undecided.has(at)) return false;
      seen.add(at);
    }
    return false;
  };
  const isGoing = (it: WorldManifest) => goes.has(it) || (undecided.has(it) && follows(it));
  for (;;) {
    const keep = (it: WorldManifest) => [goes.delete(it), undecided.delete(it)].includes(true);
    let isChanged = false;
    for (const it of world.manifests) {
      if (goes.has(it) || undecided.has(it)) continue;
      for (const other of world.manifests) {
        const subject = subjectOf(it);
        const isNeeded = (it !== other && it.children.includes(other.digest)) || (subject === other && isGoing(other));
        const isReferrer = subjectOf(other) === it && goes.has(other);
        const signs = other.tags.some((tag) => signedBy(tag) === it);
        if ((isNeeded || isReferrer || signs) && keep(other)) isChanged = true;
      }
    }
    if (isChanged) continue;
    const rest = [...undecided].filter((it) => !follows(it));
    for (const it of rest) undecided.delete(it);
    if (rest.length === 0) break;
  }

  const deleted = new Set(world.manifests.filter(isGoing).map(({ digest }) => digest));
  const untagged = world.manifests.flatMap((it) => {
    if (isGoing(it) || (it.isLocked && it.tags.every((tag) => going.has(tag)))) return [];
    return it.tags.filter((tag) => {
      const signed = signedBy(tag);
      const isOfKept = signed !== undefined && signed !== it && !isGoing(signed);
      return going.has(tag) && !isOfKept;
    });
  });
  return { deleted, untagged: new Set(untagged.map(({ name }) => name)) };
}
