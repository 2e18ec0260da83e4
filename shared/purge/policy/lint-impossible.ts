/** Why no name at all can match a pattern, where that is plain to see from its tree. Used by lint-pattern.ts. */
import { compilePattern } from "../pattern/match.ts";
import type { LookNode, PatternNode } from "../pattern/nodes.ts";
import {
  isAlwaysEmpty,
  itemsOf,
  literalOf,
  literalStart,
  MAX_NAME_LENGTH,
  NAME_CHARACTERS,
  type NameKind,
  takes,
  takesEveryName,
} from "../pattern/shape.ts";

/** What forbids every name. */
export type Impossible = "character" | "form" | "length" | "place" | "look-around";

// Source: OCI distribution specification 1.1, `<name>` and `<reference>`.
const NAME_FORMS: Readonly<Record<NameKind, RegExp>> = {
  repository: /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/,
  tag: /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
};
/** What a name cannot begin with. */
const BAD_STARTS: Readonly<Record<NameKind, RegExp>> = { repository: /^[._/-]/, tag: /^[.-]/ };

/** Null when some name may match. It never says so wrongly; it may miss what is hidden deeper. */
export function whyImpossible(root: PatternNode, kind: NameKind): Impossible | null {
  if (root.kind === "alternation") {
    const reasons = root.branches.map((branch) => whyImpossible(branch, kind));
    return reasons.includes(null) ? null : (reasons[0] ?? null);
  }
  if (root.kind === "group") return whyImpossible(root.body, kind);
  const inside = whyNodeImpossible(root, kind);
  if (inside !== null) return inside;
  if (leastLength(root) > MAX_NAME_LENGTH[kind]) return "length";
  if (hasForbiddingLook(itemsOf(root), kind)) return "look-around";
  const literal = literalOf(root, kind);
  if (literal !== null) return NAME_FORMS[kind].test(literal) ? null : "form";
  return BAD_STARTS[kind].test(literalStart(withoutLooks(itemsOf(root)), kind)) ? "form" : null;
}

function whyNodeImpossible(node: PatternNode, kind: NameKind): Impossible | null {
  switch (node.kind) {
    case "literal":
    case "class":
      return NAME_CHARACTERS[kind].some((codePoint) => takes(node, codePoint)) ? null : "character";
    case "group":
      return whyNodeImpossible(node.body, kind);
    case "repeat":
      return node.min === 0 ? null : whyNodeImpossible(node.body, kind);
    case "alternation": {
      const reasons = node.branches.map((branch) => whyNodeImpossible(branch, kind));
      return reasons.includes(null) ? null : (reasons[0] ?? null);
    }
    case "sequence":
      return (
        node.items.map((item) => whyNodeImpossible(item, kind)).find((why) => why !== null) ??
        whyPlaceImpossible(node.items)
      );
    case "look":
      return whyLookImpossible(node, kind);
    default:
      return null;
  }
}

/** An anchor with characters on its wrong side. */
function whyPlaceImpossible(items: readonly PatternNode[]): Impossible | null {
  const isWrong = items.some((item, i) => {
    if (item.kind !== "anchor") return false;
    if (item.anchor === "begin") return items.slice(0, i).some((before) => leastLength(before) > 0);
    return item.anchor === "end" && items.slice(i + 1).some((behind) => leastLength(behind) > 0);
  });
  return isWrong ? "place" : null;
}

function whyLookImpossible(node: LookNode, kind: NameKind): Impossible | null {
  // What is found at every place is forbidden at every place.
  if (node.negative) return isAlwaysEmpty(node.body) ? "look-around" : null;
  return whyNodeImpossible(node.body, kind) === null ? null : "look-around";
}

/**
 * A look-ahead at the beginning against the plain characters that must stand there: `(?!foo)foo.*`, `(?=a)b`, or a whole name
 * that is forbidden: `(?!foo$)foo`.
 */
function hasForbiddingLook(items: readonly PatternNode[], kind: NameKind): boolean {
  const looks = items.filter(
    (item, i): item is LookNode => item.kind === "look" && item.ahead && items.slice(0, i).every(takesNothing),
  );
  const rest = withoutLooks(items);
  const start = literalStart(rest, kind);
  const literals = rest.map((item) => literalOf(item, kind));
  const isWhole = literals.every((literal) => literal !== null);
  return looks.some((look) => {
    if (look.negative && takesEveryName(look.body, kind)) return true;
    if (start === "") return false;
    const isFound = startsWith(look.body, start, isWhole);
    return look.negative ? isFound === true : isFound === false;
  });
}

function withoutLooks(items: readonly PatternNode[]): readonly PatternNode[] {
  return items.filter((item) => item.kind !== "look");
}

function takesNothing(item: PatternNode): boolean {
  return item.kind === "look" || item.kind === "flags" || (item.kind === "anchor" && item.anchor === "begin");
}

/** Whether every name that begins so (or is so, when `isWhole`) has the body at its beginning: null when not every or not none. */
function startsWith(body: PatternNode, start: string, isWhole: boolean): boolean | null {
  const { search } = compilePattern({ text: "", root: atBeginning(body) });
  const isFound = search(start);
  if (isWhole) return isFound;
  // More may follow: what looks at the end, or behind the known start, is not decided by it.
  if (holdsPlace(body)) return null;
  if (isFound) return true;
  return mostLength(body) <= start.length ? false : null;
}

function atBeginning(body: PatternNode): PatternNode {
  const span = { start: body.start, end: body.end };
  return {
    kind: "sequence",
    items: [
      { kind: "anchor", anchor: "begin", ...span },
      { kind: "group", capture: false, name: undefined, body, ...span },
    ],
    ...span,
  };
}

/** Anchors and look-arounds: what they find depends on more than the characters taken. */
function holdsPlace(node: PatternNode): boolean {
  switch (node.kind) {
    case "anchor":
    case "look":
      return true;
    case "sequence":
      return node.items.some(holdsPlace);
    case "alternation":
      return node.branches.some(holdsPlace);
    case "group":
    case "repeat":
      return holdsPlace(node.body);
    default:
      return false;
  }
}

/** Fewest characters that a node takes. */
function leastLength(node: PatternNode): number {
  switch (node.kind) {
    case "literal":
    case "class":
      return 1;
    case "group":
      return leastLength(node.body);
    case "repeat":
      return node.min * leastLength(node.body);
    case "sequence":
      return node.items.reduce((sum, item) => sum + leastLength(item), 0);
    case "alternation":
      return Math.min(...node.branches.map(leastLength));
    default:
      return 0;
  }
}

/** Most characters that a node takes. */
function mostLength(node: PatternNode): number {
  switch (node.kind) {
    case "literal":
    case "class":
      return 1;
    case "group":
      return mostLength(node.body);
    case "repeat": {
      const most = mostLength(node.body);
      return most === 0 ? 0 : node.max * most;
    }
    case "sequence":
      return node.items.reduce((sum, item) => sum + mostLength(item), 0);
    case "alternation":
      return Math.max(...node.branches.map(mostLength));
    default:
      return 0;
  }
}
