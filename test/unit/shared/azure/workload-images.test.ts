/** See the file of the same name under shared/azure. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WORKLOAD_KINDS } from "../../../../shared/azure/workload-images.ts";

const KINDS: Readonly<Record<string, string>> = {
  cronjobs: "CronJob",
  daemonsets: "DaemonSet",
  deployments: "Deployment",
  jobs: "Job",
  pods: "Pod",
  replicasets: "ReplicaSet",
  replicationcontrollers: "ReplicationController",
  statefulsets: "StatefulSet",
};
const kindOf = (plural: string) => {
  const found = WORKLOAD_KINDS.find((one) => one.plural === plural);
  if (found === undefined) throw new Error(plural);
  return found;
};
const listOf = (plural: string, items: unknown, metadata: object = {}) => {
  const { group } = kindOf(plural);
  return { kind: `${KINDS[plural]}List`, apiVersion: group === "" ? "v1" : `${group}/v1`, metadata, items };
};
const readPage = (plural: string, list: unknown) => kindOf(plural).page.safeParse(list);
const images = (plural: string, item: object) => readPage(plural, listOf(plural, [item])).data?.images;

const spec = {
  containers: [
    { name: "a", image: "r/a:1" },
    { name: "b", image: "r/b@sha256:1" },
  ],
  initContainers: [{ name: "i", image: "r/i" }],
  volumes: [
    { name: "v", image: { reference: "r/v:1", pullPolicy: "Always" } },
    { name: "w", emptyDir: {} },
  ],
};
const ALL = ["r/a:1", "r/b@sha256:1", "r/i", "r/v:1"];
const templated = { metadata: {}, spec: { replicas: 0, template: { spec } } };

test("the kinds are those that hold pod templates, and pods come last", () => {
  expect(WORKLOAD_KINDS.map(({ plural }) => plural).toSorted()).toEqual(Object.keys(KINDS));
  expect(WORKLOAD_KINDS.at(-1)?.plural).toBe("pods");
});

test.each(["deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers", "jobs"])(
  "templates of %s, also at zero replicas",
  (plural) => {
    expect(images(plural, templated)).toEqual(ALL);
  },
);

test("templates of the templates of cronjobs, also of one that is suspended", () => {
  expect(images("cronjobs", { spec: { suspend: true, jobTemplate: { spec: { template: { spec } } } } })).toEqual(ALL);
});

test("a pod's images, those that were added while it runs, and what its status says it runs", () => {
  const pod = {
    spec: { ...spec, ephemeralContainers: [{ name: "debug", image: "r/debug" }] },
    status: {
      containerStatuses: [{ imageID: "r/a@sha256:2" }, { imageID: "" }, {}],
      initContainerStatuses: [{ imageID: "docker-pullable://r/i@sha256:3" }],
      ephemeralContainerStatuses: [{ imageID: "sha256:4" }],
    },
  };
  expect(new Set(images("pods", pod))).toEqual(
    new Set([...ALL, "r/debug", "r/a@sha256:2", "docker-pullable://r/i@sha256:3", "sha256:4"]),
  );
});

test.each([{}, { status: null }, { status: {} }, { status: { containerStatuses: null } }])(
  "a pod that nobody has started is read: %j",
  (rest) => {
    expect(
      images("pods", { spec: { containers: [{ image: "r/a" }], initContainers: null, volumes: null }, ...rest }),
    ).toEqual(["r/a"]);
  },
);

test("an image is given as it is written", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (names) => {
      const containers = names.map((image) => ({ image }));
      expect(images("pods", { spec: { containers } })).toEqual(names);
    }),
  );
});

describe("one item that cannot be read makes the page unreadable", () => {
  test.each<[string, unknown]>([
    ["null", null],
    ["no spec", { metadata: {} }],
    ["no template", { spec: {} }],
    ["a template without a spec", { spec: { template: {} } }],
    ["no containers", { spec: { template: { spec: {} } } }],
    ["an empty list of containers", { spec: { template: { spec: { containers: [] } } } }],
    ["a container without an image", { spec: { template: { spec: { containers: [{ name: "a" }] } } } }],
    ["an empty image", { spec: { template: { spec: { containers: [{ image: "" }] } } } }],
    ["an image that is no text", { spec: { template: { spec: { containers: [{ image: 1 }] } } } }],
    ["an init container without an image", { spec: { template: { spec: { ...spec, initContainers: [{}] } } } }],
    ["volumes that are no list", { spec: { template: { spec: { ...spec, volumes: {} } } } }],
    [
      "a reference that is no text",
      { spec: { template: { spec: { ...spec, volumes: [{ image: { reference: 1 } }] } } } },
    ],
  ])("%s", (_, item) => {
    expect(readPage("deployments", listOf("deployments", [templated, item, templated])).success).toBe(false);
  });

  test("a status that is none", () => {
    expect(readPage("pods", listOf("pods", [{ spec, status: { containerStatuses: "x" } }])).success).toBe(false);
  });
});

test.each<[string, unknown]>([
  ["another kind's list", { ...listOf("deployments", []), kind: "PodList" }],
  ["another version's list", { ...listOf("deployments", []), apiVersion: "apps/v1beta1" }],
  ["no list of items", { ...listOf("deployments", []), items: undefined }],
  ["items that are no list", listOf("deployments", {})],
  ["no metadata", { ...listOf("deployments", []), metadata: undefined }],
  ["a way on that is no text", listOf("deployments", [], { continue: 1 })],
  ["a table", { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: {}, rows: [] }],
  ["nothing", undefined],
])("%s is no page", (_, list) => {
  expect(readPage("deployments", list).success).toBe(false);
});

test("a page says where the next one begins; an empty word is the end", () => {
  const next = (metadata: object) => readPage("pods", listOf("pods", null, metadata)).data;
  expect(next({ continue: "abc" })).toEqual({ images: [], next: "abc" });
  expect(next({ continue: "" })).toEqual({ images: [], next: null });
  expect(next({})).toEqual({ images: [], next: null });
});
