/** Mirrors infra/local/azure/registry/registry-settings.ts. */
import { expect, test } from "vitest";
import { createRegistryControl } from "../../../../../infra/local/azure/registry/registry-settings.ts";

const GRANTED = [
  { type: "repository", name: "a", actions: ["pull"] },
  { type: "repository", name: "b", actions: ["pull", "push"] },
];

test.each([
  ["asked", GRANTED],
  ["less", [{ type: "repository", name: "b", actions: ["pull"] }]],
  ["other", [...GRANTED, { type: "repository", name: "unasked/repository", actions: ["pull"] }]],
] as const)("%s", (grants, expected) => {
  const control = createRegistryControl();
  control.change({ grants });
  expect(control.distort(GRANTED)).toEqual(expected);
  control.reset();
  expect(control.distort(GRANTED)).toEqual(GRANTED);
});

test("more: every action of each", () => {
  const control = createRegistryControl();
  control.change({ grants: "more" });
  expect(control.distort(GRANTED).map(({ actions }) => actions.includes("delete"))).toEqual([true, true]);
});
