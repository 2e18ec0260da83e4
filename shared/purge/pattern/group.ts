/** What an opening bracket of a purge pattern begins: a group, a look-around, a change of flags; part of the parser. */
import type { Flags, PatternCursor } from "./cursor.ts";

/** The kind of a group; `flags` has no body and is already closed. */
export type GroupOpener =
  | { readonly kind: "flags" }
  | { readonly kind: "group"; readonly capture: boolean; readonly name: string | undefined }
  | { readonly kind: "look"; readonly ahead: boolean; readonly negative: boolean };

const PLAIN: GroupOpener = { kind: "group", capture: false, name: undefined };
const LOOKS: readonly (readonly [string, GroupOpener])[] = [
  ["?=", { kind: "look", ahead: true, negative: false }],
  ["?!", { kind: "look", ahead: true, negative: true }],
  ["?<=", { kind: "look", ahead: false, negative: false }],
  ["?<!", { kind: "look", ahead: false, negative: true }],
];
/** Letters of inline flags, in either case. `d` and `u` are taken by regexp2 and change nothing here; `(?U)` is `u`. */
const FLAG_LETTERS = "imsxndu";
/** Group numbers end here: regexp2 counts in 32 bits. */
const MAX_GROUP_NUMBER = 0x7fffffff;

/** Reads the opener; the cursor stands after the bracket. Flags of the opener are in force in the cursor afterwards. */
export function readGroupOpener(cursor: PatternCursor): GroupOpener {
  const open = cursor.at - 1;
  // `(?)` is a group that begins with a quantifier: the parser refuses it as that.
  if (cursor.peek() !== "?" || cursor.peek(1) === ")") {
    return { kind: "group", capture: !cursor.flags.n, name: undefined };
  }
  for (const [text, opener] of LOOKS) {
    if (cursor.startsWith(text)) {
      cursor.at += text.length;
      return opener;
    }
  }
  if (cursor.startsWith("?>")) cursor.refuse("Atomic groups (?>...) are not supported.", open);
  if (cursor.startsWith("?(")) cursor.refuse("Conditions (?(...)...) are not supported.", open);
  if (/^\?(?:P<|<|')/.test(cursor.text.slice(cursor.at, cursor.at + 3))) return readName(cursor, open);
  cursor.at += 1;
  return readFlags(cursor, open);
}

function readName(cursor: PatternCursor, open: number): GroupOpener {
  const opener = cursor.takeMatch(/\?(?:P<|<|')/y);
  const close = opener === "?'" ? "'" : ">";
  const name = cursor.takeMatch(/[0-9A-Za-z_]+/y);
  if (cursor.peek() === "-") cursor.refuse("Balancing groups (?<a-b>...) are not supported.", open);
  const isNumber = opener !== "?P<" && /^[0-9]/.test(name);
  const number = Number(name);
  if (name === "" || cursor.peek() !== close || (isNumber && !(number >= 1 && number <= MAX_GROUP_NUMBER))) {
    cursor.refuse("A group's name is letters, digits and _ between its brackets, or a number from 1.", open);
  }
  cursor.at += 1;
  return { kind: "group", capture: true, name };
}

function readFlags(cursor: PatternCursor, open: number): GroupOpener {
  const flags: { -readonly [name in keyof Flags]: boolean } = { ...cursor.flags };
  let on = true;
  for (; ; cursor.at += 1) {
    const letter = cursor.peek();
    if (letter === "-" || letter === "+") on = letter === "+";
    else if (letter === "" || !FLAG_LETTERS.includes(letter.toLowerCase())) break;
    else {
      const flag = letter.toLowerCase();
      if (flag === "i" || flag === "m" || flag === "s" || flag === "x" || flag === "n") flags[flag] = on;
    }
  }
  const end = cursor.take();
  if (end !== ")" && end !== ":") cursor.refuse("This kind of group (?... is not known.", open);
  cursor.flags = flags;
  return end === ")" ? { kind: "flags" } : PLAIN;
}
