/** Constraints of route parameters (`{id:int}`), those of ASP.NET Core that take plain text. Called by routes.ts. */

/** Says whether a route value is accepted. */
export type Constraint = (value: string) => boolean;

const INT32_MAX = 2n ** 31n - 1n;
const INT64_MAX = 2n ** 63n - 1n;

/** .NET's NumberStyles.Integer: white space around and a sign are allowed. */
function parseInteger(value: string, max: bigint): bigint | undefined {
  const match = /^[\t-\r ]*([+-]?\d+)[\t-\r ]*$/.exec(value);
  if (!match?.[1]) return undefined;
  const number = BigInt(match[1].replace("+", ""));
  return number <= max && number >= -max - 1n ? number : undefined;
}

const between = (value: string, low: bigint, high: bigint): boolean => {
  const number = parseInteger(value, INT64_MAX);
  return number !== undefined && number >= low && number <= high;
};

const WITHOUT_ARGUMENT: Readonly<Record<string, Constraint>> = {
  int: (value) => parseInteger(value, INT32_MAX) !== undefined,
  long: (value) => parseInteger(value, INT64_MAX) !== undefined,
  bool: (value) => /^\s*(true|false)\s*$/i.test(value),
  guid: (value) =>
    /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(value.replace(/^[{(](.*)[)}]$/, "$1")),
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value !== "",
};

const integers = (text: string): bigint[] | undefined => {
  const parts = text.split(",").map((part) => parseInteger(part, INT64_MAX));
  return parts.every((part) => part !== undefined) ? parts : undefined;
};

/** `name` or `name(arguments)`; `undefined` for one that this host does not know. */
export function parseConstraint(text: string): Constraint | undefined {
  const match = /^([a-z]+)(?:\((.*)\))?$/is.exec(text);
  const name = match?.[1]?.toLowerCase() ?? "";
  const argument = match?.[2];
  if (argument === undefined) return WITHOUT_ARGUMENT[name];
  if (name === "regex") {
    // ASP.NET searches for the pattern, in any case; a pattern that only .NET can read is unknown here.
    try {
      const pattern = new RegExp(argument, "i");
      return (value) => pattern.test(value);
    } catch {
      return undefined;
    }
  }
  const [first, second, ...more] = integers(argument) ?? [];
  if (first === undefined || more.length > 0) return undefined;
  if (second === undefined) {
    if (name === "min") return (value) => between(value, first, INT64_MAX);
    if (name === "max") return (value) => between(value, -INT64_MAX - 1n, first);
    if (name === "minlength") return (value) => value.length >= first;
    if (name === "maxlength") return (value) => value.length <= first;
    if (name === "length") return (value) => BigInt(value.length) === first;
    return undefined;
  }
  if (name === "range") return (value) => between(value, first, second);
  if (name === "length") return (value) => value.length >= first && value.length <= second;
  return undefined;
}
