/** What can be told of a pattern from its tree alone: one name, every name, where it is bound. Used by lint and acr-filter.ts. */
import { isInSet, lowerCaseOf } from "./charset.ts";
import type { AnchorKind, PatternNode } from "./nodes.ts";

/** Names that patterns are asked about. */
export type NameKind = "repository" | "tag";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
/** Characters that names can have. Source: OCI distribution specification 1.1, `<name>` and `<reference>`. */
export const NAME_CHARACTERS: Readonly<Record<NameKind, readonly number[]>> = {
  repository: codePointsOf(`${LOWER}${DIGITS}._-/`),
  tag: codePointsOf(`${LOWER}${LOWER.toUpperCase()}${DIGITS}._-`),
};
/** Longest names, in characters. Source: as above; a name of 255 with its registry's host is what clients take. */
export const MAX_NAME_LENGTH: Readonly<Record<NameKind, number>> = { repository: 255, tag: 128 };

function codePointsOf(text: string): readonly number[] {
  return [...text].map((char) => char.codePointAt(0) ?? 0);
}

/** The items of a node that stand one after the other; itself when it is no sequence. */
export function itemsOf(node: PatternNode): readonly PatternNode[] {
  return node.kind === "sequence" ? node.items : [node];
}

/** Inside all groups. */
export function ungrouped(node: PatternNode): PatternNode {
  return node.kind === "group" ? ungrouped(node.body) : node;
}

/** Whether a class or literal takes this character. */
export function takes(node: PatternNode, codePoint: number): boolean {
  if (node.kind !== "literal" && node.kind !== "class") return false;
  const asked = node.ignoreCase ? lowerCaseOf(codePoint) : codePoint;
  return node.kind === "literal" ? node.codePoint === asked : isInSet(node.set, asked);
}

/** Whether the node is one that any run of a name's characters fits, with `least` of them at least. */
export function isAnyRun(node: PatternNode, kind: NameKind, least: 0 | 1): boolean {
  const inner = ungrouped(node);
  if (inner.kind !== "repeat" || inner.min > least || inner.max !== Number.POSITIVE_INFINITY) return false;
  const body = ungrouped(inner.body);
  return NAME_CHARACTERS[kind].every((codePoint) => takes(body, codePoint));
}

/** Whether it holds at every place without taking a character: a search for it finds it in any name. */
export function isAlwaysEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case "empty":
    case "flags":
      return true;
    case "repeat":
      return node.min === 0 || isAlwaysEmpty(node.body);
    case "group":
      return isAlwaysEmpty(node.body);
    case "sequence":
      return node.items.every(isAlwaysEmpty);
    case "alternation":
      return node.branches.some(isAlwaysEmpty);
    default:
      return false;
  }
}

/** Whether every name of that kind fits as a whole. Only what is plain to see: false can also mean `not known`. */
export function takesEveryName(node: PatternNode, kind: NameKind): boolean {
  if (node.kind === "group") return takesEveryName(node.body, kind);
  if (node.kind === "alternation") return node.branches.some((branch) => takesEveryName(branch, kind));
  const items = withoutEnds(itemsOf(node));
  if (!items.some((item) => isAnyRun(item, kind, 1))) return false;
  // No name is empty, so that one run may ask for a character.
  return (
    items.filter((item) => !isAlwaysEmpty(item)).length <= 1 &&
    items.every((item) => isAlwaysEmpty(item) || isAnyRun(item, kind, 1))
  );
}

/** Items without the anchors at both ends, which say nothing where the whole name is matched. */
export function withoutEnds(items: readonly PatternNode[]): readonly PatternNode[] {
  const first = items.findIndex((item) => !isAnchor(item, "begin") && item.kind !== "flags");
  const last = items.findLastIndex((item) => !isAnchor(item, "end"));
  return first === -1 ? [] : items.slice(first, last + 1);
}

/** Whether it is that anchor, in a group or not. */
export function isAnchor(node: PatternNode, anchor: AnchorKind): boolean {
  const inner = ungrouped(node);
  return inner.kind === "anchor" && inner.anchor === anchor;
}

/** The one text that the pattern takes as a whole; null when it may be several, or is not plain to see. */
export function literalOf(node: PatternNode, kind: NameKind): string | null {
  const texts = withoutEnds(itemsOf(node)).map((item) => literalPart(item, kind));
  return joined(texts);
}

function literalPart(node: PatternNode, kind: NameKind): string | null {
  switch (node.kind) {
    case "empty":
    case "flags":
      return "";
    case "literal":
    case "class": {
      const fitting = NAME_CHARACTERS[kind].filter((codePoint) => takes(node, codePoint));
      const [only] = fitting;
      if (only !== undefined) return fitting.length === 1 ? String.fromCodePoint(only) : null;
      return node.kind === "literal" ? String.fromCodePoint(node.codePoint) : null;
    }
    case "group":
      return literalPart(node.body, kind);
    case "sequence":
      return joined(node.items.map((item) => literalPart(item, kind)));
    case "repeat": {
      if (node.min !== node.max || node.max > MAX_NAME_LENGTH[kind] + 1) return null;
      return literalPart(node.body, kind)?.repeat(node.min) ?? null;
    }
    default:
      return null;
  }
}

function joined(texts: readonly (string | null)[]): string | null {
  return texts.some((text) => text === null) ? null : texts.join("");
}

/** What every name begins with that the pattern takes; empty when that is not plain to see. */
export function literalStart(items: readonly PatternNode[], kind: NameKind): string {
  const texts: string[] = [];
  for (const item of items) {
    const text = isAnchor(item, "begin") ? "" : literalPart(item, kind);
    if (text === null) break;
    texts.push(text);
  }
  return texts.join("");
}
