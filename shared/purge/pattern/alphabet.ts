/** Sorts characters by the sets of a purge pattern that hold them, so that its machines need to know few symbols. */
import { FIRST_NON_ASCII, isInSet, lowerCaseOf } from "./charset.ts";
import type { ProgramSet } from "./program.ts";

/** Most characters outside ASCII that are remembered; they are rare, names have none. */
const MAX_REMEMBERED = 1_000;

/** Numbers symbols: characters that are in the same sets are one symbol. */
export class Alphabet {
  private readonly sets: readonly ProgramSet[];
  private readonly symbols = new Map<string, number>();
  private readonly memberships: boolean[][] = [];
  private readonly ascii: Uint16Array;
  private readonly others = new Map<number, number>();

  constructor(sets: readonly ProgramSet[]) {
    this.sets = sets;
    this.ascii = Uint16Array.from({ length: FIRST_NON_ASCII }, (_, codePoint) => this.newSymbol(codePoint));
  }

  /** The symbol of a character. */
  symbolOf(codePoint: number): number {
    return this.ascii[codePoint] ?? this.others.get(codePoint) ?? this.otherSymbol(codePoint);
  }

  /** Which sets hold the characters of a symbol. */
  membershipOf(symbol: number): readonly boolean[] {
    return this.memberships[symbol] ?? [];
  }

  private otherSymbol(codePoint: number): number {
    if (this.others.size >= MAX_REMEMBERED) this.others.clear();
    const symbol = this.newSymbol(codePoint);
    this.others.set(codePoint, symbol);
    return symbol;
  }

  private newSymbol(codePoint: number): number {
    const lower = lowerCaseOf(codePoint);
    const membership = this.sets.map(({ set, ignoreCase }) => isInSet(set, ignoreCase ? lower : codePoint));
    const key = membership.map(Number).join("");
    const known = this.symbols.get(key);
    if (known !== undefined) return known;
    const symbol = this.memberships.push(membership) - 1;
    this.symbols.set(key, symbol);
    return symbol;
  }
}
