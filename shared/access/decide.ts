/** May this caller have this credential, and by which rule? Pure: a decision with every check, for answers and explanations. */
import type { Principal } from "../principal.ts";
import { isAtOrBelow } from "../resource-tree.ts";
import type { Scope } from "../scope.ts";
import { coversPlace, needsGroups, placesOf, placeText } from "./places.ts";
import type { Grant, Policy } from "./policy.ts";
import { chooseScope, scopeWithin } from "./scope.ts";

/** What is asked for, with the defaults of the resource type filled in. */
export type AccessRequest = {
  /** Name of the connector. */
  readonly connector: string;
  /** Whether a canonical id is what the request means; `canonicalId` is that of a grant. */
  readonly means: (canonicalId: string) => boolean;
  /** Whether a credential for the resource with this canonical id could be used on what a denial stands on as well. */
  readonly reaches: (canonicalId: string, denied: string) => boolean;
  readonly access: readonly string[];
  readonly form: string;
  readonly defaultForm: string;
  readonly scope: Scope;
  /** Whether the form cannot be limited inside the resource: only a grant without such limits gives it. */
  readonly isWhole: boolean;
  /** Null for forms whose life nobody chooses. */
  readonly ttlSeconds: number | null;
  /** Null: any place where the caller is a member. */
  readonly project: string | null;
  readonly domain: string | null;
};

/** What is never lent, whatever policy says: canonical ids, each with all below it. */
export type NeverLent = {
  /** Those that the operator lists. */
  readonly deniedResources: readonly string[];
  /** The service's own. No connector's identity has a role there, so what could reach beyond its resource still ends before them. */
  readonly ownResources: readonly string[];
};

/** One thing that was looked at. `detail` says what is missing, or what allowed it. */
export type Check = { readonly id: CheckId; readonly ok: boolean; readonly detail: string };
/** In the order in which they are made. */
export const CHECK_IDS = [
  "membership",
  "resource",
  "operator-deny",
  "deny",
  "grant",
  "access",
  "form",
  "scope",
  "ttl",
] as const;
/** See CHECK_IDS. */
export type CheckId = (typeof CHECK_IDS)[number];

/** The answer to a request. */
export type Decision =
  | {
      readonly allowed: true;
      /** `grant:<name>` */
      readonly rule: string;
      readonly checks: readonly Check[];
      /** Canonical id of the resource, from the grant. */
      readonly resourceId: string;
      /** What was asked, filled up from the grant: repositories may be patterns then. */
      readonly scope: Scope;
      /** Longest life now: the grant's bound, and its end. */
      readonly maxTtlSeconds: number;
      readonly grantExpiresAt: string | null;
    }
  | {
      readonly allowed: false;
      /** The deny that decided, else null. */
      readonly rule: string | null;
      readonly checks: readonly Check[];
      readonly code: "DENIED" | "GROUPS_OVERAGE" | "SCOPE_TOO_WIDE" | "AMBIGUOUS_RESOURCE";
      /** Canonical ids to choose from, for AMBIGUOUS_RESOURCE. */
      readonly candidates: readonly string[];
    };

