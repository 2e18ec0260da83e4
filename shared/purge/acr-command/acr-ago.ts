/** Ages of `acr purge --ago`: days, then a Go duration. What that tool reads by accident is refused. Used by acr-command.ts. */
import { formatAge, MAX_AGE_SECONDS, readAge } from "../policy/age.ts";

/** Nanoseconds of each unit. Source: Go's time.ParseDuration. */
const NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["\u00b5s", 1_000n],
  ["\u03bcs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
  ["d", 86_400_000_000_000n],
]);
const SECOND = 1_000_000_000n;
const MAX_AGO_CHARACTERS = 100;
const AGO_FORM = /^(?:\d+d)?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))*$/;
const AGO_ITEM = /(\d*)\.?(\d*)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d)/g;

/** An age as a rule writes it, or what was expected, never the text itself. */
export type AgoReading = { readonly olderThan: string } | { readonly expected: string };

/** Reads the value of `--ago`: `7d`, `2d3h6m`, `36h`, also `1.5h` and `30m1h`, which Go takes. */
export function readAgo(text: string): AgoReading {
  if (text.length > MAX_AGO_CHARACTERS) return { expected: `an age of at most ${MAX_AGO_CHARACTERS} characters` };
  if (text === "" || !AGO_FORM.test(text)) {
    const age = readAge(text);
    return { expected: "expected" in age ? age.expected : "days and a Go duration: 7d, 2d3h6m, 36h" };
  }
  let nanoseconds = 0n;
  for (const [, whole = "", part = "", unit = ""] of text.matchAll(AGO_ITEM)) {
    const size = NANOSECONDS.get(unit) ?? 0n;
    nanoseconds += BigInt(whole || "0") * size + (BigInt(part || "0") * size) / 10n ** BigInt(part.length);
  }
  if (nanoseconds === 0n) return { expected: "more than nothing: an age of 0 would take everything that there is" };
  if (nanoseconds % SECOND !== 0n) return { expected: "an age of whole seconds" };
  const seconds = nanoseconds / SECOND;
  if (seconds > BigInt(MAX_AGE_SECONDS)) return { expected: "at most 150 years of 365 days (54750d)" };
  // What a rule can write in the same way stays as it was written.
  return { olderThan: "seconds" in readAge(text) ? text : formatAge(Number(seconds)) };
}
