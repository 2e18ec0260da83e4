/** Takes over an `acr purge` command line: the policy that selects the same, and what that policy does otherwise. Used by the import route. */
import type { z } from "zod";
import { InputError } from "../../errors.ts";
import { PatternError, parsePattern } from "../pattern/parse.ts";
import { MAX_KEEP_NEWEST, type PurgeRule, type purgePolicySchema } from "../policy/policy.ts";
import { readSchedule } from "../policy/schedule.ts";
import { readAgo } from "./acr-ago.ts";
import { ACR_DIFFERENCES, type AcrDifference, type AcrDifferenceCode, ALWAYS } from "./acr-differences.ts";
import { splitFilter, wholeOfRepository, wholeOfSearch } from "./acr-filter.ts";
import { type PurgeFlags, purgeFlagsOf } from "./acr-flags.ts";
import { type AcrFilter, repositoriesOf, selectionsOf } from "./acr-rules.ts";
import { refuseCommand, type Word } from "./command-words.ts";

/** Most `--filter` of one command. */
export const MAX_FILTERS = 50;

/** The policy as it can be put, once a connector is named, and every difference. */
export type AcrImport = {
  readonly policy: Omit<z.input<typeof purgePolicySchema>, "connector">;
  readonly differences: readonly AcrDifference[];
};

type Draft = {
  readonly rules: readonly Pick<PurgeRule, "repositories" | "tags">[];
  readonly codes: readonly AcrDifferenceCode[];
};

/**
 * The policy of `acr purge ...`, also inside `az acr run --cmd "..."` and `az acr task create --cmd "..." --schedule "..."`.
 * Positions in errors are 0-based; inside `--cmd` they count from its first character.
 * @throws InputError INVALID_REQUEST with the place of what is no such command, or would mean something by accident;
 * PATTERN_UNSUPPORTED for a filter that cannot be matched exactly
 */
export function importAcrPurge(command: string): AcrImport {
  const flags = purgeFlagsOf(command);
  const isUntaggedOnly = flags.isOn("untagged-only");
  refuseCombinations(flags, isUntaggedOnly);
  const keepNewest = flags.number("keep") ?? 0;
  if (keepNewest > MAX_KEEP_NEWEST) refuseCommand(`at most ${MAX_KEEP_NEWEST} for --keep`, flags.text("keep")?.start);
  const olderThan = ageOf(flags, keepNewest);
  const draft = isUntaggedOnly ? untaggedDraft(flags) : taggedDraft(flags, keepNewest > 0);
  const schedule = scheduleOf(flags.schedule);
  const policy: AcrImport["policy"] = {
    enabled: !flags.isOn("dry-run"),
    schedule,
    rules: draft.rules.map((selection, i) => ({
      name: draft.rules.length === 1 ? "purge" : `purge-${i + 1}`,
      action: "delete",
      ...selection,
      untagged: isUntaggedOnly || flags.isOn("untagged"),
      olderThan,
      keepNewest,
      includeLocked: flags.isOn("include-locked"),
    })),
  };
  const codes = [...ALWAYS, ...draft.codes, ...flagCodes(flags, keepNewest)];
  if (flags.schedule !== null && schedule === null) codes.push("SCHEDULE_UNSUPPORTED");
  return { policy, differences: codes.map((code) => ({ code, detail: ACR_DIFFERENCES[code] })) };
}

/** @throws InputError as the tool itself refuses these */
function refuseCombinations(flags: PurgeFlags, isUntaggedOnly: boolean): void {
  if (flags.isGiven("untagged") && flags.isGiven("untagged-only"))
    refuseCommand("--untagged or --untagged-only, not both");
  if (!isUntaggedOnly && !flags.isGiven("filter")) refuseCommand("a --filter, or --untagged-only");
  if (!isUntaggedOnly && !flags.isGiven("ago")) refuseCommand("an age as --ago, or --untagged-only");
  const excess = flags.texts("filter")[MAX_FILTERS];
  if (excess !== undefined) refuseCommand(`at most ${MAX_FILTERS} filters`, excess.start);
}

