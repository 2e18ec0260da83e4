/** Ages of purge rules: `7d`, `2d3h6m`, `P7D`, `PT36H`. A strict grammar: what is not one of these is an error, never a guess. Used by policy.ts and acr-command.ts. */

/** Seconds of each unit that has a fixed length. */
const UNIT_SECONDS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const;
/** Units of the short form, in the order in which they may come. */
const SHORT_UNITS = ["d", "h", "m", "s"] as const;
/** The oldest age, in seconds: 150 years of 365 days. Above that it is a slip of the hand; `acr purge` has the same limit. */
export const MAX_AGE_SECONDS = 150 * 365 * 86_400;
/** Longest text, in characters: four numbers of ten digits with their units. */
export const MAX_AGE_CHARACTERS = 48;

const ANY_FORM = "an age such as 7d, 2d3h6m, P7D or PT36H";
const SHORT_FORM = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
// Weeks stand alone in ISO 8601; `P` and `T` want something behind them.
const ISO_WEEKS = /^P(\d+)W$/;
const ISO_FORM = /^P(?!$)(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** What a text says: an age, or what should have stood there (never the text itself). */
export type AgeReading = { readonly seconds: number } | { readonly expected: string };

/** Reads an age. `seconds` is a whole number from 1 to MAX_AGE_SECONDS. */
export function readAge(text: string): AgeReading {
  if (text.length > MAX_AGE_CHARACTERS) return { expected: `${ANY_FORM}, at most ${MAX_AGE_CHARACTERS} characters` };
  const seconds = secondsOf(text);
  if (seconds === null) return { expected: whatIsWrong(text) };
  if (seconds === 0) return { expected: "more than nothing: an age of 0 would take everything that there is" };
  if (seconds > MAX_AGE_SECONDS) return { expected: "at most 150 years of 365 days (54750d)" };
  return { seconds };
}

/** The shortest text in ISO 8601 that readAge reads as this. @param seconds a whole number, 1 and up */
export function formatAge(seconds: number): string {
  const days = Math.floor(seconds / UNIT_SECONDS.d);
  const hours = Math.floor((seconds % UNIT_SECONDS.d) / UNIT_SECONDS.h);
  const minutes = Math.floor((seconds % UNIT_SECONDS.h) / UNIT_SECONDS.m);
  const rest = seconds % UNIT_SECONDS.m;
  const time = `${hours > 0 ? `${hours}H` : ""}${minutes > 0 ? `${minutes}M` : ""}${rest > 0 ? `${rest}S` : ""}`;
  return `P${days > 0 ? `${days}D` : ""}${time === "" ? "" : `T${time}`}`;
}

/** Null when it is none of the forms. Sums stay exact: above 2^53 the limit refuses them anyway. */
function secondsOf(text: string): number | null {
  const weeks = ISO_WEEKS.exec(text);
  if (weeks) return Number(weeks[1]) * UNIT_SECONDS.w;
  const parts = text === "" ? null : (SHORT_FORM.exec(text) ?? ISO_FORM.exec(text));
  if (!parts) return null;
  return SHORT_UNITS.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * UNIT_SECONDS[unit], 0);
}

/** Names the first thing that is wrong, so that each slip gets words of its own. */
function whatIsWrong(text: string): string {
  if (text === "") return ANY_FORM;
  if (/\s/.test(text)) return `${ANY_FORM}, without spaces`;
  if (/[+-]/.test(text)) return "no sign: an age counts back from the time of the run";
  if (/[.,]/.test(text)) return "whole numbers: 36h instead of 1.5d";
  if (/^\d+$/.test(text)) return "a unit behind the number: d, h, m or s";
  if (/^p/.test(text) || (text.startsWith("P") && /[a-z]/.test(text))) return "ISO 8601 in upper case: P7D, PT36H";
  return text.startsWith("P") ? whatIsWrongInIso(text) : whatIsWrongInShort(text);
}

function whatIsWrongInIso(text: string): string {
  const [date = "", ...times] = text.slice(1).split("T");
  if (/[YM]/.test(date)) return "no years or months, which have no fixed length: P30D instead of P1M";
  if (/W/.test(text)) return "weeks alone: P2W, or days: P15D";
  if (times.length === 0 && /[HS]/.test(date)) return "a T before hours, minutes and seconds: PT36H";
  return "ISO 8601 with days, hours, minutes and seconds in this order, each once: P1DT2H30M5S";
}

function whatIsWrongInShort(text: string): string {
  const items = text.match(/\d+[a-z]/g) ?? [];
  if (items.join("") !== text) {
    if (/\d[A-Z]/.test(text)) return "units in lower case: 7d, or ISO 8601: P7D";
    if (/^[a-z]|[a-z][a-z]/.test(text)) return "a whole number before each unit, and a unit of one letter: 7d, 2d3h6m";
    return ANY_FORM;
  }
  const units = items.map((item) => item.slice(-1));
  if (units.includes("w")) return "weeks as days: 7d, or as ISO 8601: P1W";
  if (units.some((unit) => !SHORT_UNITS.some((known) => known === unit))) return "the units d, h, m and s";
  if (new Set(units).size < units.length) return "each unit once";
  return "units in falling order: d, h, m, s";
}
