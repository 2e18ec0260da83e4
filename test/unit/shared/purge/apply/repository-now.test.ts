/** A repository as it is listed before a deletion: what is hidden, locked, or cannot be read by then. */
import { describe, expect, test } from "vitest";
import { listNow } from "../../../../../shared/purge/apply/repository-now.ts";
import { NOW } from "../../../../support/fakes.ts";
import { digestOf, fakeRegistry, OCI_IMAGE, OCI_INDEX } from "../../../../support/fakes-purge.ts";
import { changingItem } from "../../../../support/fakes-purge-items.ts";

const REPOSITORY = "team/app";
const ONE = digestOf("one");

/** One image with one tag, of time 0, as planLine saw it. */
function world(options: Parameters<typeof fakeRegistry>[0] = {}) {
  const registry = fakeRegistry(options);
  registry.push(REPOSITORY, { digest: ONE, tags: ["v1"] });
  const list = (changes: Partial<Parameters<typeof listNow>[0]> = {}) =>
    listNow({
      content: registry.content,
      now: () => NOW,
      signal: new AbortController().signal,
      repository: REPOSITORY,
      items: [changingItem()],
      plannedAt: NOW.getTime() - 3_600_000,
      isOurs: () => false,
      hasDeleted: false,
      known: new Map(),
      ...changes,
    });
  return { registry, list };
}
const young = NOW.getTime();

describe("a listing", () => {
  test("that shows everything costs three requests and is certain", async () => {
    const { registry, list } = world();
    const now = await list();
    expect(now).toMatchObject({ isUncertain: false });
    expect(now.manifests.get(ONE)).toMatchObject({ updatedAt: 0, tags: [{ name: "v1", updatedAt: 0 }] });
    expect(registry.calls.map(({ operation }) => operation).sort()).toEqual(["manifests", "repository", "tags"]);
  });

  test("has tags that an image's own entry alone has, of unknown time and locked", async () => {
    const { registry, list } = world();
    registry.tag(REPOSITORY, "prod", ONE);
    for (const tag of ["prod", "v1"]) registry.hidden.tags.add(tag);
    const now = await list();
    const unknown = { digest: ONE, updatedAt: null, isLocked: true };
    expect(now.manifests.get(ONE)?.tags).toEqual([
      { name: "v1", ...unknown },
      { name: "prod", ...unknown },
    ]);
    expect([...now.tags.values()]).toEqual([{ name: "v1", ...unknown }]);
  });

  test("that lacks a manifest is made three times, and is uncertain then", async () => {
    const { registry, list } = world();
    registry.hidden.digests.add(registry.push(REPOSITORY, { mediaType: OCI_INDEX, children: [ONE] }));
    expect(await list()).toMatchObject({ isUncertain: true });
    expect(registry.count("manifests")).toBe(3);
  });

  test("beside which something is pushed is made again, and is certain", async () => {
    const { registry, list } = world();
    registry.faults.on = ({ operation }) => {
      if (operation !== "repository") return null;
      registry.faults.on = () => null;
      registry.push(REPOSITORY, { tags: ["new"] });
      return null;
    };
    expect(await list()).toMatchObject({ isUncertain: false });
    expect(registry.count("manifests")).toBe(2);
  });

  test("of a registry whose counts follow late is believed once this run has deleted something", async () => {
    const { registry, list } = world();
    registry.entries.set(REPOSITORY, { manifestCount: 40, tagCount: 40, isLocked: false });
    expect(await list({ hasDeleted: true })).toMatchObject({ isUncertain: false });
    expect(registry.count("manifests")).toBe(1);
  });

  test("of a repository that is said not to be there is made three times, and is uncertain then", async () => {
    const { registry, list } = world();
    registry.entries.set(REPOSITORY, null);
    expect(await list()).toMatchObject({ isUncertain: true });
    expect(registry.count("manifests")).toBe(3);
  });

  test("of a repository whose last image goes meanwhile is made again, and shows nothing", async () => {
    const { registry, list } = world();
    registry.faults.on = ({ operation }) => {
      if (operation !== "repository") return null;
      registry.faults.on = () => null;
      registry.hidden.digests.add(ONE);
      registry.hidden.tags.add("v1");
      registry.entries.set(REPOSITORY, null);
      return null;
    };
    const now = await list();
    expect([now.isUncertain, now.manifests.size]).toEqual([false, 0]);
  });

  test("of a repository that is locked by now shows no image as it was planned", async () => {
    const { registry, list } = world();
    registry.entries.set(REPOSITORY, { manifestCount: 1, tagCount: 1, isLocked: true });
    expect((await list()).manifests.get(ONE)?.updatedAt).toBeNull();
  });
});

describe("something new", () => {
  test.each([OCI_INDEX, OCI_IMAGE, null])(
    "of the type %j whose body is not there may need anything",
    async (mediaType) => {
      const { registry, list } = world();
      const digest = registry.push(REPOSITORY, { mediaType, children: [ONE], updatedAt: young });
      registry.absent.add(digest);
      const known = new Map();
      expect(await list({ known })).toMatchObject({ isUncertain: true });
      registry.absent.delete(digest);
      const now = await list({ known });
      expect(now.isUncertain).toBe(false);
      expect([...now.needed]).toEqual([ONE]);
    },
  );

  test.each([".sig", "", "-att"])("that signs an image, by a tag that ends in %j, needs it", async (suffix) => {
    const { registry, list } = world();
    registry.push(REPOSITORY, { tags: [ONE.replace(":", "-") + suffix], updatedAt: young });
    expect([...(await list()).needed]).toEqual([ONE]);
  });

  test("that names an image of sha512 by its first 64 digits needs it", async () => {
    const digest = `sha512:${"5".repeat(128)}`;
    const { registry, list } = world();
    registry.push(REPOSITORY, { digest });
    registry.push(REPOSITORY, { tags: [`sha512-${"5".repeat(64)}`], updatedAt: young });
    expect([...(await list({ items: [changingItem({ digest })] })).needed]).toEqual([digest]);
  });
});
