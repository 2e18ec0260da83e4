/** Decides a request by the policy of now: for issuing, for plans and for explanations. */
import { ConflictError, DeniedError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { type Decision, decide, type NeverLent } from "./decide.ts";
import type { Ask, Means, PolicySource, Reaches } from "./ports.ts";

/** What deciding needs. */
export type AuthorizeDeps = NeverLent & {
  readonly policy: PolicySource;
  readonly means: Means;
  readonly reaches: Reaches;
  readonly now: () => Date;
};

/** The decision with all its checks; nothing is refused here. @throws UpstreamError STATE_UNAVAILABLE */
export async function explain(deps: AuthorizeDeps, principal: Principal, ask: Ask): Promise<Decision> {
  const { resourceType, resourceId, ...rest } = ask;
  const means = (canonicalId: string) => deps.means(resourceType, resourceId, canonicalId);
  const reaches = (canonicalId: string, denied: string) =>
    deps.reaches({ resourceType, resourceId: canonicalId, form: ask.form, scope: ask.scope }, denied);
  return decide(await deps.policy(), principal, { ...rest, means, reaches }, deps, deps.now());
}

/**
 * The decision for an allowed request.
 * @throws DeniedError DENIED GROUPS_OVERAGE SCOPE_TOO_WIDE, ConflictError AMBIGUOUS_RESOURCE, UpstreamError STATE_UNAVAILABLE
 */
export async function authorize(
  deps: AuthorizeDeps,
  principal: Principal,
  ask: Ask,
): Promise<Extract<Decision, { allowed: true }>> {
  const decision = await explain(deps, principal, ask);
  if (decision.allowed) return decision;
  const { code, candidates } = decision;
  const why = decision.checks.find(({ ok }) => !ok)?.detail ?? "no rule allows it";
  if (code === "AMBIGUOUS_RESOURCE") {
    const what = candidates.length === 0 ? "" : " Give one of the candidates as resourceId.";
    throw new ConflictError(code, `${upperFirst(why)}.${what}`, { candidates });
  }
  throw new DeniedError(
    code,
    `${upperFirst(why)}. POST /api/access/explain shows every check; an administrator can change the policy.`,
  );
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
