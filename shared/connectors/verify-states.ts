/** How looks at resources add up to a type, and types to a connector. Pure. Used by verify and verify-stored. */
import type { Check } from "./check.ts";
import type { Verification } from "./connector.ts";
import type { Found, Unread } from "./found.ts";
import type { ResourceType } from "./resource-type.ts";

/** Names that a verification keeps of each type, so that its record stays small. */
const MAX_RESOURCES = 1_000;
/** Names in a message; the looks themselves say the rest. */
const MAX_NAMED = 5;

/** What a verification says of one type. */
export type TypeResult = Verification["resourceTypes"][number];

/**
 * Healthy when every type is in order, failed when none works at all.
 * @param areNamed false: the connector serves every type that there is, so that one of which nothing is seen is no lack
 */
export function stateOfTypes(
  types: readonly Pick<TypeResult, "state" | "error">[],
  areNamed: boolean,
): Verification["state"] {
  const seen = areNamed ? types : types.filter(({ error }) => error?.code !== "RESOURCE_NOT_FOUND");
  if (seen.every(({ state }) => state === "error")) return "failed";
  return seen.every(({ state }) => state === "ok") ? "healthy" : "degraded";
}

/** A type of which nothing can be said to work. */
export function failedType(resourceType: ResourceType, error: NonNullable<TypeResult["error"]>): TypeResult {
  return { resourceType, state: "error", resources: [], error, checks: [], unprobed: 0 };
}

/** A type of which something was seen. What could not be told beside what works is no fault of the connector's. */
export function checkedType(
  resourceType: ResourceType,
  seen: {
    found: readonly Pick<Found, "displayName">[];
    unread: readonly Unread[];
    checks: readonly Check[];
    /** Storage accounts whose containers were not listed. */
    unlisted?: number;
  },
): TypeResult {
  const { found, unread, checks, unlisted = 0 } = seen;
  // What was left out may hold something.
  const state = stateOf(found.length > 0 || unlisted > 0, unread, checks);
  return {
    resourceType,
    state,
    resources: [...new Set(found.map(({ displayName }) => displayName))].slice(0, MAX_RESOURCES),
    error: unreadError(unread) ?? (state === "ok" ? null : checkError(checks, unlisted)),
    checks: [...checks],
    unprobed: found.length - checks.length + unlisted,
  };
}

/** The type again after one resource of it was looked at once more. */
export function withCheck(type: TypeResult, result: TypeResult): TypeResult {
  const fresh = new Set(result.checks.map(({ resourceId }) => resourceId.toLowerCase()));
  const others = type.checks.filter(({ resourceId }) => !fresh.has(resourceId.toLowerCase()));
  const checks = [...others, ...result.checks];
  const resources = [...new Set([...type.resources, ...result.resources])].slice(0, MAX_RESOURCES);
  const isKnown = others.length < type.checks.length;
  const unprobed = isKnown ? type.unprobed : Math.max(0, type.unprobed - result.checks.length);
  // A part that could not be listed is still unlisted.
  const isUnlisted = type.error !== null && !type.error.message.startsWith(checkError(type.checks).message);
  const state = stateOf(true, [], checks);
  return {
    ...type,
    state: isUnlisted && state === "ok" ? "degraded" : state,
    resources,
    error: isUnlisted ? type.error : state === "ok" ? null : checkError(checks),
    checks,
    unprobed,
  };
}

function stateOf(isAnySeen: boolean, unread: readonly Unread[], checks: readonly Check[]): TypeResult["state"] {
  if (!isAnySeen) return "error";
  if (checks.length > 0 && checks.every(({ state }) => state === "failed")) return "error";
  // Nothing is in order by nobody having looked.
  const isAnyProved = checks.some(({ state }) => state === "ok");
  return isAnyProved && unread.length === 0 && !checks.some(isLacking) ? "ok" : "degraded";
}

/** Whether something is known that would mend it, though it may not be known that it fails. */
function isLacking({ state, access }: Check): boolean {
  if (state === "unknown") return access.some(({ remedy }) => remedy !== null);
  return state === "failed" || state === "degraded";
}

function unreadError(unread: readonly Unread[]): TypeResult["error"] {
  const [first] = unread;
  if (first === undefined) return null;
  const message = `the resources of ${named(unread.map(({ where }) => where))} could not be listed`;
  return { code: first.error.code, message, remedy: first.error.message };
}

/** The first lack in words; the others stand in the looks. Without one: that nothing could be told. */
function checkError(checks: readonly Check[], unlisted = 0): NonNullable<TypeResult["error"]> {
  const lacking = checks.filter(isLacking);
  // A degraded one may lack what is optional as well, which is not why.
  const [lack] = lacking.flatMap(({ access }) => {
    const needed = access.filter(({ remedy }) => remedy?.optional !== true);
    return needed.find(({ ok }) => ok === false) ?? needed.find(({ remedy }) => remedy !== null) ?? [];
  });
  if (lack === undefined) return untoldError(checks, unlisted);
  const message = `${lacking.length} of ${checks.length} that were looked at cannot be used in full: ${named(lacking.map(({ displayName }) => displayName))}${unlistedText(unlisted)}`;
  return {
    code: lack.code ?? "UPSTREAM_REFUSED",
    message,
    remedy: [lack.message, lack.remedy?.az].filter(Boolean).join(" "),
  };
}

/** Appended, so that what is said without it is its beginning. */
function unlistedText(unlisted: number): string {
  return unlisted === 0 ? "" : `; the containers of ${unlisted} more storage accounts were not listed`;
}

function untoldError(checks: readonly Check[], unlisted: number): NonNullable<TypeResult["error"]> {
  const [untold] = checks.flatMap(({ access }) => access.find(({ ok }) => ok === null) ?? []);
  if (untold === undefined) {
    const message = `none of the resources was looked at${unlistedText(unlisted)}`;
    return { code: "NOT_PROVED", message, remedy: "Narrow the connector's limits, or verify one resource by its id." };
  }
  const message = `of none of the ${checks.length} that were looked at it is known whether they can be used: ${named(checks.map(({ displayName }) => displayName))}${unlistedText(unlisted)}`;
  return { code: untold.code ?? "NOT_PROVED", message, remedy: untold.message ?? "Verify the connector again." };
}

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return more > 0 ? `${names.slice(0, MAX_NAMED).join(", ")} and ${more} more` : names.join(", ");
}
