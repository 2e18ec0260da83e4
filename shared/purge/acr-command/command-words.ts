/** Splits a command line into words as a POSIX shell does, and refuses what a shell would replace. Used by acr-command.ts. */
import { InputError } from "../../errors.ts";

/** Longest command line, in characters. */
export const MAX_COMMAND_CHARACTERS = 20_000;

/** A word with the place of its first character, 0-based. */
export type Word = { readonly text: string; readonly start: number };

/**
 * The words of one simple command. Quotes, backslashes and continued lines are as in POSIX; wildcards stay as they are.
 * @throws InputError INVALID_REQUEST with the place of variables, substitutions, redirections, comments, several commands
 */
export function wordsOf(command: string): readonly Word[] {
  if (command.length > MAX_COMMAND_CHARACTERS) refuseCommand(`at most ${MAX_COMMAND_CHARACTERS} characters`);
  const text = command.replaceAll("\r\n", "\n").trimEnd();
  const control = text.search(/[^\P{Cc}\n\t]/u);
  if (control !== -1) refuseCommand("no control characters", control);
  return new WordReader(text).read();
}

/** @throws InputError INVALID_REQUEST, always. @param position 0-based; left out where there is no single place */
export function refuseCommand(expected: string, position?: number): never {
  const place = position === undefined ? expected : `${expected}, at position ${position}`;
  throw new InputError("INVALID_REQUEST", `The command cannot be taken over: expected ${place}.`, {
    problems: [{ path: "/command", expected: place }],
  });
}

/** What a shell gives a meaning of its own outside quotes. */
const OPERATORS = "|&;<>()`{}";

class WordReader {
  private readonly text: string;
  private at = 0;
  private readonly words: Word[] = [];
  /** Pieces of the word that is being read; null between words, so that `""` is a word. */
  private pieces: string[] | null = null;
  private start = 0;

  constructor(text: string) {
    this.text = text;
  }

  read(): readonly Word[] {
    while (this.at < this.text.length) this.step(this.text[this.at] ?? "");
    this.endWord();
    return this.words;
  }

  private step(char: string): void {
    if (char === " " || char === "\t") {
      this.endWord();
      this.at += 1;
    } else if (char === "\n") refuseCommand("one command on one line, or lines that end in a backslash", this.at);
    else if (char === "'") this.singleQuoted();
    else if (char === '"') this.doubleQuoted();
    else if (char === "\\") this.escaped();
    else if (OPERATORS.includes(char)) refuseCommand("quotes round what a shell would read otherwise", this.at);
    else if (char === "#" && this.pieces === null) refuseCommand("no comment", this.at);
    else this.literal(char);
  }

  /** @throws InputError where a shell would put something else there */
  private literal(char: string): void {
    if (char === "$" && /[\w{(@*#?!$'"-]/.test(this.text[this.at + 1] ?? "")) {
      refuseCommand("no variable: write out what it stands for", this.at);
    }
    this.add(char, 1);
  }

  private add(piece: string, length: number): void {
    if (this.pieces === null) {
      this.pieces = [];
      this.start = this.at;
    }
    this.pieces.push(piece);
    this.at += length;
  }

  private endWord(): void {
    if (this.pieces !== null) this.words.push({ text: this.pieces.join(""), start: this.start });
    this.pieces = null;
  }

  private escaped(): void {
    const next = this.text[this.at + 1];
    if (next === undefined) refuseCommand("something behind the backslash", this.at);
    // A continued line is nothing at all, not even the end of a word.
    if (next === "\n") this.at += 2;
    else this.add(next, 2);
  }

  private singleQuoted(): void {
    const end = this.text.indexOf("'", this.at + 1);
    if (end === -1) refuseCommand("a closing quote", this.at);
    this.add(this.text.slice(this.at + 1, end), end + 1 - this.at);
  }

  private doubleQuoted(): void {
    const opened = this.at;
    this.add("", 1);
    for (;;) {
      const char = this.text[this.at];
      const next = this.text[this.at + 1] ?? "";
      if (char === undefined) refuseCommand("a closing quote", opened);
      if (char === '"') break;
      if (char === "`") refuseCommand("no command inside the command", this.at);
      if (char === "$" && /[\w{(@*#?!$-]/.test(next))
        refuseCommand("no variable: write out what it stands for", this.at);
      if (char === "\\" && next === "\n") this.at += 2;
      else if (char === "\\" && '$`"\\'.includes(next) && next !== "") this.add(next, 2);
      else this.add(char, 1);
    }
    this.add("", 1);
  }
}
