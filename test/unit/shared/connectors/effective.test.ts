import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesAction, mayDo, mayDoData } from "../../../../shared/connectors/effective.ts";
import type { Permission } from "../../../../shared/connectors/ports.ts";

const entry = (lists: Partial<Permission>): Permission => ({
  actions: [],
  notActions: [],
  dataActions: [],
  notDataActions: [],
  ...lists,
});
const PULL = "Microsoft.ContainerRegistry/registries/pull/read";

/** The plain meaning of a pattern, slow: what the fast one must agree with. */
function means(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const [head, tail] = [pattern[0], pattern.slice(1)];
  if (head !== "*") return text !== "" && text[0] === head && means(tail, text.slice(1));
  return means(tail, text) || (text !== "" && means(pattern, text.slice(1)));
}

describe("matchesAction", () => {
  test.each([
    ["*", PULL, true],
    ["*/read", PULL, true],
    ["Microsoft.ContainerRegistry/*/read", PULL, true],
    ["microsoft.containerregistry/REGISTRIES/pull/read", PULL, true],
    ["Microsoft.ContainerRegistry/registries/*", PULL, true],
    ["*/write", PULL, false],
    ["Microsoft.ContainerRegistry/registries/pull", PULL, false],
    ["Microsoft.ContainerRegistry.registries/pull/read", PULL, false],
    ["", PULL, false],
    ["ab*ba", "aba", false],
  ])("%s, %s: %s", (pattern, action, expected) => {
    expect(matchesAction(pattern, action)).toBe(expected);
  });

  test("means what the plain definition means", () => {
    const letters = (units: string[], maxLength: number) =>
      fc.array(fc.constantFrom(...units), { maxLength }).map((parts) => parts.join(""));
    const property = fc.property(letters(["a", "b", "/", "*"], 8), letters(["a", "b", "/"], 8), (pattern, text) => {
      expect(matchesAction(pattern, text)).toBe(means(pattern, text));
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test("a pattern made to be slow is not", () => {
    const pattern = `${"a*".repeat(5_000)}b`;
    expect(matchesAction(pattern, "a".repeat(10_000))).toBe(false);
  });
});

describe("mayDo", () => {
  test("what one entry takes back, another may still give", () => {
    const contributor = entry({ actions: ["*"], notActions: ["*/pull/read"] });
    expect(mayDo([contributor], PULL)).toBe(false);
    expect(mayDo([contributor, entry({ actions: ["*/read"] })], PULL)).toBe(true);
    expect(mayDo([], PULL)).toBe(false);
  });

  test("more entries never take anything away", () => {
    const patterns = fc.array(fc.constantFrom("*", "*/read", PULL, "*/write"), { maxLength: 3 });
    const entries = fc.array(fc.record({ actions: patterns, notActions: patterns }).map(entry), { maxLength: 4 });
    const property = fc.property(entries, entries, (some, more) => {
      if (mayDo(some, PULL)) expect(mayDo([...more, ...some], PULL)).toBe(true);
    });
    fc.assert(property);
  });

  test("data actions are no control actions", () => {
    expect(mayDo([entry({ dataActions: ["*"] })], PULL)).toBe(false);
  });
});

describe("mayDoData", () => {
  const READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
  test("an action that is listed may be done; one that is not listed is not known", () => {
    expect(mayDoData([entry({ dataActions: ["*/blobs/read"] })], READ)).toBe(true);
    expect(mayDoData([entry({ dataActions: ["*"], notDataActions: [READ] })], READ)).toBeNull();
    expect(mayDoData([entry({ actions: ["*"] })], READ)).toBeNull();
  });
});
