/** Whether the limits that are asked for are within those of a grant. Pure. Used by decide.ts. */
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
