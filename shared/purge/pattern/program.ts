/** Lays a purge pattern out as small machines for automaton.ts: one for the pattern, one for each look-around. */
import type { AnchorKind, CharSet, LookNode, PatternNode, RepeatNode } from "./nodes.ts";

/** Something that must hold at a place: an anchor, or a look-around (by its number in {@link Program.looks}). */
export type Condition =
  | { readonly kind: AnchorKind }
  | { readonly kind: "look"; readonly look: number; readonly negative: boolean };

/** One state. `take` needs a character of the set (a number in {@link Program.sets}), `check` a condition of its machine. */
export type MachineState =
  | { readonly op: "take"; readonly set: number; readonly next: number }
  | { readonly op: "fork"; readonly first: number; readonly second: number }
  | { readonly op: "check"; readonly condition: number; readonly next: number }
  | { readonly op: "accept" };

/** States from which `start` leads on; a machine accepts where it reaches its `accept` state. */
export type Machine = {
  readonly states: readonly MachineState[];
  readonly start: number;
  readonly conditions: readonly Condition[];
};

/** A machine that finds where a look-around holds: over the whole name, leftwards for look-ahead. */
export type LookMachine = Machine & { readonly leftwards: boolean };

/** A set of characters, to be asked in lower case when `ignoreCase`. */
export type ProgramSet = { readonly set: CharSet; readonly ignoreCase: boolean };

/** A pattern laid out. A look-around comes after those within it. */
export type Program = {
  readonly main: Machine;
  readonly looks: readonly LookMachine[];
  readonly sets: readonly ProgramSet[];
};

/** Sets and looks of the whole program while it is built. */
type Shared = {
  readonly looks: LookMachine[];
  readonly lookNumbers: Map<LookNode, number>;
  readonly sets: ProgramSet[];
  readonly setNumbers: Map<string, number>;
};

/** One machine while it is built, from its end to its start. */
type Draft = {
  readonly shared: Shared;
  readonly leftwards: boolean;
  readonly states: MachineState[];
  readonly conditions: Condition[];
  readonly conditionNumbers: Map<string, number>;
};

/** The machines of a pattern; as many states as size.ts counts, and an `accept` for each machine. */
export function layOut(root: PatternNode): Program {
  const shared: Shared = { looks: [], lookNumbers: new Map(), sets: [], setNumbers: new Map() };
  return { main: layOutMachine(shared, root, false), looks: shared.looks, sets: shared.sets };
}

function layOutMachine(shared: Shared, root: PatternNode, leftwards: boolean): Machine {
  const draft: Draft = { shared, leftwards, states: [], conditions: [], conditionNumbers: new Map() };
  const accept = add(draft, { op: "accept" });
  const start = layOutNode(draft, root, accept);
  return { states: draft.states, start, conditions: draft.conditions };
}

/** Adds the states of `node` before the state `next` and returns the one to enter by. */
function layOutNode(draft: Draft, node: PatternNode, next: number): number {
  switch (node.kind) {
    case "empty":
    case "flags":
      return next;
    case "literal": {
      const one = { first: node.codePoint, last: node.codePoint };
      return take(draft, { negated: false, ranges: [one], categories: [] }, node.ignoreCase, next);
    }
    case "class":
      return take(draft, node.set, node.ignoreCase, next);
    case "anchor":
      return check(draft, { kind: node.anchor }, next);
    case "look":
      return check(draft, { kind: "look", look: layOutLook(draft.shared, node), negative: node.negative }, next);
    case "group":
      return layOutNode(draft, node.body, next);
    case "sequence": {
      const lastToFirst = draft.leftwards ? node.items : node.items.toReversed();
      return lastToFirst.reduce((entry, item) => layOutNode(draft, item, entry), next);
    }
    case "alternation":
      return node.branches
        .map((branch) => layOutNode(draft, branch, next))
        .reduce((first, second) => add(draft, { op: "fork", first, second }));
    case "repeat":
      return layOutRepeat(draft, node, next);
  }
}

/** The number of a look-around's machine; copies of a repeated one share it. */
function layOutLook(shared: Shared, node: LookNode): number {
  const known = shared.lookNumbers.get(node);
  if (known !== undefined) return known;
  const machine = layOutMachine(shared, node.body, node.ahead);
  const number = shared.looks.push({ ...machine, leftwards: node.ahead }) - 1;
  shared.lookNumbers.set(node, number);
  return number;
}

/** Whether a repeat is lazy makes no difference to whether there is a match. */
function layOutRepeat(draft: Draft, node: RepeatNode, next: number): number {
  let entry = next;
  if (node.max === Number.POSITIVE_INFINITY) {
    // The fork is needed before the body that leads back to it, so it is put in its place when the body is known.
    const fork = add(draft, { op: "accept" });
    const body = layOutNode(draft, node.body, fork);
    draft.states[fork] = { op: "fork", first: body, second: next };
    entry = node.min === 0 ? fork : body;
  } else {
    for (let optional = node.min; optional < node.max; optional += 1) {
      entry = add(draft, { op: "fork", first: layOutNode(draft, node.body, entry), second: next });
    }
  }
  const copies = node.max === Number.POSITIVE_INFINITY ? node.min - 1 : node.min;
  for (let copy = 0; copy < copies; copy += 1) entry = layOutNode(draft, node.body, entry);
  return entry;
}

function add(draft: Draft, state: MachineState): number {
  return draft.states.push(state) - 1;
}

function take(draft: Draft, set: CharSet, ignoreCase: boolean, next: number): number {
  const { sets, setNumbers } = draft.shared;
  const key = JSON.stringify([set, ignoreCase]);
  const number = setNumbers.get(key) ?? sets.push({ set, ignoreCase }) - 1;
  setNumbers.set(key, number);
  return add(draft, { op: "take", set: number, next });
}

function check(draft: Draft, condition: Condition, next: number): number {
  const key = JSON.stringify(condition);
  const number = draft.conditionNumbers.get(key) ?? draft.conditions.push(condition) - 1;
  draft.conditionNumbers.set(key, number);
  return add(draft, { op: "check", condition: number, next });
}
