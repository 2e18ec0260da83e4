import { describe, expect, test } from "vitest";
import { InputError, UpstreamError } from "../../../../../shared/errors.ts";
import { planBatch } from "../../../../../shared/purge/plan/plan-batch.ts";
import { MIN_READS } from "../../../../../shared/purge/plan/repository-reader.ts";
import { NOW } from "../../../../support/fakes.ts";
import {
  type FakeRegistry,
  fakeFacts,
  fakeLines,
  fakeRegistry,
  OCI_INDEX,
  refusal,
} from "../../../../support/fakes-purge.ts";
import { daysAgo, LOGIN_SERVER, NOT_IN_USE, planOf, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

const OLD = daysAgo(30);

function batch(registry: FakeRegistry, changes: Partial<Parameters<typeof planBatch>[1]> = {}) {
  const lines = fakeLines();
  const facts = fakeFacts();
  const unread: string[] = [];
  let time = NOW.getTime();
  const deps = {
    content: registry.content,
    facts,
    lines,
    now: () => new Date(time),
    onUnread: (repository: string) => unread.push(repository),
    isCancelled: async () => false,
  };
  const input = {
    loginServer: LOGIN_SERVER,
    repositories: ["a", "b", "c"],
    from: 0,
    rules: [rule({ untagged: true })],
    listedAt: NOW,
    inUse: NOT_IN_USE,
    allowLastTag: true,
    deadline: new Date(NOW.getTime() + 1_000),
    part: "part",
    unfinished: "unfinished",
    signal: new AbortController().signal,
    ...changes,
  };
  return {
    lines,
    facts,
    unread,
    isOver: () => {
      time = NOW.getTime() + 2_000;
    },
    run: (slice: Partial<typeof input> = {}) => planBatch(deps, { ...input, ...slice }),
    written: (name: string) => (lines.blobs.get(name) ?? []).map((line) => JSON.parse(line)),
  };
}
const filled = () => {
  const registry = fakeRegistry();
  for (const repository of ["a", "b", "c"]) registry.push(repository, { tags: ["v1"], updatedAt: OLD });
  return registry;
};

describe("a batch", () => {
  test("is planned in the order of its repositories, from where it is told", async () => {
    const it = batch(filled());
    expect(await it.run()).toMatchObject({
      next: null,
      counts: { repositories: 3, manifests: 3, tags: 3, toDelete: 3 },
    });
    expect(it.written("part").map(({ repository }) => repository)).toEqual(["a", "b", "c"]);
    expect(await it.run({ from: 2 })).toMatchObject({ next: null, counts: { repositories: 1 } });
  });
  test.each([
    ["refused", refusal(403), "UPSTREAM_REFUSED"],
    ["without sign-in", new InputError("SIGN_IN_FAILED", "No."), "SIGN_IN_FAILED"],
    ["a defect", new TypeError("x"), "INTERNAL"],
  ])("goes on when one repository is %s", async (_, error, code) => {
    const registry = filled();
    registry.faults.on = ({ repository }) => (repository === "b" ? error : null);
    const it = batch(registry);
    expect(await it.run()).toMatchObject({
      next: null,
      counts: { repositories: 3, unreadRepositories: 1, toDelete: 2 },
    });
    expect(it.written("part")[1]).toEqual({ repository: "b", unread: code });
    expect(it.unread).toEqual(["b"]);
  });
  test("ends when our own state fails", async () => {
    const registry = filled();
    const state = new UpstreamError("STATE_UNAVAILABLE", "No.", { retryable: true });
    registry.faults.on = ({ repository }) => (repository === "b" ? state : null);
    await expect(batch(registry).run()).rejects.toBe(state);
  });

  describe("whose time is over amid a repository", () => {
    const endsAt = (registry: FakeRegistry, slow: string) => {
      const end = new AbortController();
      registry.faults.on = ({ repository }) => {
        if (repository === slow) end.abort(new DOMException("late", "TimeoutError"));
        return null;
      };
      return end.signal;
    };
    test("that is not the first: the next slice begins with it", async () => {
      const registry = filled();
      const it = batch(registry, { signal: endsAt(registry, "b") });
      expect(await it.run()).toMatchObject({ next: 1, counts: { repositories: 1, unreadRepositories: 0 } });
      expect([it.written("part").length, it.unread]).toEqual([1, []]);
    });
    test("that is the first: a whole step is not enough for it, and it is kept", async () => {
      const registry = filled();
      const it = batch(registry, { signal: endsAt(registry, "b") });
      expect(await it.run({ from: 1 })).toMatchObject({ next: 2, counts: { repositories: 1, unreadRepositories: 1 } });
      expect(it.written("part")).toEqual([{ repository: "b", unread: "UPSTREAM_TIMEOUT" }]);
      expect(it.unread).toEqual(["b"]);
    });
    test("that is the first, of which something was read: the next slice goes on from that", async () => {
      const registry = fakeRegistry();
      for (let i = 0; i < 40; i++) registry.push("a", { mediaType: OCI_INDEX, tags: [`v${i}`], updatedAt: OLD });
      const end = new AbortController();
      let reads = 0;
      registry.faults.on = ({ operation }) => {
        if (operation === "facts" && ++reads === 20) end.abort(new DOMException("late", "TimeoutError"));
        return null;
      };
      const it = batch(registry, { repositories: ["a"], signal: end.signal });
      expect(await it.run()).toMatchObject({ next: 0 });
      expect([it.written("part"), it.unread]).toEqual([[], []]);
      const known = it.facts.kept.get(`${LOGIN_SERVER}/a`)?.length ?? 0;
      expect(known).toBeGreaterThan(0);
      registry.calls.length = 0;
      expect(await it.run({ signal: new AbortController().signal })).toMatchObject({ next: null });
      expect(registry.count("facts")).toBe(40 - known);
    });
  });

  test("facts that cannot be kept are no end of the plan, where it does not go on from them", async () => {
    const registry = fakeRegistry();
    registry.push("a", { mediaType: OCI_INDEX, tags: ["v1"], updatedAt: OLD });
    const it = batch(registry, { repositories: ["a"] });
    it.facts.write = () => Promise.reject(new UpstreamError("STATE_UNAVAILABLE", "No.", { retryable: true }));
    expect(await it.run()).toMatchObject({ next: null, counts: { toDelete: 1 } });
    for (let i = 0; i < 900; i++) registry.push("a", { mediaType: OCI_INDEX, tags: [`w${i}`], updatedAt: OLD });
    it.isOver();
    await expect(it.run()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
  test("ends between repositories when the time is over, but plans one at least", async () => {
    const registry = filled();
    const it = batch(registry);
    it.isOver();
    expect(await it.run({ from: 1 })).toMatchObject({ next: 2, counts: { repositories: 1 } });
  });
});

describe("a repository that takes longer than a slice", () => {
  const slices = async (registry: FakeRegistry) => {
    const it = batch(registry, { repositories: [REPOSITORY] });
    it.isOver();
    let made = 0;
    let planned = await it.run();
    for (; planned.next !== null && made < 50; made++) {
      expect(it.written("part")).toEqual([]);
      planned = await it.run({ from: planned.next });
    }
    return { made, it };
  };
  test.each([
    [
      "bodies",
      (registry: FakeRegistry, i: number) =>
        registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: [`v${i}`], updatedAt: OLD }),
      "facts",
    ],
    [
      "referrers",
      (registry: FakeRegistry, i: number) =>
        registry.push(REPOSITORY, { tags: [`v${i}`], updatedAt: daysAgo(i < 400 ? 1 : 30) }),
      "referrers",
    ],
  ] as const)("goes on from the %s that it has, and asks for none again", async (_, push, operation) => {
    const registry = fakeRegistry();
    for (let i = 0; i < 900; i++) push(registry, i);
    const whole = registry.calls.length;
    const expected = await planOf(registry);
    const asked = registry.calls.slice(whole).filter((call) => call.operation === operation).length;
    registry.calls.length = 0;
    const { made, it } = await slices(registry);
    expect(made).toBeGreaterThanOrEqual(Math.floor(asked / MIN_READS) - 1);
    expect(registry.count(operation)).toBe(asked);
    expect(it.written("part")).toEqual(expected);
    expect(it.lines.blobs.has("unfinished")).toBe(false);
  });
});

test("facts are written when there are new ones, without those of what is not listed any more", async () => {
  const registry = fakeRegistry();
  const index = registry.push("a", { mediaType: OCI_INDEX, tags: ["v1"], updatedAt: OLD });
  const it = batch(registry, { repositories: ["a"] });
  it.facts.kept.set(`${LOGIN_SERVER}/a`, [
    { digest: "sha256:gone", mediaType: "x", subject: null, children: [], parts: [] },
  ]);
  await it.run();
  await it.run();
  expect(it.facts.kept.get(`${LOGIN_SERVER}/a`)?.map(({ digest }) => digest)).toEqual([index]);
  expect([it.facts.writes, registry.count("facts")]).toEqual([1, 1]);
});
