/** Projects and domains: where a caller is a member, and which grants cover that. Pure. Used by decide.ts. */
import type { Principal } from "../principal.ts";
import type { Grant, Membership, Policy } from "./policy.ts";

/** The place that a request names; null: any where the caller is a member. */
export type AskedPlace = { readonly project: string | null; readonly domain: string | null };
/** A project and domain in which the caller is a member, narrowed to what the request names; `name`: the membership. */
export type Place = { readonly name: string; readonly project: string; readonly domain: string };

/** Every place where the caller may ask for this. */
export function placesOf(policy: Policy, principal: Principal, asked: AskedPlace): Place[] {
  const names = new Set([
    principal.id,
    ...(principal.groups === "overage" ? [] : principal.groups.map((id) => `group:${id}`)),
  ]);
  return [...policy.memberships].flatMap(([name, membership]) => {
    const place = placeIn(membership, asked);
    return place !== null && membership.principals.some((member) => names.has(member)) ? [{ name, ...place }] : [];
  });
}

/** Whether a grant or deny holds in this place. */
export function coversPlace(grant: Grant, place: Place): boolean {
  return matches(grant.project, place.project) && matches(grant.domain, place.domain);
}

/** Whether a group that the caller may be in could have made the difference. */
export function needsGroups(policy: Policy, asked: AskedPlace): boolean {
  return [...policy.memberships.values()].some(
    (membership) =>
      placeIn(membership, asked) !== null && membership.principals.some((member) => member.startsWith("group:")),
  );
}

/** The asked place, for people. */
export function placeText({ project, domain }: AskedPlace): string {
  return project === null && domain === null
    ? "any of the caller's projects"
    : `project ${project ?? "*"}, domain ${domain ?? "*"}`;
}

/** Where a membership and a request meet; null when the request names another place. */
function placeIn(membership: Membership, asked: AskedPlace): { project: string; domain: string } | null {
  const project = asked.project ?? membership.project;
  const domain = asked.domain ?? membership.domain;
  return matches(membership.project, project) && matches(membership.domain, domain) ? { project, domain } : null;
}

/** Equal, or one side stands for all. */
function matches(left: string, right: string): boolean {
  return left === right || left === "*" || right === "*";
}
