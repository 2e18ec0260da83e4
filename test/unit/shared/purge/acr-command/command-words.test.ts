import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../../../../shared/errors.ts";
import { MAX_COMMAND_CHARACTERS, wordsOf } from "../../../../../shared/purge/acr-command/command-words.ts";

const textsOf = (command: string) => wordsOf(command).map(({ text }) => text);

test.each([
  ["a b  c", ["a", "b", "c"]],
  ["a 'b c' \"d e\"", ["a", "b c", "d e"]],
  ["a''b \"\" ''", ["ab", "", ""]],
  ["'it'\\''s'", ["it's"]],
  ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
  ["a\\ b \\\\", ["a b", "\\"]],
  ["a \\\n b\\\nc", ["a", "bc"]],
  ["a \\\r\n b", ["a", "b"]],
  ['"^dev$" \'$x\' "a$|b$" a$', ["^dev$", "$x", "a$|b$", "a$"]],
  ["a#b * ? [x]", ["a#b", "*", "?", "[x]"]],
  ["", []],
])("%j is split as a shell does", (command, words) => {
  expect(textsOf(command)).toEqual(words);
});

test.each([
  ...[
    "a 'b",
    'a "b',
    "a \\",
    "a | b",
    "a; b",
    "a && b",
    "a > b",
    "a < b",
    "(a)",
    "a `b`",
    'a "`b`"',
    "a $B",
    "a $\u007bB}",
    "a $(b)",
  ],
  ...[
    'a "$B"',
    'a "$(b)"',
    "a $'b'",
    'a $"b"',
    "a\nb",
    "a # b",
    "a {b,c}",
    "a\u0000",
    "a\u001b[2J",
    "a \u0085b",
    "a".repeat(MAX_COMMAND_CHARACTERS + 1),
  ],
])("%j is refused: a shell would make something else of it", (command) => {
  expect(() => wordsOf(command)).toThrow(InputError);
});

test("words in single quotes come back as they are, with their places", () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab \\\"$`|&;#*()[]{}'\t"), maxLength: 8 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const command = words.map((text) => `'${text.replaceAll("'", "'\\''")}'`).join(" ");
      expect(textsOf(command)).toEqual(words);
      for (const { start } of wordsOf(command)) expect(command[start]).toBe("'");
    }),
  );
});
