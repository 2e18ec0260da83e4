/** The place in a purge pattern that is being read, and the flags in force there; one is shared by all parts of the parser. */

/** Flags in force: `i` ignore case, `m` lines, `s` dot takes newline, `x` free spacing, `n` only named groups capture. */
export type Flags = {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly x: boolean;
  readonly n: boolean;
};

/** No flag. */
const NO_FLAGS: Flags = { i: false, m: false, s: false, x: false, n: false };

/** What `(?x)` skips between parts: tab, line feed, vertical tab, form feed, carriage return, space. */
const BLANKS = "\t\n\v\f\r ";

/** Reads a pattern of UTF-16 units that are code points each: the parser has refused all others. */
export class PatternCursor {
  readonly text: string;
  at = 0;
  flags: Flags = NO_FLAGS;
  /** Any part of the pattern is read without regard to case. */
  sawIgnoreCase = false;
  /** Offset of the first character outside ASCII that the text or an escape of it names. */
  firstNonAscii: number | undefined;
  /** Ends the parse: why, for a person, and the offset of what is wrong. */
  readonly refuse: (reason: string, position: number) => never;

  constructor(text: string, refuse: (reason: string, position: number) => never) {
    this.text = text;
    this.refuse = refuse;
  }

  /** Characters that are left. */
  get left(): number {
    return this.text.length - this.at;
  }

  /** The character `ahead` places on, empty after the end. */
  peek(ahead = 0): string {
    return this.text.charAt(this.at + ahead);
  }

  /** The next character, which is taken; empty at the end. */
  take(): string {
    const char = this.text.charAt(this.at);
    this.at += char.length;
    return char;
  }

  /** Whether the text goes on with `expected`; nothing is taken. */
  startsWith(expected: string): boolean {
    return this.text.startsWith(expected, this.at);
  }

  /** Takes what the sticky `pattern` matches here; empty when it does not. */
  takeMatch(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const matched = pattern.exec(this.text)?.[0] ?? "";
    this.at += matched.length;
    return matched;
  }

  /** Skips comments, and under `(?x)` white space and `#` lines. */
  skipBlank(): void {
    for (;;) {
      const start = this.at;
      if (this.flags.x && this.left > 0 && BLANKS.includes(this.peek())) this.at += 1;
      else if (this.flags.x && this.peek() === "#") this.skipTo("\n");
      else if (this.startsWith("(?#")) {
        this.skipTo(")");
        if (this.left === 0) this.refuse("A comment (?#...) is not closed.", start);
        this.at += 1;
      } else return;
    }
  }

  private skipTo(end: string): void {
    const found = this.text.indexOf(end, this.at);
    this.at = found === -1 ? this.text.length : found;
  }
}
