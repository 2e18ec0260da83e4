/** Whether a grant fits the resource type that its canonical id has. Pure. Joined to policy by functions/main.ts. */
import type { ResourceType } from "../connectors/ports.ts";
import type { InputProblem } from "../errors.ts";
import { FORMS, RIGHTS, TYPE_RULES } from "./request.ts";

/** A grant, as far as its type has a say in it. */
export type GrantToCheck = {
  readonly effect: "allow" | "deny";
  readonly resourceId: string;
  readonly access: readonly string[];
  readonly forms: readonly string[];
  readonly scope: Readonly<Record<string, unknown>>;
};
/** Type and canonical id of a full id; null for anything else. */
export type ExactResource = (text: string) => { resourceType: ResourceType; resourceId: string } | null;

/** What a deny may stand above: a subscription or a part of one, or a whole vault. Azure's own grammar for the parts. */
const ABOVE =
  /^(?:\/subscriptions\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\/[-\w.()]{1,90})*|https:\/\/[0-9a-z-]{3,24}\.[0-9a-z.]{1,60}(?:\/secrets)?)$/i;

/** Where a grant does not fit; empty when it does. */
export function grantProblems(grant: GrantToCheck, exactResource: ExactResource): InputProblem[] {
  const exact = exactResource(grant.resourceId);
  const isCanonical = exact !== null && exact.resourceId.toLowerCase() === grant.resourceId.toLowerCase();
  if (isCanonical && !(grant.effect === "deny" && exact.resourceType === "azure-generic")) {
    return typeProblems(grant, exact.resourceType);
  }
  // A deny that stands above resources forbids those of every type.
  if (grant.effect === "deny" && (grant.resourceId === "*" || ABOVE.test(grant.resourceId))) {
    return [...listed("/access", grant.access, RIGHTS), ...listed("/forms", grant.forms, FORMS)];
  }
  return [
    {
      path: "/resourceId",
      expected: "the canonical id of a resource: an ARM id, or the URL of a secret without version",
    },
  ];
}

function typeProblems({ access, forms, scope }: GrantToCheck, type: ResourceType): InputProblem[] {
  const rules = TYPE_RULES[type];
  // A grant may leave out what a request must say: then it gives any.
  const taken = rules.scope.partial().safeParse(scope);
  return [
    ...listed("/access", access, rules.access),
    ...listed("/forms", forms, rules.forms),
    ...(taken.success ? [] : [{ path: "/scope", expected: scopeText(Object.keys(rules.scope.shape), type) }]),
  ];
}

function scopeText(members: readonly string[], type: ResourceType): string {
  return members.length === 0 ? `no member for ${type}` : `${members.join(", ")} alone for ${type}`;
}

function listed(path: string, values: readonly string[], known: readonly string[]): InputProblem[] {
  return values.every((value) => known.includes(value)) ? [] : [{ path, expected: `of ${known.join(", ")}` }];
}
