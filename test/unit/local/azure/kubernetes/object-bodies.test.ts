/** See the file of the same name under infra/local/azure/kubernetes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resourceOfKind } from "../../../../../infra/local/azure/kubernetes/api-resources.ts";
import { ApiError } from "../../../../../infra/local/azure/kubernetes/api-status.ts";
import { parseBody, readObject } from "../../../../../infra/local/azure/kubernetes/object-bodies.ts";
import { PROTOBUF } from "../../../../../infra/local/azure/kubernetes/protobuf-bodies.ts";

const SECRET = resourceOfKind("Secret");
const refusal = (act: () => unknown) => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof ApiError ? error.status : error;
  }
};
const field = (number: number, content: Buffer | string) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};

describe("bodies", () => {
  test("a Secret in protobuf is what its JSON is", () => {
    const entry = field(2, Buffer.concat([field(1, "key"), field(2, "value")]));
    const raw = Buffer.concat([
      field(1, Buffer.concat([field(1, "lease"), field(3, "vision")])),
      entry,
      field(3, "Opaque"),
    ]);
    const type = Buffer.concat([field(1, "v1"), field(2, "Secret")]);
    const body = Buffer.concat([Buffer.from("k8s\0"), field(1, type), field(2, raw)]);
    expect(parseBody(body, PROTOBUF)).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "lease", namespace: "vision" },
      data: { key: Buffer.from("value").toString("base64") },
      type: "Opaque",
    });
  });

  test("whatever bytes come are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isMarked) => {
        const body = Buffer.concat([isMarked ? Buffer.from("k8s\0") : Buffer.alloc(0), bytes]);
        expect([undefined, 400, 501]).toContain(refusal(() => parseBody(body, PROTOBUF)));
      }),
    );
  });

  test.each([
    ["no name", { metadata: {} }, 422],
    ["a name in capitals", { metadata: { name: "Lease" } }, 422],
    ["a name that climbs", { metadata: { name: "../x" } }, 422],
    ["another namespace", { metadata: { name: "a", namespace: "speech" } }, 400],
    ["another kind", { kind: "Pod", metadata: { name: "a" } }, 400],
    ["a label that is none", { metadata: { name: "a", labels: { "not a key": "x" } } }, 422],
    ["a value that is no Base64", { metadata: { name: "a" }, data: { k: "%" } }, 400],
    ["a key that is none", { metadata: { name: "a" }, stringData: { "a/b": "x" } }, 422],
    [
      "a token that the cluster would fill in",
      { metadata: { name: "a" }, type: "kubernetes.io/service-account-token" },
      501,
    ],
    ["nothing wrong", { metadata: { name: "a", labels: { "latchkey.dev/lease": "l-1" } } }, undefined],
  ])("a Secret with %s", (_what, value, status) => {
    expect(refusal(() => readObject(value, SECRET, "vision"))).toBe(status);
  });

  test.each([
    ["Pod", {}, 422],
    ["Pod", { spec: { containers: [{ name: "main" }] } }, 422],
    ["Pod", { spec: { containers: [{ name: "main", image: "zenml" }] } }, undefined],
    ["Job", { spec: { template: { spec: {} } } }, 422],
    ["Job", { spec: { template: { spec: { containers: [{ name: "main", image: "zenml" }] } } } }, undefined],
    ["RoleBinding", { subjects: [] }, 422],
    ["RoleBinding", { roleRef: { kind: "Role", name: "Any Name" } }, undefined],
  ])("a %s of %j", (kind, content, status) => {
    expect(refusal(() => readObject({ metadata: { name: "a" }, ...content }, resourceOfKind(kind), "vision"))).toBe(
      status,
    );
  });

  test("a generated name has its beginning and five letters more", () => {
    const { name } = readObject({ metadata: { generateName: "lease-" } }, SECRET, "vision");
    expect(name).toMatch(/^lease-[a-z0-9]{5}$/);
  });
});