/** Null: of any age, which keepNewest bounds. */
function ageOf(flags: PurgeFlags, keepNewest: number): string | null {
  const ago = flags.text("ago");
  if (ago === null) return keepNewest > 0 ? null : "1s";
  const reading = readAgo(ago.text);
  return "olderThan" in reading ? reading.olderThan : refuseCommand(`for --ago ${reading.expected}`, ago.start);
}

function taggedDraft(flags: PurgeFlags, sharesKeep: boolean): Draft {
  const filters = filtersOf(flags);
  for (const { filter, word, tagStart } of filters) {
    checkHalf(() => wholeOfRepository(filter.repository), "repository", word, 0);
    checkHalf(() => wholeOfSearch(filter.tag, "tag"), "tag", word, tagStart);
  }
  return translated(() => {
    const { selections, differences } = selectionsOf(
      filters.map(({ filter }) => filter),
      sharesKeep,
    );
    return { rules: selections, codes: differences };
  });
}

function untaggedDraft(flags: PurgeFlags): Draft {
  const filters = filtersOf(flags);
  if (filters.length === 0) return { rules: [{ repositories: ".*", tags: null }], codes: [] };
  for (const { filter, word } of filters) checkHalf(() => wholeOfRepository(filter.repository), "repository", word, 0);
  return translated(() => {
    const repositories = repositoriesOf(filters.map(({ filter }) => filter));
    return { rules: [{ repositories, tags: null }], codes: ["TAG_HALF_IGNORED"] };
  });
}

type PlacedFilter = { readonly filter: AcrFilter; readonly word: Word; readonly tagStart: number };

function filtersOf(flags: PurgeFlags): readonly PlacedFilter[] {
  return flags.texts("filter").map((word) => {
    if (/\p{Cc}/u.test(word.text)) refuseCommand("no line breaks in a filter", word.start);
    const reading = splitFilter(word.text);
    if ("expected" in reading) refuseCommand(`in the --filter ${reading.expected}`, word.start);
    const { repository, tag, tagStart } = reading;
    return { filter: { repository, tag }, word, tagStart };
  });
}

/** Runs what parses a half. @throws InputError PATTERN_UNSUPPORTED with the places of the filter and inside it */
function checkHalf(make: () => string, half: string, word: Word, offset: number): void {
  try {
    parsePattern(make());
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const reason = error.reason.replace(/\.$/, "");
    unsupported(
      `another ${half} pattern in the --filter at position ${word.start}: ${reason}, at position ${offset + error.position} of the filter`,
    );
  }
}

/** Each half alone is fine: what fails now is what they make together. */
function translated(make: () => Draft): Draft {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return unsupported("filters that fit into one pattern: write one rule for each instead");
  }
}

function unsupported(expected: string): never {
  throw new InputError("PATTERN_UNSUPPORTED", `The command cannot be taken over: expected ${expected}.`, {
    problems: [{ path: "/command", expected }],
  });
}

function scheduleOf(text: string | null): { cron: string } | null {
  return text !== null && "schedule" in readSchedule(text) ? { cron: text } : null;
}

const IGNORED: readonly (readonly [flag: string, code: AcrDifferenceCode])[] = [
  ["registry", "REGISTRY_IGNORED"],
  ["username", "CREDENTIALS_IGNORED"],
  ["password", "CREDENTIALS_IGNORED"],
  ["config", "CREDENTIALS_IGNORED"],
  ["filter-timeout-seconds", "TIMEOUT_IGNORED"],
  ["concurrency", "CONCURRENCY_IGNORED"],
  ["repository-page-size", "PAGE_SIZE_IGNORED"],
  ["verbose", "VERBOSE_IGNORED"],
];

function flagCodes(flags: PurgeFlags, keepNewest: number): AcrDifferenceCode[] {
  const codes = new Set(IGNORED.filter(([flag]) => flags.isGiven(flag)).map(([, code]) => code));
  if (keepNewest > 0) {
    codes.add("KEEP_COUNTS_IMAGES");
    if (flags.isOn("untagged")) codes.add("KEEP_COUNTS_UNTAGGED_ONCE");
  } else if (flags.text("ago") === null) codes.add("NO_AGE");
  if (flags.isOn("dry-run")) codes.add("DRY_RUN");
  return [...codes];
}
