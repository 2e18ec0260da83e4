/** Tokens of registries for connectors' identities. Implements IssueRegistryToken, IssueRefreshToken and ListRepositories. */
import type { HttpClient } from "@azure/core-rest-pipeline";
import type { IssueRefreshToken, IssueRegistryToken, ListRepositories } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { openRegistryCalls } from "./registry-calls.ts";
import { CATALOG_SCOPE, missingRights, repositoriesScope } from "./registry-grant.ts";
import { CATALOG_LISTERS, giveRole, rolesFor } from "./registry-remedy.ts";
import { createRegistrySignIns } from "./registry-sign-in.ts";

/** What registries give. */
export type RegistryTokens = {
  readonly issueRegistryToken: IssueRegistryToken;
  readonly issueRefreshToken: IssueRefreshToken;
  readonly listRepositories: ListRepositories;
};

/**
 * @param deps.now decides which refresh tokens still serve
 * @param more a client for tests, which answers in the registry's place
 */
export function createRegistryTokens(
  deps: { readonly identities: ConnectorIdentities; readonly now: () => Date },
  more: { readonly httpClient?: HttpClient } = {},
): RegistryTokens {
  const calls = openRegistryCalls(deps.identities, more);
  const signIns = createRegistrySignIns(calls, deps.now);

  return {
    async issueRegistryToken(at, repositories, access) {
      const scope = repositoriesScope(repositories, access);
      const remedy = giveRole(at, rolesFor(at, access));
      const { token, expiresAt, missing } = await signIns.withRefreshToken(
        at,
        remedy,
        async (refreshToken) => {
          const read = await signIns.accessToken(at, refreshToken, scope, remedy);
          return { ...read, missing: missingRights(read.access, repositories, access) };
        },
        (answer) => answer.missing.length > 0,
      );
      const [first] = missing;
      if (first === undefined) return { token, expiresAt };
      const lacking = access.filter((right) => missing.some((one) => one.right === right));
      throw new UpstreamError(
        "UPSTREAM_REFUSED",
        `The connector's identity lacks the right to ${lacking.join(" and ")} in the repository ${first.repository}, or the registry gave it no such token. Nothing was lent. ${giveRole(at, rolesFor(at, lacking))}`,
        { retryable: false },
      );
    },
    async issueRefreshToken(at) {
      const { token, expiresAt } = await signIns.exchange(at, giveRole(at, rolesFor(at, ["read"])));
      return { token, expiresAt };
    },
    async listRepositories(at, limit) {
      const remedy = giveRole(at, [CATALOG_LISTERS[at.registry.mode]]);
      return signIns.withRefreshToken(
        at,
        remedy,
        async (refreshToken) => {
          const { token } = await signIns.accessToken(at, refreshToken, CATALOG_SCOPE, remedy);
          return calls.repositories(at, token, limit, remedy);
        },
        () => false,
      );
    },
  };
}
