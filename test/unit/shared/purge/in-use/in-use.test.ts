import { describe, expect, test } from "vitest";
import { InputError, UpstreamError } from "../../../../../shared/errors.ts";
import { inUseMaker, readInUseLines } from "../../../../../shared/purge/in-use/in-use.ts";
import {
  ClusterUnreadableError,
  NO_CLUSTERS_WARNING,
  type RegistryCluster,
  readInUse,
} from "../../../../../shared/purge/in-use/read-in-use.ts";
import type { OpenedCluster } from "../../../../../shared/purge/ports.ts";
import { fakeLines, refusal } from "../../../../support/fakes-purge.ts";
import { LOGIN_SERVER } from "../../../../support/purge-plan.ts";

const DIGEST = `sha256:${"0a".repeat(32)}`;
const cluster = (resourceId: string, repositories: readonly string[] = ["*"]): RegistryCluster => ({
  connector: "azure",
  resourceId,
  repositories,
});
/** Clusters by what they name; an error ends the list behind what stands before it. */
function deps(images: Record<string, readonly (string | Error)[]>) {
  return {
    openCluster: async (_: string, resourceId: string) => {
      if (images[resourceId] === undefined) throw new InputError("SIGN_IN_FAILED", "No.");
      return { resourceId } as OpenedCluster;
    },
    async *listClusterImages({ resourceId }: OpenedCluster) {
      for (const image of images[resourceId] ?? []) {
        if (image instanceof Error) throw image;
        yield image;
      }
    },
  };
}
const read = (images: Parameters<typeof deps>[0], clusters: readonly RegistryCluster[], on: "stop" | "keep" = "stop") =>
  readInUse(deps(images), clusters, on, LOGIN_SERVER.toUpperCase(), new AbortController().signal);

describe("what clusters use", () => {
  test("is known by tag and digest, with the cluster", async () => {
    const { inUse, warnings } = await read(
      { a: [`${LOGIN_SERVER}/app:1`, "nginx"], b: [`${LOGIN_SERVER}/app@${DIGEST}`, `${LOGIN_SERVER}/odd:`] },
      [cluster("a"), cluster("b")],
    );
    expect([inUse.usesTag("app", "1"), inUse.usesTag("app", "2"), inUse.usesTag("nginx", "latest")]).toEqual([
      "a",
      null,
      null,
    ]);
    expect([inUse.usesDigest("app", DIGEST), inUse.usesDigest("other", DIGEST)]).toEqual(["b", null]);
    expect([inUse.keepsRepository("odd"), inUse.usesTag("odd", "x"), inUse.keepsRepository("app")]).toEqual([
      "b",
      "b",
      null,
    ]);
    expect(warnings).toEqual([]);
  });
  test("a digest under another host's name is in use in every repository", async () => {
    const images = { a: [`mirror.example.com/any/thing@${DIGEST}`, "mirror.example.com/app:1"] };
    const { inUse } = await read(images, [cluster("a")]);
    expect([inUse.usesDigest("app", DIGEST), inUse.usesDigest("team/x", DIGEST)]).toEqual(["a", "a"]);
    expect([inUse.usesTag("app", "1"), inUse.usesDigest("app", DIGEST.replace("0a", "0b"))]).toEqual([null, null]);
  });
  test("where there is no cluster nothing is in use, and that is told", async () => {
    const { inUse, warnings } = await read({}, []);
    expect([[...inUse.lines()], warnings]).toEqual([[], [NO_CLUSTERS_WARNING]]);
  });
  test.each([
    ["that cannot be opened", {}],
    ["whose list ends with an error", { a: [`${LOGIN_SERVER}/app:1`, refusal(403)] }],
    ["with a reference that cannot be read", { a: [`${LOGIN_SERVER}/$(APP)`] }],
  ])("a cluster %s stops the run, or all that it may use is kept", async (_, images) => {
    await expect(read(images, [cluster("a")])).rejects.toThrow(ClusterUnreadableError);
    const { inUse, warnings } = await read(images, [cluster("a", ["team/*", "app"])], "keep");
    expect(["team/x", "app", "other"].map(inUse.keepsRepository)).toEqual(["a", "a", null]);
    expect(warnings).toHaveLength(1);
  });
  test("our own state that fails is no unreadable cluster, nor is the end of the step", async () => {
    const state = new UpstreamError("STATE_UNAVAILABLE", "No.", { retryable: true });
    await expect(read({ a: [state] }, [cluster("a")], "keep")).rejects.toBe(state);
    const signal = AbortSignal.abort(new Error("the end"));
    await expect(readInUse(deps({ a: [] }), [cluster("a")], "keep", LOGIN_SERVER, signal)).rejects.toThrow("the end");
  });
});

test("what is written down is read back, and damage is not passed over", async () => {
  const maker = inUseMaker();
  maker.addImage({ kind: "image", repository: "app", tag: "1", digest: DIGEST }, "a");
  maker.addImage({ kind: "whole", repository: "whole" }, "b");
  maker.addPattern("team/*", "c");
  maker.addImage({ kind: "anywhere", digest: DIGEST.replace("0a", "0b") }, "d");
  const lines = fakeLines();
  await lines.write("blob", maker.inUse.lines());
  const inUse = await readInUseLines(lines.read("blob", 0));
  expect([...inUse.lines()]).toEqual([...maker.inUse.lines()]);
  expect([inUse.usesTag("app", "1"), inUse.usesDigest("app", DIGEST), inUse.keepsRepository("team/x")]).toEqual([
    "a",
    "a",
    "c",
  ]);
  expect(inUse.usesDigest("any", DIGEST.replace("0a", "0b"))).toBe("d");
  await lines.write("blob", [{ cluster: "a", repository: "app" }]);
  await expect(readInUseLines(lines.read("blob", 0))).rejects.toThrow();
});
