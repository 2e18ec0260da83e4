/** The tree of a purge pattern, as parse.ts builds it, match.ts runs it and the policy's linter walks it. */

/** Code points `first` to `last`, both in. */
export type CharRange = { readonly first: number; readonly last: number };

/** A Unicode general category or script by its name in regexp2 (`Lu`, `Greek`), or all that is not in it. */
export type CharCategory = { readonly name: string; readonly negated: boolean };

/** A set of characters. `negated` turns the whole set round; the order of `categories` matters (see charset.ts). */
export type CharSet = {
  readonly negated: boolean;
  readonly ranges: readonly CharRange[];
  readonly categories: readonly CharCategory[];
};

/** Where a node stands in the pattern's text: 0-based, `end` is the offset after its last character. */
export type Span = { readonly start: number; readonly end: number };

/**
 * What a place must be, without taking a character: `begin` is `^ \A \G`, `end` is `$ \z \Z` (in this dialect never
 * before a last newline), the `line-` ones are `^` and `$` under `(?m)`.
 */
export type AnchorKind = "begin" | "end" | "line-begin" | "line-end" | "word-boundary" | "not-word-boundary";

/** Nothing: an empty branch, an empty group. */
export type EmptyNode = Span & { readonly kind: "empty" };
/** `(?i)` and its like: it takes nothing, its effect is already in the nodes that follow it. */
export type FlagsNode = Span & { readonly kind: "flags" };
/** One character, a code point; in lower case when `ignoreCase`. */
export type LiteralNode = Span & { readonly kind: "literal"; readonly codePoint: number; readonly ignoreCase: boolean };
/** One character of a set: `[a-z]`, `\d`, `.`; made for lower case when `ignoreCase`. */
export type ClassNode = Span & { readonly kind: "class"; readonly set: CharSet; readonly ignoreCase: boolean };
/** A place. */
export type AnchorNode = Span & { readonly kind: "anchor"; readonly anchor: AnchorKind };
/** One after the other; at least two items. */
export type SequenceNode = Span & { readonly kind: "sequence"; readonly items: readonly PatternNode[] };
/** `a|b`; at least two branches. */
export type AlternationNode = Span & { readonly kind: "alternation"; readonly branches: readonly PatternNode[] };
/** `(...)`, `(?:...)`, `(?<name>...)`, `(?i:...)`; `name` also for a number as name. */
export type GroupNode = Span & {
  readonly kind: "group";
  readonly capture: boolean;
  readonly name: string | undefined;
  readonly body: PatternNode;
};
/** `body` from `min` to `max` times; `max` is Infinity without an upper bound. */
export type RepeatNode = Span & {
  readonly kind: "repeat";
  readonly min: number;
  readonly max: number;
  readonly lazy: boolean;
  readonly body: PatternNode;
};
/** `(?=...)`, `(?!...)`, `(?<=...)`, `(?<!...)`. */
export type LookNode = Span & {
  readonly kind: "look";
  readonly ahead: boolean;
  readonly negative: boolean;
  readonly body: PatternNode;
};

/** Any part of a pattern. */
export type PatternNode =
  | EmptyNode
  | FlagsNode
  | LiteralNode
  | ClassNode
  | AnchorNode
  | SequenceNode
  | AlternationNode
  | GroupNode
  | RepeatNode
  | LookNode;

/** The parts directly below `node`, in the order of the text; none for a leaf. */
export function childrenOf(node: PatternNode): readonly PatternNode[] {
  switch (node.kind) {
    case "sequence":
      return node.items;
    case "alternation":
      return node.branches;
    case "group":
    case "repeat":
    case "look":
      return [node.body];
    default:
      return [];
  }
}
