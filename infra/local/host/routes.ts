/** Route templates of HTTP functions, matched as ASP.NET Core matches them. Called by function-index.ts and http-server.ts. */
import { decodePercent } from "./percent.ts";
import { type Constraint, parseConstraint } from "./route-constraints.ts";

/** A template that this host refuses; the message says why. */
export class RouteTemplateError extends Error {
  override name = "RouteTemplateError";
}

type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | {
      readonly kind: "parameter";
      readonly name: string;
      readonly optional: boolean;
      readonly catchAll: boolean;
      readonly defaultValue?: string;
      readonly constraints: readonly Constraint[];
    };
type Parameter = Extract<Segment, { kind: "parameter" }>;

export type RouteTemplate = { readonly text: string; readonly segments: readonly Segment[] };

/** Splits at `separator` outside braces and parentheses, so that a regex constraint may hold it. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? "";
    if ("{(".includes(char)) depth++;
    else if ("})".includes(char)) depth--;
    else if (char === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function parseParameter(inside: string, template: string): Parameter {
  const refuse = (why: string) => new RouteTemplateError(`Route "${template}": ${why}`);
  const stars = /^\*{0,2}/.exec(inside)?.[0] ?? "";
  let rest = inside.slice(stars.length);
  const [beforeDefault = "", ...afterDefault] = splitOutside(rest, "=");
  const hasDefault = afterDefault.length > 0;
  const defaultValue = afterDefault.join("=");
  rest = beforeDefault;
  const optional = !hasDefault && rest.endsWith("?");
  if (optional) rest = rest.slice(0, -1);
  const [name = "", ...constraints] = splitOutside(rest, ":");
  if (!/^[^/{}?*:=\s]+$/.test(name)) throw refuse(`"{${inside}}" has no usable parameter name`);
  if (stars && optional) throw refuse("a catch-all parameter cannot be optional");
  return {
    kind: "parameter",
    name,
    optional,
    catchAll: stars !== "",
    ...(hasDefault && { defaultValue }),
    constraints: constraints.map((text) => {
      // In a template `{{` stands for `{`.
      const constraint = parseConstraint(text.replaceAll("{{", "{").replaceAll("}}", "}"));
      if (!constraint) throw refuse(`this host does not know the constraint "${text}"`);
      return constraint;
    }),
  };
}

function parseSegment(text: string, template: string): Segment {
  if (text === "") throw new RouteTemplateError(`Route "${template}": an empty segment`);
  const inside = /^\{(?!\{)(.*)\}$/s.exec(text)?.[1];
  const isOneParameter = inside !== undefined && !/\}[^}]*\{/.test(inside.replaceAll(/\(.*\)/gs, ""));
  if (isOneParameter) return parseParameter(inside, template);
  const literal = text.replaceAll("{{", "").replaceAll("}}", "");
  // ASP.NET also knows `a{x}.{y}`: nothing here uses it, and half an implementation would match wrongly.
  if (/[{}]/.test(literal)) throw new RouteTemplateError(`Route "${template}": text beside a parameter in one segment`);
  if (literal.includes("?")) throw new RouteTemplateError(`Route "${template}": "?" outside a parameter`);
  return { kind: "literal", text: text.replaceAll("{{", "{").replaceAll("}}", "}") };
}

/** @throws RouteTemplateError for a template that is wrong, or that this host cannot match faithfully */
export function parseRouteTemplate(text: string): RouteTemplate {
  const segments = text === "" ? [] : splitOutside(text, "/").map((segment) => parseSegment(segment, text));
  const names = segments.flatMap((s) => (s.kind === "parameter" ? [s.name.toLowerCase()] : []));
  if (new Set(names).size < names.length) throw new RouteTemplateError(`Route "${text}": a parameter name twice`);
  if (segments.slice(0, -1).some((s) => s.kind === "parameter" && s.catchAll)) {
    throw new RouteTemplateError(`Route "${text}": a catch-all parameter must come last`);
  }
  return { text, segments };
}

/** The values of the URL, or `undefined` if the path does not fit. */
function captureValues(template: RouteTemplate, path: string): Map<Parameter, string | undefined> | undefined {
  const trimmed = path.replace(/^\//, "");
  const given = trimmed === "" ? [] : trimmed.replace(/\/$/, "").split("/");
  const values = new Map<Parameter, string | undefined>();
  for (const [i, segment] of template.segments.entries()) {
    if (segment.kind === "parameter" && segment.catchAll) {
      // A catch-all takes the rest as it is, a trailing slash included.
      const rest = i < given.length ? trimmed.split("/").slice(i).join("/") : "";
      values.set(segment, rest === "" ? segment.defaultValue : rest);
      return given.slice(0, i + 1).includes("") ? undefined : values;
    }
    const text = given[i];
    if (text === "") return undefined;
    if (segment.kind === "literal") {
      if (text?.toLowerCase() !== segment.text.toLowerCase()) return undefined;
    } else if (text !== undefined) values.set(segment, text);
    else if (segment.optional || segment.defaultValue !== undefined) values.set(segment, segment.defaultValue);
    else return undefined;
  }
  return given.length > template.segments.length ? undefined : values;
}

/**
 * @param path decoded by `decodePath`
 * @returns route values by parameter name, without those that are absent; `undefined` = no match
 */
export function matchRoute(template: RouteTemplate, path: string): Record<string, string> | undefined {
  const values = captureValues(template, path);
  if (!values) return undefined;
  const result: Record<string, string> = {};
  for (const [parameter, value] of values) {
    if (value === undefined) {
      // An absent optional value is not checked; an absent catch-all is, and fails every constraint.
      if (!parameter.optional && parameter.constraints.length > 0) return undefined;
      continue;
    }
    if (!parameter.constraints.every((accepts) => accepts(value))) return undefined;
    result[parameter.name] = value;
  }
  return result;
}

/**
 * Path of a request as Kestrel hands it to routing: percent-decoded once, except `%2F`, which stays as it is written;
 * broken sequences stay too; dot segments are resolved.
 */
export function decodePath(rawPath: string): string {
  const decoded = decodePercent(rawPath, { keepSlash: true });
  const segments: string[] = [];
  const parts = decoded.split("/");
  for (const [i, part] of parts.entries()) {
    if (part !== "." && part !== "..") {
      segments.push(part);
      continue;
    }
    if (part === ".." && segments.length > 1) segments.pop();
    if (i === parts.length - 1) segments.push("");
  }
  return segments.join("/");
}
