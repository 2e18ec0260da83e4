/**
 * Runs a machine of a purge pattern over a name: all its states at once, one step a character, never back. Sets of states
 * that were met are kept with their steps, so that most steps are one look-up.
 */
import type { Alphabet } from "./alphabet.ts";
import type { Machine } from "./program.ts";

/** Most states that are kept, summed over all kept sets, each counted one more: some hundred kilobytes a machine. */
const MAX_KEPT_STATES = 20_000;
/** Bits of a character in a key of a set. */
const KEY_BITS = 16;

const TAKE = 0;
const FORK = 1;
const CHECK = 2;
const ACCEPT = 3;
const KINDS = { take: TAKE, fork: FORK, check: CHECK, accept: ACCEPT } as const;
/** Marks of seen states are 32-bit numbers. */
const MAX_ROUND = 0xffff_fff0;

/** A machine's states: where each leads first, and its second way, set or condition. */
type Tables = { readonly kinds: Uint8Array; readonly firsts: Uint32Array; readonly seconds: Uint32Array };

/** States before their forks and conditions are followed, and what follows for each answer of the conditions. */
type StateSet = {
  readonly states: readonly number[];
  readonly followed: Map<number, Followed>;
  plain: Followed | undefined;
};
/** States that take a character, whether the end was reached, and the set after each symbol. */
type Followed = { readonly takers: readonly number[]; readonly accepts: boolean; readonly next: StateSet[] };

/** What is run over: the symbols, and for each place the machine's conditions that hold, a bit each. */
export type Track = {
  readonly subject: { readonly length: number; readonly symbols: Uint16Array };
  readonly conditionsAt: (place: number) => number;
};

/** A machine that is being learnt. `restarts`: it begins anew at every place, as a search does. */
export class Automaton {
  private readonly tables: Tables;
  private readonly start: number;
  private readonly alphabet: Alphabet;
  private readonly restarts: boolean;
  private readonly hasConditions: boolean;
  private readonly seen: Uint32Array;
  private round = 0;
  private keptStates = 0;
  private readonly kept = new Map<string, StateSet>();
  private initial: StateSet;

  constructor(machine: Machine, alphabet: Alphabet, restarts: boolean) {
    this.tables = tablesOf(machine);
    this.start = machine.start;
    this.alphabet = alphabet;
    this.restarts = restarts;
    this.hasConditions = machine.conditions.length > 0;
    this.seen = new Uint32Array(machine.states.length);
    this.initial = this.keep([machine.start]);
  }

  /** Whether the machine accepts at the end of the track. */
  acceptsWhole(track: Track): boolean {
    const { length, symbols } = track.subject;
    let set = this.initial;
    for (let place = 0; ; place += 1) {
      const followed = this.followedAt(set, track, place);
      if (place === length) return followed.accepts;
      if (followed.takers.length === 0 && !this.restarts) return false;
      set = this.step(followed, symbols[place] ?? 0);
    }
  }

  /** Whether the machine accepts anywhere. */
  acceptsAnywhere(track: Track): boolean {
    const { length, symbols } = track.subject;
    let set = this.initial;
    for (let place = 0; ; place += 1) {
      const followed = this.followedAt(set, track, place);
      if (followed.accepts) return true;
      if (place === length) return false;
      set = this.step(followed, symbols[place] ?? 0);
    }
  }

  /** Marks with 1 each place at which the machine accepts, going leftwards or rightwards over the track. */
  markAccepting(track: Track, leftwards: boolean, marks: Uint8Array): void {
    const { length, symbols } = track.subject;
    let set = this.initial;
    for (let taken = 0; ; taken += 1) {
      const place = leftwards ? length - taken : taken;
      const followed = this.followedAt(set, track, place);
      marks[place] = followed.accepts ? 1 : 0;
      if (taken === length) return;
      set = this.step(followed, symbols[leftwards ? place - 1 : place] ?? 0);
    }
  }

