import { expect, test } from "vitest";
import { readRunPolicy } from "../../../../shared/purge/run-policy.ts";
import { policyText } from "../../../support/purge-step-world.ts";

test("the policy of a run is the one that it began with", () => {
  const policyJson = policyText({ limits: { maxItems: 9_000_000 } });
  expect(JSON.stringify(readRunPolicy({ policyJson }))).toBe(policyJson);
});

test.each(["{}", "null", policyText().replace("weekly", "yearly")])("%s is none", (policyJson) => {
  expect(() => readRunPolicy({ policyJson })).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
});

test("nor is what is no JSON", () => {
  expect(() => readRunPolicy({ policyJson: "{" })).toThrow(SyntaxError);
});
