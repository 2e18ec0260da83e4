/** Part (d) of bench:purge: what it costs to hold the name of a tag against a pattern, typical ones and the worst that are accepted. Used by purge.ts. */
import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import Table from "cli-table3";
import { compilePattern } from "../../shared/purge/pattern/match.ts";
import { parsePattern } from "../../shared/purge/pattern/parse.ts";
import { compileRules } from "../../shared/purge/plan/compiled-rules.ts";
import { matchesWhole } from "../../shared/purge/plan/prepare.ts";
import { tellTime } from "./purge-target.ts";
import { percentile } from "./statistics.ts";

/** Tags of a large repository, and rules of a long policy. */
const TAGS = 140_000;
const RULES = 20;
/** Names that the worst patterns are held against: all would take minutes. */
const SAMPLE = 2_000;
/** Names of one measurement; times are told over these. */
const BLOCK = 100;
/** Longest name of a tag. Source: the OCI distribution specification. */
const MAX_TAG_LENGTH = 128;
/** A plan of one repository with its rules is to fit into a slice, with time for its requests. Seconds. */
const MAX_SECONDS = 30;

const TYPICAL = [
  ".*",
  "^v\\d+\\.\\d+\\.\\d+$",
  "^(?!keep-repo).*",
  "(dev|test|pr)-.*",
  ".*-SNAPSHOT",
  "[0-9a-f]{40}",
  "(?i)release-[0-9]{4}\\.(0[1-9]|1[0-2]).*",
  "^(?!.*(stable|latest)).*-\\d{8}$",
];
/** As many states and look-arounds as are accepted, and as many sets of states as names can make of them. */
const WORST = [
  "[ab]*a[ab]{60}",
  "[ab]*a[ab]{1000}",
  "(?:[ab]*a){600}",
  "(?:a?b?){480}",
  `${"(?=[ab]*a[ab]{60})".repeat(20)}.*`,
  `.*${"(?<=a[ab]{40}b)?".repeat(20)}[ab]{90}`,
  "(?:\\b|\\B|a|b)*[ab]{1000}",
];

/** Measures every pattern by itself, then whole policies. */
export async function benchPatterns(): Promise<void> {
  const typicalNames = names(SAMPLE * 10, typicalName);
  const worstNames = names(SAMPLE, worstName);
  const table = new Table({
    head: ["PATTERN", "READY us", "p50 ns A NAME", "p99", "WORST", "ns A CHARACTER"],
    style: { head: [], border: [], compact: true },
  });
  for (const [patterns, subjects] of [
    [TYPICAL, typicalNames],
    [WORST, worstNames],
  ] as const) {
    for (const pattern of patterns) {
      const startedAt = performance.now();
      const matcher = compilePattern(parsePattern(pattern));
      const readyMs = performance.now() - startedAt;
      const nanoseconds = blocks(subjects, matcher.matchesWhole);
      const characters = subjects.reduce((sum, name) => sum + name.length, 0) / subjects.length;
      const [p50 = 0, p99 = 0, worst = 0] = [0.5, 0.99, 1].map((share) => percentile(nanoseconds, share));
      const text = pattern.length > 44 ? `${pattern.slice(0, 41)}...` : pattern;
      table.push([
        text,
        (readyMs * 1000).toFixed(0),
        ...[p50, p99, worst].map((ns) => ns.toFixed(0)),
        (p50 / characters).toFixed(1),
      ]);
    }
  }
  console.log(
    `(d) Patterns against whole names: ${TYPICAL.length} typical on tags as they are, then the worst on ${MAX_TAG_LENGTH} characters; over blocks of ${BLOCK}`,
  );
  console.log(table.toString());

  const typical = policySeconds(TYPICAL.slice(1), names(TAGS, typicalName));
  const worst = policySeconds(WORST, worstNames);
  const ofWorst = (worst * TAGS) / SAMPLE;
  const each = (seconds: number, tags: number) => ((seconds / tags / RULES) * 1e9).toFixed(0);
  console.log(
    `${RULES} rules of which none takes any of ${TAGS} tags: ${typical.toFixed(2)} s, ${each(typical, TAGS)} ns a rule and tag. ` +
      `The worst rules and tags: ${ofWorst.toFixed(0)} s (from ${SAMPLE} tags), ${each(worst, SAMPLE)} ns.`,
  );
  tellTime(`${RULES} typical rules on ${TAGS} tags, part of ${MAX_SECONDS} s`, typical / MAX_SECONDS, 1);
}

/** Nanoseconds a name of each block, without the first blocks, in which the engine warms up. */
function blocks(subjects: readonly string[], matches: (name: string) => boolean): readonly number[] {
  const found: number[] = [];
  for (let from = 0; from < subjects.length; from += BLOCK) {
    const block = subjects.slice(from, from + BLOCK);
    const startedAt = performance.now();
    for (const name of block) matches(name);
    found.push(((performance.now() - startedAt) * 1e6) / block.length);
  }
  return found.slice(2);
}

/** Seconds in which all rules of a policy are asked about all tags. */
function policySeconds(patterns: readonly string[], tags: readonly string[]): number {
  const rules = Array.from({ length: RULES }, (_, nth) => ({
    name: `rule-${nth}`,
    action: "delete" as const,
    repositories: ".*",
    tags: patterns[nth % patterns.length] ?? "",
    untagged: false,
    olderThanSeconds: 1,
    keepNewest: 0,
    includeLocked: false,
  }));
  const compiled = compileRules(rules, matchesWhole);
  const startedAt = performance.now();
  for (const tag of tags) for (const { matchesTag } of compiled) matchesTag?.(tag);
  return (performance.now() - startedAt) / 1000;
}

function names(count: number, name: (nth: number, hex: string) => string): readonly string[] {
  return Array.from({ length: count }, (_, nth) => name(nth, createHash("sha512").update(String(nth)).digest("hex")));
}

/** Tags as pipelines make them. */
function typicalName(nth: number, hex: string): string {
  const kinds = [
    `v1.${nth % 90}.${nth}`,
    `main-${hex.slice(0, 7)}-20260${1 + (nth % 9)}1${nth % 10}`,
    `pr-${nth}`,
    hex.slice(0, 40),
  ];
  return kinds[nth % kinds.length] ?? "";
}

/** Of two letters without order. */
function worstName(_nth: number, hex: string): string {
  return [...hex]
    .map((digit) => (Number.parseInt(digit, 16) % 2 === 0 ? "a" : "b"))
    .join("")
    .slice(0, MAX_TAG_LENGTH);
}
