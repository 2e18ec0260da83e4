/** The content of registries over the local Azure, as the purge reads and changes it. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createRegistryContentControl, openContent, pagesOf } from "../support/acr-client.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { ABAC } from "../support/registry-client.ts";

let azure: LocalAzure;
let control: Control;
let images: ReturnType<typeof createRegistryContentControl>;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  images = createRegistryContentControl(azure);
});
afterAll(() => azure.stop());
afterEach(async () => {
  await control.clear();
  await images.reset();
});
const signal = new AbortController().signal;
const REGISTRY = { service: "registry" } as const;
/** Requests for content since the last call, without those for tokens, as `METHOD status`. */
const asked = async () => (await images.requests()).filter(({ path }) => !path.startsWith("/oauth2/"));

describe("what a registry holds", () => {
  test("is listed whole: repositories, tags, manifests", async () => {
    const content = openContent(azure);
    const names = await pagesOf(content.repositories(signal));
    expect(names).toEqual(expect.arrayContaining(["speech/asr", "vision/serve", "vision/train", "zenml"]));
    const tags = await pagesOf(content.tags("vision/train", signal));
    expect(tags.map(({ name }) => name)).toEqual(["latest", "v1"]);
    const manifests = await pagesOf(content.manifests("vision/train", signal));
    expect(new Set(manifests.map(({ digest }) => digest))).toEqual(new Set(tags.map(({ digest }) => digest)));
    for (const one of [...tags, ...manifests]) {
      expect(one.isLocked).toBe(false);
      expect(Math.abs((one.updatedAt ?? 0) - Date.now())).toBeLessThan(3_600_000);
    }
    expect(await pagesOf(content.tags("not/there", signal))).toEqual([]);
    expect(await pagesOf(content.manifests("not/there", signal))).toEqual([]);
  });

  test("is listed over pages of a thousand, untagged images too, each once and with its own time", async () => {
    await images.make({ repository: "many/tagged", count: 2_500, ageSeconds: 86_400, stepSeconds: 60 });
    await images.make({ repository: "many/untagged", count: 1_001, ageSeconds: 86_400, tagged: false });
    const content = openContent(azure);
    const tags = await pagesOf(content.tags("many/tagged", signal));
    expect(new Set(tags.map(({ name }) => name)).size).toBe(2_500);
    expect(new Set(tags.map(({ updatedAt }) => updatedAt)).size).toBe(2_500);
    const manifests = await pagesOf(content.manifests("many/untagged", signal));
    expect(new Set(manifests.map(({ digest }) => digest)).size).toBe(1_001);
    expect(await pagesOf(content.tags("many/untagged", signal))).toEqual([]);
  });

  test("is told of as a whole: its counts are those of what is listed, and what is not there is nothing", async () => {
    const content = openContent(azure);
    expect(await content.repository("vision/train", signal)).toEqual({
      manifestCount: (await pagesOf(content.manifests("vision/train", signal))).length,
      tagCount: 2,
      isLocked: false,
    });
    const entries = await pagesOf(content.manifests("vision/train", signal));
    expect(entries.flatMap(({ tagNames }) => tagNames).sort()).toEqual(["latest", "v1"]);
    expect(await content.repository("not/there", signal)).toBeNull();
  });

  test("is read: bodies, and what refers to them", async () => {
    const content = openContent(azure);
    for (const { digest, mediaType } of await pagesOf(content.manifests("zenml", signal))) {
      const facts = await content.facts("zenml", digest, signal);
      expect(facts).toMatchObject({ digest, mediaType, children: [], subject: null });
      expect(facts?.parts.length).toBeGreaterThan(0);
      expect(await content.referrers("zenml", digest, signal)).toEqual([]);
    }
    expect(await content.facts("zenml", `sha256:${"0".repeat(64)}`, signal)).toBeNull();
  });

  test("of a registry in ABAC mode is read with the roles of repositories; who lists no names is told what it takes", async () => {
    const content = openContent(azure, "research-connector", ABAC);
    expect((await pagesOf(content.tags("vision/train", signal))).map(({ name }) => name)).toEqual(["latest", "v3"]);
    await expect(pagesOf(content.repositories(signal))).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      message: expect.stringContaining("Container Registry Repository Catalog Lister"),
    });
    await expect(content.deleteTag("vision/train", "v3", signal)).rejects.toMatchObject({
      message: expect.stringContaining("Container Registry Repository Contributor"),
    });
  });
});

