/** Lint of one pattern of a purge policy: what it surely does not mean as its writer may think. Used by lint.ts. */

import { childrenOf, type PatternNode } from "../pattern/nodes.ts";
import type { Pattern } from "../pattern/parse.ts";
import { isAnchor, isAnyRun, itemsOf, literalOf, type NameKind, ungrouped } from "../pattern/shape.ts";
import { type Impossible, whyImpossible } from "./lint-impossible.ts";

/** Codes of lintPattern; lint.ts says what each means. */
export type PatternWarningCode =
  | "NOT_A_PART"
  | "NOT_A_START"
  | "NOT_AN_END"
  | "UNGROUPED_ALTERNATION"
  | "LOOKS_LIKE_GLOB"
  | "FLAGS_LEAK"
  | "NEVER_MATCHES";
/** One warning about a pattern. */
export type PatternWarning = { readonly code: PatternWarningCode; readonly detail: string };

const WHY: Readonly<Record<Impossible, string>> = {
  character: "it wants a character that no such name can have; repositories have no capital letters",
  form: "no name has this form",
  length: "it wants more characters than a name can have",
  place: "it wants the beginning or the end of the name in its middle",
  "look-around": "its look-around forbids what the rest wants",
};

/** All that is odd about one pattern. */
export function lintPattern(pattern: Pattern, kind: NameKind): readonly PatternWarning[] {
  const impossible = whyImpossible(pattern.root, kind);
  if (impossible !== null) {
    const never: PatternWarning = { code: "NEVER_MATCHES", detail: `No ${kind} matches: ${WHY[impossible]}.` };
    // `^team/` was meant as a beginning: that is what to mend.
    return impossible === "form" ? [never, ...boundWarnings(pattern, kind)] : [never];
  }
  const warnings: PatternWarning[] = [];
  if (hasUngroupedAlternation(pattern.root)) {
    warnings.push({
      code: "UNGROUPED_ALTERNATION",
      detail:
        "The anchors belong to single branches. Each branch is matched against the full name here: leave the anchors out, or put a group round the branches.",
    });
  } else warnings.push(...boundWarnings(pattern, kind));
  if (looksLikeGlob(pattern.root, kind)) {
    warnings.push({
      code: "LOOKS_LIKE_GLOB",
      detail: "A star repeats the one character before it. For any characters write `.*`, for a point `\\.`.",
    });
  }
  if (hasLeakingFlags(pattern.root)) {
    warnings.push({
      code: "FLAGS_LEAK",
      detail:
        "The flags hold for the branches behind the `|` too. Put them in a group with what they are for: `(?i:...)`.",
    });
  }
  return warnings;
}

/** `^foo|bar$`: some branches have an anchor that others lack. */
function hasUngroupedAlternation(root: PatternNode): boolean {
  if (root.kind !== "alternation") return false;
  const begun = root.branches.filter((branch) => isBound(branch, "begin")).length;
  const ended = root.branches.filter((branch) => isBound(branch, "end")).length;
  const all = root.branches.length;
  return (begun > 0 && begun < all) || (ended > 0 && ended < all);
}

/** What would be found in the middle of a name by a search, but must be the full name here. */
function boundWarnings({ root }: Pattern, kind: NameKind): PatternWarning[] {
  const branches = root.kind === "alternation" ? root.branches : [root];
  const isBegun = branches.every((branch) => isBound(branch, "begin"));
  const isEnded = branches.every((branch) => isBound(branch, "end"));
  const isTightBefore = !isBegun && branches.some((branch) => !startsOpen(branch, kind));
  const isTightBehind = !isEnded && branches.some((branch) => !endsOpen(branch, kind));
  if (isBegun && isTightBehind) {
    return [
      {
        code: "NOT_A_START",
        detail: "It takes the full name, not its beginning. For a beginning put `.*` at the end.",
      },
    ];
  }
  if (isEnded && isTightBefore) {
    return [
      { code: "NOT_AN_END", detail: "It takes the full name, not its end. For an end put `.*` at the beginning." },
    ];
  }
  if (isBegun || isEnded) return [];
  if (branches.every((branch) => startsOpen(branch, kind) || endsOpen(branch, kind))) return [];
  // `acr purge` anchors a repository's half itself, with no group: only the first and the last branch differ there.
  if (kind === "repository") {
    if (branches.length === 1) return [];
    return [
      {
        code: "NOT_A_PART",
        detail:
          "Each branch takes a full name; acr purge would take names that begin with the first or end with the last.",
      },
    ];
  }
  return [
    {
      code: "NOT_A_PART",
      detail: "It takes the full tag; acr purge would find it in a part of one. For a part put `.*` at both ends.",
    },
  ];
}

function isBound(branch: PatternNode, anchor: "begin" | "end"): boolean {
  const items = itemsOf(ungrouped(branch)).filter((item) => item.kind !== "flags");
  const item = anchor === "begin" ? items[0] : items.at(-1);
  return item !== undefined && isAnchor(item, anchor);
}

function startsOpen(branch: PatternNode, kind: NameKind): boolean {
  const first = itemsOf(ungrouped(branch)).find((item) => item.kind !== "flags" && item.kind !== "look");
  return first !== undefined && isOpen(first, kind);
}

function endsOpen(branch: PatternNode, kind: NameKind): boolean {
  const last = itemsOf(ungrouped(branch)).findLast((item) => item.kind !== "look");
  return last !== undefined && isOpen(last, kind);
}

/** A run of many characters is meant as `the rest`, also when some are left out: `[a-z0-9-]+`. */
function isOpen(item: PatternNode, kind: NameKind): boolean {
  const inner = ungrouped(item);
  return (
    isAnyRun(inner, kind, 1) ||
    (inner.kind === "repeat" && inner.max === Number.POSITIVE_INFINITY && ungrouped(inner.body).kind !== "literal")
  );
}

/** `team/*`, `dev-*`: a star behind a separator, or at the end behind nothing but plain characters. */
function looksLikeGlob(root: PatternNode, kind: NameKind): boolean {
  const items = itemsOf(root);
  return items.some((item, i) => {
    if (item.kind === "repeat" && isAnchor(item.body, "begin")) return true;
    if (
      item.kind !== "repeat" ||
      item.min !== 0 ||
      item.max !== Number.POSITIVE_INFINITY ||
      item.body.kind !== "literal"
    )
      return false;
    if ("/-_.".includes(String.fromCodePoint(item.body.codePoint))) return true;
    const before = items.slice(0, i);
    return i === items.length - 1 && before.every((one) => literalOf(one, kind) !== null || isAnchor(one, "begin"));
  });
}

/** Flags outside a group of their own, in a branch that others follow. */
function hasLeakingFlags(node: PatternNode): boolean {
  if (node.kind === "alternation") {
    const leading = node.branches.slice(0, -1);
    if (leading.some((branch) => itemsOf(branch).some((item) => item.kind === "flags"))) return true;
  }
  return childrenOf(node).some(hasLeakingFlags);
}
