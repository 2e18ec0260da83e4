/** Matches names against purge patterns: for each rule of a purge policy, the repository and the tag. No clock, no budget. */
import { Alphabet } from "./alphabet.ts";
import { Automaton, type Track } from "./automaton.ts";
import { isWordCharacter } from "./charset.ts";
import type { Pattern } from "./parse.ts";
import { type Condition, layOut } from "./program.ts";

/** A pattern that is ready. Both answer for any text; time is at most the pattern's states times the text's length. */
export type Matcher = {
  /** Whether the pattern takes the whole subject: `\A(?:pattern)\z`. */
  readonly matchesWhole: (subject: string) => boolean;
  /** Whether the pattern matches anywhere in the subject, as regexp2's `MatchString` answers. */
  readonly search: (subject: string) => boolean;
};

const NEWLINE = 0x0a;

/** A subject while it is matched: its code points, their symbols, and where the look-arounds hold. */
type Subject = { length: number; codePoints: Uint32Array; symbols: Uint16Array; marks: Uint8Array[] };

/** Places for the longest name that a registry has, without growing. */
const FIRST_CAPACITY = 512;

/** Prepares a pattern; worth keeping, as it learns from each name that it is asked for. */
export function compilePattern(pattern: Pattern): Matcher {
  const program = layOut(pattern.root);
  const alphabet = new Alphabet(program.sets);
  const subject = emptySubject(FIRST_CAPACITY, program.looks.length);
  const looks = program.looks.map((machine) => ({
    automaton: new Automaton(machine, alphabet, true),
    leftwards: machine.leftwards,
    track: trackOf(subject, machine.conditions),
  }));
  const track = trackOf(subject, program.main.conditions);
  const whole = new Automaton(program.main, alphabet, false);
  const anywhere = new Automaton(program.main, alphabet, true);

  const prepare = (text: string): void => {
    if (text.length >= subject.symbols.length) {
      Object.assign(subject, emptySubject(text.length * 2, program.looks.length));
    }
    read(subject, alphabet, text);
    looks.forEach(({ automaton, leftwards, track: own }, look) => {
      const marks = subject.marks[look];
      if (marks !== undefined) automaton.markAccepting(own, leftwards, marks);
    });
  };
  return {
    matchesWhole: (text) => {
      prepare(text);
      return whole.acceptsWhole(track);
    },
    search: (text) => {
      prepare(text);
      return anywhere.acceptsAnywhere(track);
    },
  };
}

function emptySubject(capacity: number, looks: number): Subject {
  return {
    length: 0,
    codePoints: new Uint32Array(capacity),
    symbols: new Uint16Array(capacity),
    marks: Array.from({ length: looks }, () => new Uint8Array(capacity + 1)),
  };
}

/** Takes a text into the subject. Half a surrogate pair counts as U+FFFD: so it would reach the engine that we follow. */
function read(subject: Subject, alphabet: Alphabet, text: string): void {
  const { codePoints, symbols } = subject;
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    let codePoint = text.charCodeAt(at);
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      const pair = text.codePointAt(at) ?? codePoint;
      if (pair > 0xffff) at += 1;
      codePoint = pair > 0xffff ? pair : 0xfffd;
    }
    codePoints[length] = codePoint;
    symbols[length] = alphabet.symbolOf(codePoint);
    length += 1;
  }
  subject.length = length;
}

function trackOf(subject: Subject, conditions: readonly Condition[]): Track {
  const conditionsAt = (place: number): number => {
    let holding = 0;
    for (let number = 0; number < conditions.length; number += 1) {
      const condition = conditions[number];
      if (condition !== undefined && holdsAt(subject, condition, place)) holding |= 1 << number;
    }
    return holding;
  };
  return { subject, conditionsAt };
}

function holdsAt(subject: Subject, condition: Condition, place: number): boolean {
  const { codePoints, length, marks } = subject;
  switch (condition.kind) {
    case "begin":
      return place === 0;
    case "end":
      return place === length;
    case "line-begin":
      return place === 0 || codePoints[place - 1] === NEWLINE;
    case "line-end":
      return place === length || codePoints[place] === NEWLINE;
    case "word-boundary":
      return isWordAt(subject, place - 1) !== isWordAt(subject, place);
    case "not-word-boundary":
      return isWordAt(subject, place - 1) === isWordAt(subject, place);
    case "look":
      return (marks[condition.look]?.[place] === 1) !== condition.negative;
  }
}

function isWordAt({ codePoints, length }: Subject, place: number): boolean {
  const codePoint = codePoints[place];
  return codePoint !== undefined && place < length && isWordCharacter(codePoint);
}