describe("what is deleted", () => {
  test("is a tag alone, or an image with all its tags; a second time it was not there", async () => {
    await images.make({ repository: "to/delete", count: 3, ageSeconds: 60 });
    const content = openContent(azure);
    const [first, second] = await pagesOf(content.tags("to/delete", signal));
    expect(await content.deleteTag("to/delete", first?.name ?? "", signal)).toBe(true);
    expect(await content.deleteTag("to/delete", first?.name ?? "", signal)).toBe(false);
    expect(await pagesOf(content.manifests("to/delete", signal))).toHaveLength(3);
    expect(await content.deleteManifest("to/delete", second?.digest ?? "", signal)).toBe(true);
    expect(await content.deleteManifest("to/delete", second?.digest ?? "", signal)).toBe(false);
    expect(await pagesOf(content.tags("to/delete", signal))).toHaveLength(1);
  });

  test("is nothing that is locked, until the lock is taken off", async () => {
    await images.make({ repository: "to/lock", count: 2, ageSeconds: 60 });
    const content = openContent(azure);
    const [one, two] = await pagesOf(content.tags("to/lock", signal));
    await content.setManifestLock("to/lock", one?.digest ?? "", true, signal);
    await content.setTagLock("to/lock", two?.name ?? "", true, signal);
    const locked = (await pagesOf(content.manifests("to/lock", signal))).filter(({ isLocked }) => isLocked);
    expect(locked.map(({ digest }) => digest)).toEqual([one?.digest]);
    expect((await pagesOf(content.tags("to/lock", signal))).filter(({ isLocked }) => isLocked)).toMatchObject([
      { name: two?.name },
    ]);
    await asked();
    const failure = { status: 405, code: "REGISTRY_DISALLOWED_OPERATION" };
    await expect(content.deleteManifest("to/lock", one?.digest ?? "", signal)).rejects.toMatchObject({ failure });
    await expect(content.deleteTag("to/lock", two?.name ?? "", signal)).rejects.toMatchObject({ failure });
    expect(await asked()).toHaveLength(2);
    await content.setManifestLock("to/lock", one?.digest ?? "", false, signal);
    await content.setTagLock("to/lock", two?.name ?? "", false, signal);
    expect(await content.deleteManifest("to/lock", one?.digest ?? "", signal)).toBe(true);
    expect(await content.deleteTag("to/lock", two?.name ?? "", signal)).toBe(true);
  });
});

