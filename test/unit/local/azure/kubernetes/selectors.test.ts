/** See the file of the same name under infra/local/azure/kubernetes. */
import { describe, expect, test } from "vitest";
import { fieldSelector, labelSelector } from "../../../../../infra/local/azure/kubernetes/selectors.ts";

const object = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "a",
    namespace: "vision",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-11-22T08:00:00Z",
    labels: { team: "vision", "latchkey.dev/lease": "l-1" },
  },
  type: "Opaque",
};

describe("selectors", () => {
  test.each([
    ["", true],
    ["team=vision", true],
    ["team==speech", false],
    ["team!=speech", true],
    ["other!=x", true],
    ["latchkey.dev/lease", true],
    ["!latchkey.dev/lease", false],
    ["!other", true],
    ["team in (speech, vision)", true],
    ["team notin (vision)", false],
    ["team in (speech,vision),latchkey.dev/lease=l-1", true],
    ["team=vision,team=speech", false],
  ])("labels %s: %s", (text, expected) => {
    expect(labelSelector(text)(object)).toBe(expected);
  });

  test.each([
    ["metadata.name=a", true],
    ["metadata.name!=a", false],
    ["metadata.name=a,type=Opaque", true],
    ["metadata.namespace=speech", false],
  ])("fields %s: %s", (text, expected) => {
    expect(fieldSelector(text)(object)).toBe(expected);
  });

  test("what cannot be read is refused", () => {
    expect(() => labelSelector("a=b=c")).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => fieldSelector("spec.secret=x")).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => fieldSelector("constructor=x")).toThrow(expect.objectContaining({ status: 400 }));
  });
});
