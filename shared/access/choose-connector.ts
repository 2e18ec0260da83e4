/** Finds the connector for a caller who names none: the one through which a grant lets it have what it asks for. */
import { ConflictError, DeniedError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { type AuthorizeDeps, authorize, explain } from "./authorize.ts";
import type { Ask } from "./ports.ts";

/**
 * @throws ConflictError AMBIGUOUS_RESOURCE with the names of the connectors when several serve; DeniedError DENIED
 * GROUPS_OVERAGE SCOPE_TOO_WIDE when none does; UpstreamError STATE_UNAVAILABLE
 */
export async function chooseConnector(
  deps: AuthorizeDeps,
  principal: Principal,
  ask: Omit<Ask, "connector">,
): Promise<string> {
  const { grants } = await deps.policy();
  const named = [...grants.values()]
    .filter(({ effect, resourceId }) => effect === "allow" && deps.means(ask.resourceType, ask.resourceId, resourceId))
    .map(({ connector }) => connector);
  const decided = await Promise.all(
    [...new Set(named)].map(async (connector) => ({
      connector,
      decision: await explain(deps, principal, { ...ask, connector }),
    })),
  );
  const fitting = decided.filter(({ decision }) => decision.allowed).map(({ connector }) => connector);
  const [first] = fitting;
  if (fitting.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_RESOURCE",
      "Several connectors reach this for you. Name one of the candidates.",
      {
        candidates: fitting.sort(),
      },
    );
  }
  if (first !== undefined) return first;
  // Only who has a part in a grant learns why it does not suffice: its connector's name is nobody else's business.
  const near = decided.find(({ decision }) => !decision.allowed && decision.code !== "DENIED");
  if (near !== undefined) await authorize(deps, principal, { ...ask, connector: near.connector });
  throw new DeniedError(
    "DENIED",
    "No grant lets you have this through any connector. An administrator can add one for your project and domain.",
  );
}
