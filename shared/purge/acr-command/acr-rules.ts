/** Filters of one `acr purge` → patterns of rules that select the same repositories and tags. Used by acr-command.ts. */

import { compilePattern } from "../pattern/match.ts";
import { PatternError, parsePattern } from "../pattern/parse.ts";
import { itemsOf, literalOf } from "../pattern/shape.ts";
import { MAX_RULES } from "../policy/policy.ts";
import { grouped, wholeOfRepository, wholeOfSearch } from "./acr-filter.ts";

/** A filter in its two halves, as they are written. */
export type AcrFilter = { readonly repository: string; readonly tag: string };
/** What one rule selects. */
export type Selection = { readonly repositories: string; readonly tags: string };
/** What differs where filters that select the same repository become rules that know nothing of each other. */
export type FilterDifference = "FLAGS_DO_NOT_LEAK" | "KEEP_PER_FILTER";

type NumberedFilter = AcrFilter & { readonly number: number };
/** All filters with the same repository half. */
type Half = {
  /** Takes as a whole what the half selects. */
  readonly whole: string;
  /** The repository's name, where the half is one. */
  readonly literal: string | null;
  readonly isSelected: (repository: string) => boolean;
  readonly filters: readonly NumberedFilter[];
};

/** Most halves that are no plain names of which every combination gets a rule: 31 of 5. */
const MAX_COMBINED = 5;

/**
 * The selections, in an order in which the first that fits a repository and a tag decides. The tool joins the tag halves of
 * all filters that select one repository with a bare `|`: where that shows, every combination gets a rule of its own.
 * @param sharesKeep filters that select the same repository share one number of tags to keep
 * @throws PatternError for a half that is refused
 */
export function selectionsOf(
  filters: readonly AcrFilter[],
  sharesKeep: boolean,
): { readonly selections: readonly Selection[]; readonly differences: readonly FilterDifference[] } {
  const halves = halvesOf(filters);
  const leaks = filters.slice(0, -1).some(({ tag }) => setsFlags(tag));
  if (halves.length === 1 || !(leaks || sharesKeep)) return { selections: apart(halves), differences: [] };
  const together = combined(halves, leaks);
  if (together !== null) return { selections: together, differences: [] };
  const differences: FilterDifference[] = [];
  if (leaks) differences.push("FLAGS_DO_NOT_LEAK");
  if (sharesKeep) differences.push("KEEP_PER_FILTER");
  return { selections: apart(halves), differences };
}

/** One pattern of all repositories that the filters select. @throws PatternError */
export function repositoriesOf(filters: readonly AcrFilter[]): string {
  const wholes = [...new Set(filters.map(({ repository }) => wholeOfRepository(repository)))];
  const [only] = wholes;
  const text = only !== undefined && wholes.length === 1 ? only : wholes.map(grouped).join("|");
  parsePattern(text);
  return text;
}

function halvesOf(filters: readonly AcrFilter[]): readonly Half[] {
  const numbered = filters.map((filter, number) => ({ ...filter, number }));
  return [...Map.groupBy(numbered, ({ repository }) => repository)].map(([repository, own]) => {
    const whole = wholeOfRepository(repository);
    const pattern = parsePattern(whole);
    const { matchesWhole } = compilePattern(pattern);
    return { whole, literal: literalOf(pattern.root, "repository"), isSelected: matchesWhole, filters: own };
  });
}

/** Whether flags are set for all that follows, up to the end of the joined text. */
function setsFlags(text: string): boolean {
  const { root } = parsePattern(text);
  const branches = root.kind === "alternation" ? root.branches : [root];
  return branches.some((branch) => itemsOf(branch).some((item) => item.kind === "flags"));
}

function apart(halves: readonly Half[]): readonly Selection[] {
  return halves.map((half) => selection(half.whole, [half]));
}

/** The tag halves of all members, joined as the tool does it, in the order of the command. */
function selection(repositories: string, members: readonly Half[]): Selection {
  const filters = members.flatMap(({ filters: own }) => own).sort((a, b) => a.number - b.number);
  const tags = wholeOfSearch(filters.map(({ tag }) => tag).join("|"), "tag");
  parsePattern(repositories);
  parsePattern(tags);
  return { repositories, tags };
}

/** Null when there are too many, or a pattern would become too long. */
function combined(halves: readonly Half[], leaks: boolean): readonly Selection[] | null {
  const patterns = halves.filter(({ literal }) => literal === null);
  if (patterns.length > MAX_COMBINED) return null;
  const names = [...new Set(halves.map(({ literal }) => literal).filter((name) => name !== null))];
  if (names.length + 2 ** patterns.length - 1 > MAX_RULES) return null;
  try {
    const named = names.map((name) => {
      const members = halves.filter(({ isSelected }) => isSelected(name));
      return selection(members.find(({ literal }) => literal === name)?.whole ?? "", members);
    });
    return [...named, ...subsetsOf(patterns).map((members) => selection(allOf(members, halves, leaks), members))];
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
}

/** Larger ones first. */
function subsetsOf(halves: readonly Half[]): readonly (readonly Half[])[] {
  const subsets = Array.from({ length: 2 ** halves.length - 1 }, (_, i) =>
    halves.filter((_half, bit) => ((i + 1) >>> bit) & 1),
  );
  return subsets.sort((a, b) => b.length - a.length);
}

/**
 * What all members select. Where flags leak, what others select as well is left out: there the joined text can take less than
 * one of its parts alone.
 */
function allOf(members: readonly Half[], halves: readonly Half[], leaks: boolean): string {
  const others = leaks ? halves.filter((half) => !members.includes(half)) : [];
  const [last, ...rest] = members.map(({ whole }) => whole).reverse();
  const conditions = [
    ...rest.map((whole) => `(?=${grouped(whole)}$)`),
    ...others.map(({ whole }) => `(?!${grouped(whole)}$)`),
  ];
  return conditions.length === 0 ? (last ?? "") : `${conditions.join("")}${grouped(last ?? "")}`;
}