/** Deny by default and above all. What is asked beyond a grant is refused, never trimmed. */
export function decide(
  policy: Policy,
  principal: Principal,
  request: AccessRequest,
  never: NeverLent,
  now: Date,
): Decision {
  const places = placesOf(policy, principal, request);
  const checks: Check[] = [];
  const refuse = (code: Extract<Decision, { allowed: false }>["code"], check: Check, rule: string | null = null) =>
    ({ allowed: false, rule, code, checks: [...checks, check], candidates: [] }) as const;

  if (places.length === 0) {
    // Only where groups could have made the difference is their absence the reason.
    if (principal.groups === "overage" && needsGroups(policy, request)) {
      return refuse("GROUPS_OVERAGE", {
        id: "membership",
        ok: false,
        detail: "the token leaves out its groups because there are too many, and a membership here goes by group",
      });
    }
    return refuse("DENIED", {
      id: "membership",
      ok: false,
      detail: `no membership lets the caller execute in ${placeText(request)}`,
    });
  }
  checks.push({ id: "membership", ok: true, detail: `membership:${places.map(({ name }) => name).join(", ")}` });

  const current = [...policy.grants].filter(
    ([, grant]) =>
      isCurrent(grant, now) &&
      fits(grant.connector, request.connector) &&
      places.some((place) => coversPlace(grant, place)),
  );
  const allows = current.filter(([, { effect, resourceId }]) => effect === "allow" && request.means(resourceId));
  const [first] = allows;
  if (first === undefined) {
    const detail = `no grant lets ${placeText(request)} reach this resource through the connector ${request.connector}`;
    return refuse("DENIED", { id: "grant", ok: false, detail });
  }
  const { resourceId } = first[1];
  if (allows.some(([, other]) => !sameText(other.resourceId, resourceId))) {
    const candidates = [...new Set(allows.map(([, grant]) => grant.resourceId))].sort();
    const detail = "the name fits several granted resources";
    return { ...refuse("AMBIGUOUS_RESOURCE", { id: "resource", ok: false, detail }), candidates };
  }
  checks.push({ id: "resource", ok: true, detail: resourceId });

  if ([...never.deniedResources, ...never.ownResources].some((denied) => isAtOrBelow(resourceId, denied))) {
    const detail = "the operator never lends this resource";
    return refuse("DENIED", { id: "operator-deny", ok: false, detail }, "operator-deny");
  }
  if (never.deniedResources.some((denied) => request.reaches(resourceId, denied))) {
    const detail = `the operator never lends something ${REACHED}`;
    return refuse("DENIED", { id: "operator-deny", ok: false, detail }, "operator-deny");
  }
  const denies = current.filter(([, { effect }]) => effect === "deny");
  const deny = denies.find(([, grant]) => forbids(grant, resourceId, request.access));
  if (deny !== undefined) {
    const rule = `grant:${deny[0]}`;
    return refuse("DENIED", { id: "deny", ok: false, detail: `${rule} denies it` }, rule);
  }
  // Whichever rights the deny is about: a credential that cannot be narrowed has them all.
  const reached = denies.find(([, grant]) => request.reaches(resourceId, grant.resourceId));
  if (reached !== undefined) {
    const rule = `grant:${reached[0]}`;
    return refuse("DENIED", { id: "deny", ok: false, detail: `${rule} denies something ${REACHED}` }, rule);
  }

  // The grant that gets furthest explains best why none suffices.
  const attempts = allows.map(([name, grant]) => {
    const maxTtlSeconds = longestLifeSeconds(grant, now);
    return { name, grant, maxTtlSeconds, checks: checksOf(name, grant, maxTtlSeconds, request) };
  });
  const sufficing = attempts.filter((attempt) => attempt.checks.every(({ ok }) => ok));
  if (sufficing.length === 0) {
    const best = attempts.reduce((left, right) => (isCloser(right.checks, left.checks) ? right : left));
    return { allowed: false, rule: null, code: "SCOPE_TOO_WIDE", checks: [...checks, ...best.checks], candidates: [] };
  }
  const scopes = sufficing.map(({ grant }) => scopeWithin(request.scope, grant.scope, request.isWhole).scope);
  const chosen = chooseScope(request.scope, scopes);
  const found = chosen === null ? undefined : sufficing[chosen];
  const scope = chosen === null ? undefined : scopes[chosen];
  if (found === undefined || scope === undefined) {
    const names = sufficing.map(({ name, grant }) => `grant:${name} (${limitText(grant.scope)})`).join(", ");
    const detail = `several grants fit, with different limits: ${names}; name yours in scope, or your project and domain`;
    return refuse("AMBIGUOUS_RESOURCE", { id: "scope", ok: false, detail });
  }
  return {
    allowed: true,
    rule: `grant:${found.name}`,
    checks: [...checks, ...found.checks],
    resourceId,
    scope,
    maxTtlSeconds: found.maxTtlSeconds,
    grantExpiresAt: found.grant.expiresAt,
  };
}

/** For people. */
function limitText({ namespace, repositories }: Scope): string {
  return namespace ?? repositories?.join(", ") ?? "none";
}

/** Why a denial elsewhere refuses. */
const REACHED = "that this credential could be used on, and it cannot be narrowed";

function fits(pattern: string, connector: string): boolean {
  return pattern === "*" || pattern === connector;
}

function isCurrent({ expiresAt }: Grant, now: Date): boolean {
  return expiresAt === null || now < new Date(expiresAt);
}

function forbids(grant: Grant, resourceId: string, access: readonly string[]): boolean {
  if (!grant.access.some((right) => access.includes(right))) return false;
  return grant.resourceId === "*" || isAtOrBelow(resourceId, grant.resourceId);
}

function sameText(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** No credential outlives the grant that allows it. */
function longestLifeSeconds({ maxTtlSeconds, expiresAt }: Grant, now: Date): number {
  if (expiresAt === null) return maxTtlSeconds;
  return Math.min(maxTtlSeconds, Math.floor((Date.parse(expiresAt) - now.getTime()) / 1000));
}

function checksOf(name: string, grant: Grant, maxTtlSeconds: number, request: AccessRequest): Check[] {
  const missing = request.access.filter((right) => !grant.access.includes(right));
  const forms = grant.forms.length === 0 ? [request.defaultForm] : grant.forms;
  const { wider } = scopeWithin(request.scope, grant.scope, request.isWhole);
  return [
    { id: "grant", ok: true, detail: `grant:${name}` },
    {
      id: "access",
      ok: missing.length === 0,
      detail: missing.length === 0 ? grant.access.join(", ") : `grant:${name} does not give ${missing.join(", ")}`,
    },
    { id: "form", ok: forms.includes(request.form), detail: `grant:${name} gives the forms ${forms.join(", ")}` },
    {
      id: "scope",
      ok: wider.length === 0,
      detail: wider.length === 0 ? "within the grant" : `grant:${name} is limited in ${wider.join(", ")}`,
    },
    {
      id: "ttl",
      // Whoever asks for no life needs at least a second of it.
      ok: (request.ttlSeconds ?? 1) <= maxTtlSeconds,
      detail: `grant:${name} gives at most ${maxTtlSeconds} seconds`,
    },
  ];
}

/** More is right; of as much, what fails last: the form says less of what is missing than the scope. */
function isCloser(left: readonly Check[], right: readonly Check[]): boolean {
  const passed = (checks: readonly Check[]) => checks.filter(({ ok }) => ok).length;
  const firstWrong = (checks: readonly Check[]) => checks.findIndex(({ ok }) => !ok);
  return passed(left) === passed(right) ? firstWrong(left) > firstWrong(right) : passed(left) > passed(right);
}
