/**
 * Runs a machine of a purge pattern over a name: all its states at once, one step a character, never back. Sets of states
 * that were met are kept with their steps, so that most steps are one look-up.
 */
import type { Alphabet } from "./pattern-alphabet.ts";
import type { Machine } from "./pattern-program.ts";

/** Most states that are kept, summed over all kept sets, each counted one more: some hundred kilobytes a machine. */
const MAX_KEPT_STATES = 20_000;
/** Bits of a character in a key of a set. */
const KEY_BITS = 16;

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
  readonly length: number;
  readonly symbols: ArrayLike<number>;
  readonly conditionsAt: (place: number) => number;
};

/** A machine that is being learnt. `restarts`: it begins anew at every place, as a search does. */
export class Automaton {
  private readonly machine: Machine;
  private readonly alphabet: Alphabet;
  private readonly restarts: boolean;
  private readonly hasConditions: boolean;
  private readonly seen: Uint32Array;
  private round = 0;
  private keptStates = 0;
  private readonly kept = new Map<string, StateSet>();
  private initial: StateSet;

  constructor(machine: Machine, alphabet: Alphabet, restarts: boolean) {
    this.machine = machine;
    this.alphabet = alphabet;
    this.restarts = restarts;
    this.hasConditions = machine.conditions.length > 0;
    this.seen = new Uint32Array(machine.states.length);
    this.initial = this.keep([machine.start]);
  }

  /** Whether the machine accepts at the end of the track. */
  acceptsWhole(track: Track): boolean {
    let set = this.initial;
    for (let place = 0; ; place += 1) {
      const followed = this.followedAt(set, track, place);
      if (place === track.length) return followed.accepts;
      if (followed.takers.length === 0 && !this.restarts) return false;
      set = this.step(followed, track.symbols[place] ?? 0);
    }
  }

  /** Whether the machine accepts anywhere. */
  acceptsAnywhere(track: Track): boolean {
    let set = this.initial;
    for (let place = 0; ; place += 1) {
      const followed = this.followedAt(set, track, place);
      if (followed.accepts) return true;
      if (place === track.length) return false;
      set = this.step(followed, track.symbols[place] ?? 0);
    }
  }

  /** Marks with 1 each place at which the machine accepts, going leftwards or rightwards over the track. */
  markAccepting(track: Track, leftwards: boolean, marks: Uint8Array): void {
    let set = this.initial;
    for (let taken = 0; ; taken += 1) {
      const place = leftwards ? track.length - taken : taken;
      const followed = this.followedAt(set, track, place);
      marks[place] = followed.accepts ? 1 : 0;
      if (taken === track.length) return;
      set = this.step(followed, track.symbols[leftwards ? place - 1 : place] ?? 0);
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
    const takers: number[] = [];
    let accepts = false;
    const open = [...states];
    const round = this.nextRound();
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (this.seen[number] === round) continue;
      this.seen[number] = round;
      const state = this.machine.states[number];
      if (state === undefined || state.op === "accept") accepts = true;
      else if (state.op === "take") takers.push(number);
      else if (state.op === "fork") open.push(state.first, state.second);
      else if ((holding >>> state.condition) & 1) open.push(state.next);
    }
    return { takers, accepts, next: [] };
  }

  private step(followed: Followed, symbol: number): StateSet {
    const known = followed.next[symbol];
    if (known !== undefined) return known;
    const membership = this.alphabet.membershipOf(symbol);
    const states: number[] = [];
    const round = this.nextRound();
    const reach = (number: number): void => {
      if (this.seen[number] === round) return;
      this.seen[number] = round;
      states.push(number);
    };
    if (this.restarts) reach(this.machine.start);
    for (const number of followed.takers) {
      const state = this.machine.states[number];
      if (state?.op === "take" && membership[state.set]) reach(state.next);
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
    this.initial = { states: [this.machine.start], followed: new Map(), plain: undefined };
  }

  private keyOf(states: readonly number[]): string {
    if (states.length <= 1) return `${states[0] ?? ""}`;
    const bits = new Uint16Array(Math.ceil(this.machine.states.length / KEY_BITS));
    for (const number of states) {
      const word = Math.floor(number / KEY_BITS);
      bits[word] = (bits[word] ?? 0) | (1 << (number % KEY_BITS));
    }
    return `#${String.fromCharCode(...bits)}`;
  }

  private nextRound(): number {
    this.round += 1;
    if (this.round > 0xffff_fff0) {
      this.seen.fill(0);
      this.round = 1;
    }
    return this.round;
  }
}
