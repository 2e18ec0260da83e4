import { expect, test } from "vitest";
import { isAtOrBelow } from "../../../shared/resource-tree.ts";

test.each<[string, string, boolean]>([
  ["/a/b", "/a/b", true],
  ["/A/b", "/a/B", true],
  ["/a/b/c", "/a/b", true],
  ["/a/b", "/a/b/", true],
  ["/a/bc", "/a/b", false],
  ["/a", "/a/b", false],
  ["https://v.example/secrets/x", "https://V.example", true],
])("%s is at or below %s: %s", (id, other, is) => expect(isAtOrBelow(id, other)).toBe(is));