  private followedAt(set: StateSet, track: Track, place: number): Followed {
    const holding = this.hasConditions ? track.conditionsAt(place) : 0;
    const known = holding === 0 ? set.plain : set.followed.get(holding);
    if (known !== undefined) return known;
    const followed = this.follow(set.states, holding);
    if (holding === 0) set.plain = followed;
    else set.followed.set(holding, followed);
    this.note(followed.takers.length);
    return followed;
  }

  /** Goes through forks and holding conditions to the states that take a character. Each state is gone through once. */
  private follow(states: readonly number[], holding: number): Followed {
    const { kinds, firsts, seconds, seen, round } = this.begin();
    const takers: number[] = [];
    let accepts = false;
    const open = [...states];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (seen[number] === round) continue;
      seen[number] = round;
      const kind = kinds[number];
      const first = firsts[number] ?? 0;
      const second = seconds[number] ?? 0;
      if (kind === TAKE) takers.push(number);
      else if (kind === FORK) open.push(first, second);
      else if (kind === ACCEPT) accepts = true;
      else if ((holding >>> second) & 1) open.push(first);
    }
    return { takers, accepts, next: [] };
  }

  private step(followed: Followed, symbol: number): StateSet {
    const known = followed.next[symbol];
    if (known !== undefined) return known;
    const { firsts, seconds, seen, round } = this.begin();
    const membership = this.alphabet.membershipOf(symbol);
    const states: number[] = [];
    if (this.restarts) {
      states.push(this.start);
      seen[this.start] = round;
    }
    for (const number of followed.takers) {
      const first = firsts[number] ?? 0;
      if (seen[first] === round || !membership[seconds[number] ?? 0]) continue;
      seen[first] = round;
      states.push(first);
    }
    const set = this.keep(states);
    followed.next[symbol] = set;
    return set;
  }

  /** The kept set of these states. */
  private keep(states: readonly number[]): StateSet {
    const key = this.keyOf(states);
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const set: StateSet = { states, followed: new Map(), plain: undefined };
    this.note(states.length);
    this.kept.set(key, set);
    return set;
  }

  /** Counts what is kept. When it is too much all is forgotten; sets of the run that is on live as long as it uses them. */
  private note(states: number): void {
    this.keptStates += states + 1;
    if (this.keptStates <= MAX_KEPT_STATES) return;
    this.kept.clear();
    this.keptStates = 0;
    this.initial = { states: [this.start], followed: new Map(), plain: undefined };
  }

  private keyOf(states: readonly number[]): string {
    if (states.length <= 1) return `${states[0] ?? ""}`;
    const bits = new Uint16Array(Math.ceil(this.seen.length / KEY_BITS));
    for (const number of states) {
      const word = Math.floor(number / KEY_BITS);
      bits[word] = (bits[word] ?? 0) | (1 << (number % KEY_BITS));
    }
    return `#${String.fromCharCode(...bits)}`;
  }

  /** The tables, and a new number with which to mark states as seen. */
  private begin(): Tables & { readonly seen: Uint32Array; readonly round: number } {
    this.round += 1;
    if (this.round > MAX_ROUND) {
      this.seen.fill(0);
      this.round = 1;
    }
    return { ...this.tables, seen: this.seen, round: this.round };
  }
}

function tablesOf(machine: Machine): Tables {
  const size = machine.states.length;
  const tables: Tables = { kinds: new Uint8Array(size), firsts: new Uint32Array(size), seconds: new Uint32Array(size) };
  machine.states.forEach((state, number) => {
    tables.kinds[number] = KINDS[state.op];
    if (state.op === "fork") {
      tables.firsts[number] = state.first;
      tables.seconds[number] = state.second;
    } else if (state.op !== "accept") {
      tables.firsts[number] = state.next;
      tables.seconds[number] = state.op === "take" ? state.set : state.condition;
    }
  });
  return tables;
}
