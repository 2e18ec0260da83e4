/** Whether the limits that are asked for are within those of a grant. Pure. Used by decide.ts. */
import { isDeepStrictEqual } from "node:util";
import { matchesRepository, type Scope } from "../scope.ts";

/** What a request gets: its scope, filled up from the grant; or the members in which it goes beyond the grant. */
export type ScopeAnswer = { readonly scope: Scope; readonly wider: readonly (keyof Scope)[] };

/**
 * @param isWhole whether the credential cannot be limited: then only a grant without limits covers it
 */
export function scopeWithin(asked: Scope, granted: Scope, isWhole: boolean): ScopeAnswer {
  const wider: (keyof Scope)[] = [];
  // A grant without an audience gives a token for none.
  if (granted.audience !== asked.audience) wider.push("audience");
  if (granted.version !== undefined && granted.version !== asked.version) wider.push("version");
  if (!coversNamespace(asked, granted, isWhole)) wider.push("namespace");
  if (!coversRepositories(asked, granted, isWhole)) wider.push("repositories");
  return { scope: isWhole ? asked : { ...granted, ...asked }, wider };
}

function coversNamespace(asked: Scope, granted: Scope, isWhole: boolean): boolean {
  if (granted.namespace === undefined) return true;
  return !isWhole && (asked.namespace === undefined || asked.namespace === granted.namespace);
}

/** Whoever names none gets what the grant names. A grant without repositories gives none. */
function coversRepositories(asked: Scope, granted: Scope, isWhole: boolean): boolean {
  const patterns = granted.repositories ?? [];
  if (isWhole) return granted.repositories === undefined || patterns.includes("*");
  return (asked.repositories ?? []).every((name) => patterns.some((pattern) => matchesRepository(pattern, name)));
}

/**
 * The place of the scope to give, of several that grants make of one request: the one that adds nothing to what was asked,
 * else the one that all others are within. Null: they differ, and taking any would give something else as soon as
 * somebody adds a grant.
 */
export function chooseScope(asked: Scope, scopes: readonly Scope[]): number | null {
  const asAsked = scopes.findIndex((scope) => isSameScope(scope, asked));
  if (asAsked >= 0) return asAsked;
  const widest = scopes.findIndex((scope) => scopes.every((other) => isWithin(other, scope)));
  return widest >= 0 ? widest : null;
}

function isSameScope(left: Scope, right: Scope): boolean {
  return isDeepStrictEqual(sorted(left), sorted(right));
}

/** Of repositories alone one limit can hold another; in everything else they are the same or differ. */
function isWithin(inner: Scope, outer: Scope): boolean {
  const { repositories, ...others } = inner;
  const { repositories: patterns, ...rest } = outer;
  if (!isDeepStrictEqual(others, rest)) return false;
  // What begins with a prefix is within it, be it a name or a longer prefix.
  return (repositories ?? []).every((item) => patterns?.some((pattern) => matchesRepository(pattern, item)) === true);
}

function sorted({ repositories, ...others }: Scope): object {
  return repositories === undefined ? others : { ...others, repositories: [...new Set(repositories)].sort() };
}
