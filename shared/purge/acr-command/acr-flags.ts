/** Finds the flags of `acr purge` in a command line, also inside `az acr run` and `az acr task`. Used by acr-command.ts. */
import { refuseCommand, type Word, wordsOf } from "./command-words.ts";

type FlagKind = "text" | "switch" | "number";
// Source: acr-cli 0.18, cmd/acr/purge.go and root.go.
const FLAGS: ReadonlyMap<string, FlagKind> = new Map([
  ["filter", "text"],
  ["ago", "text"],
  ["keep", "number"],
  ["untagged", "switch"],
  ["untagged-only", "switch"],
  ["dry-run", "switch"],
  ["include-locked", "switch"],
  ["filter-timeout-seconds", "number"],
  ["concurrency", "number"],
  ["repository-page-size", "number"],
  ["verbose", "switch"],
  ["config", "text"],
  ["registry", "text"],
  ["username", "text"],
  ["password", "text"],
]);
const SHORT: ReadonlyMap<string, string> = new Map([
  ["f", "filter"],
  ["c", "config"],
  ["r", "registry"],
  ["u", "username"],
  ["p", "password"],
]);
// Newer flags that count all tags that match, of any age: a rule keeps the newest of those that it would delete.
const WITHOUT_EQUAL: ReadonlySet<string> = new Set([
  "min-tags",
  "max-tags",
  "min-untagged-manifests",
  "max-untagged-manifests",
]);
// Source: Go's strconv.ParseBool, which reads the value of a switch.
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Values of a flag in their order; a later one of a flag that may stand once counts. Never shown: one may be a password. */
export type PurgeFlags = {
  texts(name: string): readonly Word[];
  text(name: string): Word | null;
  /** 0 and up; null when it is not there. */
  number(name: string): number | null;
  isOn(name: string): boolean;
  isGiven(name: string): boolean;
  /** NCRONTAB text of `az acr task create --schedule`; null when there is none. */
  readonly schedule: string | null;
};

/**
 * The flags of one `acr purge`.
 * @throws InputError INVALID_REQUEST with the place of what is not such a command
 */
export function purgeFlagsOf(command: string): PurgeFlags {
  const words = wordsOf(command);
  if (words[0]?.text !== "az") return readFlags(words, null);
  const { inner, schedule } = azCommandOf(words);
  return readFlags(wordsOf(inner), schedule);
}

function azCommandOf(words: readonly Word[]): { inner: string; schedule: string | null } {
  const [, acr, verb, action] = words;
  const isTask = verb?.text === "task" && (action?.text === "create" || action?.text === "update");
  if (acr?.text !== "acr" || (verb?.text !== "run" && !isTask))
    refuseCommand("az acr run or az acr task create", words[1]?.start);
  const commands = valuesOf(words, "--cmd");
  const [inner] = commands;
  if (inner === undefined || commands.length > 1) refuseCommand("one --cmd with the command of acr purge");
  if (inner.text.includes("{{")) refuseCommand("no template in --cmd", inner.start);
  const schedules = isTask ? valuesOf(words, "--schedule") : [];
  if (schedules.length > 1) refuseCommand("one --schedule", schedules[1]?.start);
  // `name:expression` gives the trigger a name; an expression has no colon.
  const schedule = schedules[0]?.text ?? null;
  return { inner: inner.text, schedule: schedule === null ? null : schedule.slice(schedule.indexOf(":") + 1) };
}

function valuesOf(words: readonly Word[], flag: string): Word[] {
  return words.flatMap((word, i) => {
    if (word.text.startsWith(`${flag}=`)) return [{ text: word.text.slice(flag.length + 1), start: word.start }];
    if (word.text !== flag) return [];
    return [words[i + 1] ?? refuseCommand(`a value behind ${flag}`, word.start)];
  });
}

function readFlags(words: readonly Word[], schedule: string | null): PurgeFlags {
  const [program, ...rest] = words;
  if (program === undefined || !isProgram(program.text))
    refuseCommand("acr purge, or az acr run --cmd", program?.start ?? 0);
  const values = new Map<string, Word[]>();
  const names: Word[] = [];
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i];
    if (word === undefined) break;
    if (!word.text.startsWith("-") || word.text === "-") {
      names.push(word);
      continue;
    }
    const { name, value } = flagOf(word);
    const kind = FLAGS.get(name);
    const takesNext = value === null && kind !== "switch";
    if (takesNext) i += 1;
    const next = takesNext ? (rest[i]?.text ?? refuseCommand(`a value behind --${name}`, word.start)) : "true";
    const taken = value ?? next;
    checkValue(name, kind, { text: taken, start: word.start });
    values.set(name, [...(values.get(name) ?? []), { text: taken, start: word.start }]);
  }
  if (names[0]?.text !== "purge") refuseCommand("the command purge", names[0]?.start);
  if (names[1] !== undefined) refuseCommand("flags alone behind purge", names[1].start);
  return flagsFrom(values, schedule);
}

/** The tool by its name or path, or the image that runs it. */
function isProgram(text: string): boolean {
  return /^(?:\S*\/)?acr(?:\.exe|-cli(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?)?$/.test(text);
}

/** @throws InputError for what is none. The name is known, so that it may be shown */
function flagOf({ text, start }: Word): { name: string; value: string | null } {
  const isLong = text.startsWith("--");
  const equals = text.indexOf("=");
  const given = isLong ? text.slice(2, equals === -1 ? undefined : equals) : (SHORT.get(text[1] ?? "") ?? "");
  if (WITHOUT_EQUAL.has(given)) refuseCommand(`no --${given}: a rule cannot say it; use keepNewest, or --keep`, start);
  if (!FLAGS.has(given)) refuseCommand("a flag of acr purge", start);
  if (isLong) return { name: given, value: equals === -1 ? null : text.slice(equals + 1) };
  const value = text.slice(2);
  return { name: given, value: value === "" ? null : value.replace(/^=/, "") };
}

function checkValue(name: string, kind: FlagKind | undefined, { text, start }: Word): void {
  if (kind === "switch" && !TRUE.has(text) && !FALSE.has(text)) refuseCommand(`true or false for --${name}`, start);
  if (kind === "number" && !/^(?:0|[1-9][0-9]{0,8})$/.test(text)) {
    refuseCommand(`a whole number, 0 and up, for --${name}`, start);
  }
}

function flagsFrom(values: ReadonlyMap<string, readonly Word[]>, schedule: string | null): PurgeFlags {
  const texts = (name: string) => values.get(name) ?? [];
  const text = (name: string) => texts(name).at(-1) ?? null;
  return {
    texts,
    text,
    number: (name) => {
      const word = text(name);
      return word === null ? null : Number(word.text);
    },
    isOn: (name) => TRUE.has(text(name)?.text ?? "false"),
    isGiven: (name) => values.has(name),
    schedule,
  };
}
