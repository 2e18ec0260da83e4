/** See the file of the same name under infra/local/azure/kubernetes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApiError } from "../../../../../infra/local/azure/kubernetes/api-status.ts";
import { merge, readPatch, strategicMerge } from "../../../../../infra/local/azure/kubernetes/patches.ts";

const refusal = (act: () => unknown) => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof ApiError ? error.status : error;
  }
};

// Every example of RFC 7396, appendix A.
test.each<[unknown, unknown, unknown]>([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("merge of %j and %j", (current, patch, result) => {
  expect(merge(current, patch)).toEqual(result);
});

describe("strategic merge", () => {
  const current = {
    replicas: 2,
    containers: [
      { name: "a", image: "r/a:1", args: ["x"], env: [{ name: "E", value: "1" }] },
      { name: "b", image: "r/b:1" },
    ],
  };

  test.each<[string, object, object]>([
    [
      "an item of the same name is merged, its plain lists are replaced",
      { containers: [{ name: "a", image: "r/a:2", args: ["y"], env: [{ name: "F", value: "2" }] }] },
      {
        replicas: 2,
        containers: [
          {
            name: "a",
            image: "r/a:2",
            args: ["y"],
            env: [
              { name: "E", value: "1" },
              { name: "F", value: "2" },
            ],
          },
          { name: "b", image: "r/b:1" },
        ],
      },
    ],
    [
      "an item of another name is added",
      { containers: [{ name: "c", image: "r/c" }] },
      { replicas: 2, containers: [...current.containers, { name: "c", image: "r/c" }] },
    ],
    [
      "items go, and the wished order is no member",
      { "$setElementOrder/containers": [{ name: "b" }], containers: [{ name: "a", $patch: "delete" }] },
      { replicas: 2, containers: [{ name: "b", image: "r/b:1" }] },
    ],
    [
      "a list is replaced",
      { containers: [{ $patch: "replace" }, { name: "z", image: "r/z" }] },
      { replicas: 2, containers: [{ name: "z", image: "r/z" }] },
    ],
    ["an object is replaced", { $patch: "replace", paused: true }, { paused: true }],
    ["what is not retained goes", { $retainKeys: ["replicas"], replicas: 3 }, { replicas: 3 }],
    ["null takes away", { replicas: null, containers: null }, {}],
  ])("%s", (_, patch, result) => {
    expect(strategicMerge(current, patch)).toEqual(result);
  });

  test("finalizers are put together and taken out one by one", () => {
    expect(strategicMerge({ finalizers: ["a"] }, { finalizers: ["b", "a"] })).toEqual({ finalizers: ["a", "b"] });
    expect(strategicMerge({ finalizers: ["a", "b"] }, { "$deleteFromPrimitiveList/finalizers": ["a"] })).toEqual({
      finalizers: ["b"],
    });
  });

  test("a member called __proto__ is a member, and nothing else changes", () => {
    const patch: unknown = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}}}');
    for (const join of [merge, strategicMerge]) {
      expect(Reflect.get(Object(join({}, patch)), "polluted")).toBeUndefined();
      expect(Reflect.get({}, "polluted")).toBeUndefined();
    }
  });

  test("what is patched with itself stays as it is", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/));
    const object = fc.record({
      replicas: fc.nat(),
      containers: names.map((all) => all.map((name) => ({ name, image: `r/${name}` }))),
      args: fc.array(fc.string()),
    });
    fc.assert(
      fc.property(object, (one) => {
        expect(strategicMerge(one, one)).toEqual(one);
        expect(merge(one, one)).toEqual(one);
      }),
    );
  });
});

test.each([
  ["application/json-patch+json", "[]", 501],
  ["application/apply-patch+yaml", "{}", 501],
  ["application/json", "{}", 415],
  [undefined, "{}", 415],
  ["application/merge-patch+json", "{", 400],
  ["application/merge-patch+json", "[]", 400],
  ["application/strategic-merge-patch+json", "null", 400],
  ["Application/Merge-Patch+JSON; charset=utf-8", "{}", undefined],
])("a patch of type %s that is %s", (type, text, status) => {
  expect(refusal(() => readPatch(Buffer.from(text), type))).toBe(status);
});