describe("when it misbehaves", () => {
  /** Digests of new images. */
  const digests = async (repository: string, count: number) => {
    await images.make({ repository, count, ageSeconds: 60 });
    const found = (await pagesOf(openContent(azure).manifests(repository, signal))).map(({ digest }) => digest);
    await asked();
    return found;
  };
  const deletes = (repository: string, found: readonly string[]) => {
    const content = openContent(azure);
    return Promise.all(found.map((digest) => content.deleteManifest(repository, digest, signal)));
  };

  test.each([{ retryAfterSeconds: 1 }, {}])("a storm of 429 (%j) fails nothing", async (told) => {
    const found = await digests(`storm/${Object.keys(told).length}`, 60);
    await control.fault({ ...REGISTRY, method: "DELETE", status: 429, times: 40, ...told });
    expect(await deletes(`storm/${Object.keys(told).length}`, found)).toEqual(found.map(() => true));
    const requests = await asked();
    expect(requests.filter(({ status }) => status === 429)).toHaveLength(40);
    expect(requests.filter(({ status }) => status === 202)).toHaveLength(60);
  });

  test("a bucket of a few deletes a second fails nothing, and is not run against", async () => {
    const found = await digests("bucket", 80);
    await images.limit({ identity: { delete: { perMinute: 1_200, capacity: 20 } } });
    expect(await deletes("bucket", found)).toEqual(found.map(() => true));
    const requests = await asked();
    expect(requests.filter(({ status }) => status === 202)).toHaveLength(80);
    expect(requests.filter(({ status }) => status === 429).length).toBeLessThan(60);
  });

  test.each([500, 502, 503, 504, 408] as const)("%d for a while fails nothing", async (status) => {
    const found = await digests(`passing/s${status}`, 5);
    await control.fault({ ...REGISTRY, method: "DELETE", status, times: 3 });
    expect(await deletes(`passing/s${status}`, found)).toEqual(found.map(() => true));
    expect(await asked()).toHaveLength(8);
  });

  test("500 for good fails after four requests", async () => {
    const [digest = ""] = await digests("broken", 1);
    await control.fault({ ...REGISTRY, method: "DELETE", status: 500 });
    await expect(openContent(azure).deleteManifest("broken", digest, signal)).rejects.toMatchObject({
      failure: { status: 500 },
    });
    expect(await asked()).toHaveLength(4);
  });

  test("a lost reply leaves the item deleted, and by us; a lost request is sent again", async () => {
    const found = await digests("lost", 4);
    await control.fault({ ...REGISTRY, method: "DELETE", dropReply: true, times: 2 });
    await control.fault({ ...REGISTRY, method: "DELETE", drop: true, times: 2 });
    expect(await deletes("lost", found)).toEqual([true, true, true, true]);
    expect((await asked()).length).toBeGreaterThanOrEqual(8);
    expect(await pagesOf(openContent(azure).manifests("lost", signal))).toEqual([]);
  });

  test("a token that ends in mid-run is replaced", async () => {
    const found = await digests("ended", 40);
    const content = openContent(azure);
    expect(await content.deleteManifest("ended", found[0] ?? "", signal)).toBe(true);
    const text = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}';
    await control.fault({
      ...REGISTRY,
      method: "DELETE",
      reply: { status: 401, contentType: "application/json", text },
      times: 1,
    });
    const rest = await Promise.all(found.slice(1).map((digest) => content.deleteManifest("ended", digest, signal)));
    expect(rest.every((isDone) => isDone)).toBe(true);
    expect((await asked()).filter(({ status }) => status === 401)).toHaveLength(1);
  });

  test.each([
    ["a page", { status: 200, contentType: "text/html", text: "<html>no</html>" }],
    [
      "half an answer",
      { status: 200, contentType: "application/json", text: '{"imageName":"zenml","tags":[', cut: true },
    ],
    ["a 404 of a stranger", { status: 404, contentType: "text/html", text: "<html>no</html>" }],
  ])("%s of something in between is no list, and a short one does no harm", async (_what, reply) => {
    const path = "/_tags";
    await control.fault({ ...REGISTRY, path, reply, times: 1 });
    expect((await pagesOf(openContent(azure).tags("zenml", signal))).map(({ name }) => name)).toContain("latest");
    await control.fault({ ...REGISTRY, path, reply });
    await expect(pagesOf(openContent(azure).tags("zenml", signal))).rejects.toMatchObject({ retryable: true });
  });

  const hits = async () => {
    const { items }: { items: { hits: number }[] } = JSON.parse(
      await (await fetch(`${azure.controlUrl}/faults`)).text(),
    );
    return items[0]?.hits ?? 0;
  };

  test("a signal ends all workers at once, while it hangs", async () => {
    const found = await digests("hanging", 50);
    await control.fault({ ...REGISTRY, method: "DELETE", latencyMs: 60_000 });
    const ending = new AbortController();
    const content = openContent(azure);
    const ended = found.map((digest) =>
      content.deleteManifest("hanging", digest, ending.signal).catch((error: unknown) => error),
    );
    await expect.poll(hits, { timeout: 10_000 }).toBeGreaterThan(0);
    ending.abort(new Error("slice is over"));
    for (const one of await Promise.all(ended)) expect(one).toMatchObject({ message: "slice is over" });
  });

  test("many deletes go 32 at once, over as many connections", async () => {
    const found = await digests("peak", 640);
    await control.fault({ ...REGISTRY, method: "DELETE", latencyMs: 50 });
    let connections = 0;
    const count = () => {
      connections += 1;
    };
    subscribe("net.client.socket", count);
    const begun = performance.now();
    expect(await deletes("peak", found)).toEqual(found.map(() => true));
    unsubscribe("net.client.socket", count);
    // And some for the sign-in.
    expect(connections).toBeLessThan(48);
    // One after another they would take 32 s; twenty rounds of 50 ms are one second. Machines are busy.
    expect(performance.now() - begun).toBeLessThan(16_000);
  });
});
