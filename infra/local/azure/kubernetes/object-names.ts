/** Grammar of names, labels and data keys, with the API server's own words. Called by object-bodies.ts. */
import { randomInt } from "node:crypto";
import type { StatusCause } from "./api-status.ts";

/** Source of these expressions and texts: k8s.io/apimachinery, pkg/util/validation/validation.go. */
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED})?`;
const DATA_KEY = "[-._a-zA-Z0-9]+";
const MAX_LABEL_LENGTH = 63;
const MAX_SUBDOMAIN_LENGTH = 253;
const TEXTS = {
  label: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`,
  subdomain: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`,
  qualified: `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`,
  labelValue: `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`,
  dataKey: `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${DATA_KEY}')`,
};
/** What a generated name gets behind its beginning. Source: k8s.io/apiserver, pkg/storage/names/generate.go. */
const SUFFIX = { letters: "bcdfghjklmnpqrstvwxz2456789", length: 5 };

/** One fault of an object. */
export type Fault = Required<StatusCause>;

/** How a kind's objects are called: `path` is anything that can stand in a path. */
export type NameGrammar = "label" | "subdomain" | "path";

/** Faults of an object's name. */
export function nameFaults(name: string, grammar: NameGrammar): Fault[] {
  const field = "metadata.name";
  if (grammar === "path") {
    if (name === "." || name === "..") return [invalidValue(field, name, `may not be '${name}'`)];
    const bad = ["/", "%"].find((one) => name.includes(one));
    return bad === undefined ? [] : [invalidValue(field, name, `may not contain '${bad}'`)];
  }
  const [pattern, longest] =
    grammar === "label" ? ([LABEL, MAX_LABEL_LENGTH] as const) : ([SUBDOMAIN, MAX_SUBDOMAIN_LENGTH] as const);
  return [
    ...(name.length > longest ? [invalidValue(field, name, `must be no more than ${longest} bytes`)] : []),
    ...(fits(pattern, name) ? [] : [invalidValue(field, name, TEXTS[grammar])]),
  ];
}

/** Faults of `metadata.labels`. */
export function labelFaults(labels: Readonly<Record<string, string>>): Fault[] {
  const field = "metadata.labels";
  return Object.entries(labels).flatMap(([key, value]) => [
    ...keyFaults(key, field),
    ...(value.length > MAX_LABEL_LENGTH
      ? [invalidValue(field, value, `must be no more than ${MAX_LABEL_LENGTH} bytes`)]
      : []),
    ...(fits(LABEL_VALUE, value) ? [] : [invalidValue(field, value, TEXTS.labelValue)]),
  ]);
}

/** Faults of the keys of `metadata.annotations`. */
export function annotationFaults(annotations: Readonly<Record<string, string>>): Fault[] {
  return Object.keys(annotations).flatMap((key) => keyFaults(key.toLowerCase(), "metadata.annotations"));
}

/** Faults of the keys of a Secret's data. */
export function dataKeyFaults(keys: readonly string[]): Fault[] {
  return keys
    .filter((key) => !fits(DATA_KEY, key) || key.length > MAX_SUBDOMAIN_LENGTH || key === "." || key === "..")
    .map((key) => invalidValue(`data[${key}]`, key, TEXTS.dataKey));
}

export const invalidValue = (field: string, value: unknown, text: string): Fault => ({
  reason: "FieldValueInvalid",
  message: `Invalid value: ${JSON.stringify(value)}: ${text}`,
  field,
});
export const requiredValue = (field: string, text: string): Fault => ({
  reason: "FieldValueRequired",
  message: text === "" ? "Required value" : `Required value: ${text}`,
  field,
});

/** @param pick a whole number from 0 on, smaller than its argument */
export function generatedName(
  beginning: string,
  pick: (below: number) => number = (below) => randomInt(below),
): string {
  const letters = Array.from({ length: SUFFIX.length }, () => SUFFIX.letters[pick(SUFFIX.letters.length)]).join("");
  return beginning.slice(0, MAX_LABEL_LENGTH - SUFFIX.length) + letters;
}

function keyFaults(key: string, field: string): Fault[] {
  const slash = key.lastIndexOf("/");
  const name = key.slice(slash + 1);
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  return [
    ...(prefix !== undefined && (prefix.length > MAX_SUBDOMAIN_LENGTH || !fits(SUBDOMAIN, prefix))
      ? [invalidValue(field, key, `prefix part ${TEXTS.subdomain}`)]
      : []),
    ...(name.length > MAX_LABEL_LENGTH
      ? [invalidValue(field, key, `name part must be no more than ${MAX_LABEL_LENGTH} bytes`)]
      : []),
    ...(fits(QUALIFIED, name) ? [] : [invalidValue(field, key, TEXTS.qualified)]),
  ];
}

function fits(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(text);
}
