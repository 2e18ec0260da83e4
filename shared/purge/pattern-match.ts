/** Matches names against purge patterns: for each rule of a purge policy, the repository and the tag. No clock, no budget. */
import { Alphabet } from "./pattern-alphabet.ts";
import { Automaton, type Track } from "./pattern-automaton.ts";
import { isWordCharacter } from "./pattern-charset.ts";
import type { Pattern } from "./pattern-parse.ts";
import { type Condition, layOut } from "./pattern-program.ts";

/** A pattern that is ready. Both answer for any text; time is at most the pattern's states times the text's length. */
export type Matcher = {
  /** Whether the pattern takes the whole subject: `\A(?:pattern)\z`. */
  readonly matchesWhole: (subject: string) => boolean;
  /** Whether the pattern matches anywhere in the subject, as regexp2's `MatchString` answers. */
  readonly search: (subject: string) => boolean;
};

const NEWLINE = 0x0a;

/** A subject while it is matched: its code points, their symbols, and where the look-arounds hold. */
type Subject = { readonly codePoints: number[]; readonly symbols: number[]; readonly marks: Uint8Array[] };

/** Prepares a pattern; worth keeping, as it learns from each name that it is asked for. */
export function compilePattern(pattern: Pattern): Matcher {
  const program = layOut(pattern.root);
  const alphabet = new Alphabet(program.sets);
  const whole = new Automaton(program.main, alphabet, false);
  const anywhere = new Automaton(program.main, alphabet, true);
  const looks = program.looks.map((machine) => ({ machine, automaton: new Automaton(machine, alphabet, true) }));

  const trackFor = (text: string): Track => {
    const codePoints = codePointsOf(text);
    const symbols = codePoints.map((codePoint) => alphabet.symbolOf(codePoint));
    const subject: Subject = { codePoints, symbols, marks: [] };
    for (const { machine, automaton } of looks) {
      const marks = new Uint8Array(codePoints.length + 1);
      automaton.markAccepting(trackOf(subject, machine.conditions), machine.leftwards, marks);
      subject.marks.push(marks);
    }
    return trackOf(subject, program.main.conditions);
  };
  return {
    matchesWhole: (text) => whole.acceptsWhole(trackFor(text)),
    search: (text) => anywhere.acceptsAnywhere(trackFor(text)),
  };
}

/** Half a surrogate pair counts as U+FFFD: so it would reach the engine that we follow. */
function codePointsOf(text: string): number[] {
  const codePoints: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) codePoints.push(unit);
    else {
      const codePoint = text.codePointAt(at) ?? unit;
      codePoints.push(codePoint > 0xffff ? codePoint : 0xfffd);
      if (codePoint > 0xffff) at += 1;
    }
  }
  return codePoints;
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
  return { length: subject.codePoints.length, symbols: subject.symbols, conditionsAt };
}

function holdsAt({ codePoints, marks }: Subject, condition: Condition, place: number): boolean {
  switch (condition.kind) {
    case "begin":
      return place === 0;
    case "end":
      return place === codePoints.length;
    case "line-begin":
      return place === 0 || codePoints[place - 1] === NEWLINE;
    case "line-end":
      return place === codePoints.length || codePoints[place] === NEWLINE;
    case "word-boundary":
      return isWordAt(codePoints, place - 1) !== isWordAt(codePoints, place);
    case "not-word-boundary":
      return isWordAt(codePoints, place - 1) === isWordAt(codePoints, place);
    case "look":
      return (marks[condition.look]?.[place] === 1) !== condition.negative;
  }
}

function isWordAt(codePoints: readonly number[], place: number): boolean {
  const codePoint = codePoints[place];
  return codePoint !== undefined && isWordCharacter(codePoint);
}
