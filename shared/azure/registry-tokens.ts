/** Tokens of registries for connectors' identities. Implements IssueRegistryToken, IssueRefreshToken and ListRepositories. */
import type { HttpClient } from "@azure/core-rest-pipeline";
import { ACCESS_NEEDS } from "../connectors/access-needs.ts";
import type { RegistryAccess } from "../credentials/docker-registry.ts";
import type { IssueRefreshToken, IssueRegistryToken, ListRepositories } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { openRegistryCalls, type RegistrySignIn } from "./registry-calls.ts";
import { CATALOG_SCOPE, missingRights, readRegistryToken, repositoriesScope } from "./registry-grant.ts";
import { createRefreshTokens } from "./registry-refresh-tokens.ts";

/** What registries give. */
export type RegistryTokens = {
  readonly issueRegistryToken: IssueRegistryToken;
  readonly issueRefreshToken: IssueRefreshToken;
  readonly listRepositories: ListRepositories;
};

/** The least roles that list the names of repositories. Source: the ACR documentation on repository permissions. */
const LISTERS = { legacy: "AcrPull", abac: "Container Registry Repository Catalog Lister" } as const;

/**
 * @param deps.now decides which refresh tokens still serve
 * @param more a client for tests, which answers in the registry's place
 */
export function createRegistryTokens(
  deps: { readonly identities: ConnectorIdentities; readonly now: () => Date },
  more: { readonly httpClient?: HttpClient } = {},
): RegistryTokens {
  const calls = openRegistryCalls(deps.identities, more);
  const refreshTokens = createRefreshTokens(deps.now);
  const exchange = async (at: RegistrySignIn, remedy: string) => {
    const token = await calls.exchange(at, remedy);
    return readRegistryToken(token, at.registry.loginServer, deps.now());
  };

  /**
   * Does something with a refresh token. One that was kept may be worth less than a new one: it was ended, or roles were
   * given since. Then it is done once more.
   */
  const withRefreshToken = async <T>(
    at: RegistrySignIn,
    remedy: string,
    use: (refreshToken: string) => Promise<T>,
    isWorthless: (answer: T) => boolean,
  ): Promise<T> => {
    const get = () => refreshTokens(at, () => exchange(at, remedy));
    const first = await get();
    try {
      const answer = await use(first.token);
      if (!first.isKept || !isWorthless(answer)) return answer;
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      if (!first.isKept) {
        first.forget();
        throw error;
      }
    }
    first.forget();
    return use((await get()).token);
  };

  return {
    async issueRegistryToken(at, repositories, access) {
      const scope = repositoriesScope(repositories, access);
      const remedy = giveRole(at, rolesFor(at, access));
      const { token, expiresAt, missing } = await withRefreshToken(
        at,
        remedy,
        async (refreshToken) => {
          const answer = await calls.accessToken(at, refreshToken, scope, remedy);
          const read = readRegistryToken(answer, at.registry.loginServer, deps.now());
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
      const { token, expiresAt } = await exchange(at, giveRole(at, rolesFor(at, ["read"])));
      return { token, expiresAt };
    },
    async listRepositories(at, limit) {
      const remedy = giveRole(at, [LISTERS[at.registry.mode]]);
      return withRefreshToken(
        at,
        remedy,
        async (refreshToken) => {
          const token = await calls.accessToken(at, refreshToken, CATALOG_SCOPE, remedy);
          return calls.repositories(at, token, limit, remedy);
        },
        () => false,
      );
    },
  };
}

/** The least roles that give these rights; a larger one that is among them gives the smaller ones' rights too. */
function rolesFor({ registry: { mode } }: RegistrySignIn, access: readonly RegistryAccess[]): readonly string[] {
  return [...new Set(access.map((right) => ACCESS_NEEDS[`docker-registry ${mode}`][right].role.name))];
}

function giveRole({ registry: { registry } }: RegistrySignIn, roles: readonly string[]): string {
  return `Give the connector's identity the role ${roles.join(" and the role ")} at the registry ${registry}; where it has that, look whether the registry's firewall lets this service in.`;
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof UpstreamError && error.failure?.status === 401;
}
