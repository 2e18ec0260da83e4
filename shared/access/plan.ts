/** Says beforehand what issuing would say: the decision of policy, then what stands in the way inside the connector. */
import type { Principal } from "../principal.ts";
import { type AuthorizeDeps, explain } from "./authorize.ts";
import type { Check, CheckId } from "./decide.ts";
import type { Ask, FindObstacle, Obstacle } from "./ports.ts";

/** What planning needs. */
export type PlanDeps = AuthorizeDeps & { readonly findObstacle: FindObstacle };
/** The answer of plans and explanations. `rule`: the grant that allows, or the deny that forbids. */
export type Plan = { readonly allowed: boolean; readonly rule: string | null; readonly checks: readonly Check[] };

/**
 * Nothing is lent or recorded. Azure is asked only about what policy allows: nobody learns here what else there is.
 * @throws UpstreamError when policy or the resource cannot be read now
 */
export async function plan(deps: PlanDeps, principal: Principal, ask: Ask): Promise<Plan> {
  const decision = await explain(deps, principal, ask);
  const { allowed, rule, checks } = decision;
  if (!decision.allowed) return { allowed, rule, checks };
  const { connector, resourceType, resourceId: asked, form, ttlSeconds } = ask;
  const { resourceId, scope, maxTtlSeconds, grantExpiresAt } = decision;
  const means = { connector, resourceType, resourceId, asked, form, scope };
  const obstacle = await deps.findObstacle({ ...means, ttlSeconds, maxTtlSeconds, grantExpiresAt });
  return obstacle === null
    ? { allowed, rule, checks }
    : { allowed: false, rule: null, checks: withObstacle(checks, obstacle) };
}

/** In the place of the check that policy alone could make, or behind the others. */
function withObstacle(checks: readonly Check[], { check, detail }: Obstacle): Check[] {
  const id: CheckId = check;
  const failed: Check = { id, ok: false, detail };
  return checks.some((made) => made.id === id)
    ? checks.map((made) => (made.id === id ? failed : made))
    : [...checks, failed];
}
