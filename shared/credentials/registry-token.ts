/** The forms access-token and registry-wide of registries: tokens that leave nothing behind in Azure. Used by mint.ts. */
import type { OpenedRegistry } from "../connectors/ports.ts";
import { utc } from "../time.ts";
import { dockerAuthEnv, TOKEN_USER } from "./docker-auth.ts";
import { REGISTRY_TOKEN_LIFE_SECONDS } from "./docker-login.ts";
import { REGISTRY_ACCESS, refuseRegistryForm } from "./docker-registry.ts";
import { OVERSHOOT_SECONDS, refuseTooLong } from "./fixed-life.ts";
import { refreshTime } from "./lease.ts";
import type { Credential, Minted, MintRequest } from "./minted.ts";
import type {
  EndingToken,
  IssueRefreshToken,
  IssueRegistryToken,
  ListRepositories,
  OpenRegistry,
  Scope,
} from "./ports.ts";
import { resolveRepositories } from "./resolve-repositories.ts";

/** What making a token of a registry needs. */
export type MintRegistryTokenDeps = {
  readonly openRegistry: OpenRegistry;
  readonly issueRegistryToken: IssueRegistryToken;
  readonly issueRefreshToken: IssueRefreshToken;
  readonly listRepositories: ListRepositories;
};

/** How long a whole login lives. Source: the ACR documentation, authentication, of `az acr login`. */
const WHOLE_LIFE_SECONDS = 10_800;
/** A whole login lives for three hours, and is given by grants that list it alone: an hour of such a grant is enough for it. */
const WHOLE_OVERSHOOT_SECONDS = 2 * 3_600 + OVERSHOOT_SECONDS;

/** How long tokens of these forms live, as far as it is known before one is made, and how much longer than allowed they may. */
export const FIXED_LIVES = {
  "access-token": { lifeSeconds: REGISTRY_TOKEN_LIFE_SECONDS, overshootSeconds: OVERSHOOT_SECONDS },
  "registry-wide": { lifeSeconds: WHOLE_LIFE_SECONDS, overshootSeconds: WHOLE_OVERSHOOT_SECONDS },
} as const;

/** What was made: how long it lives is the registry's choice. */
type Made = EndingToken & {
  readonly credential: Credential;
  readonly scope: Scope;
  readonly warnings: readonly string[];
  /** How long what it was exchanged for in its last second works after it. */
  readonly livesOnSeconds: number;
};

/**
 * @throws what OpenRegistry, refuseRegistryForm, resolveRepositories, refuseTooLong and what issues the tokens throw
 */
export async function mintRegistryToken(deps: MintRegistryTokenDeps, request: MintRequest, now: Date): Promise<Minted> {
  const opened = await deps.openRegistry(request.connector, request.resourceId, request.asked);
  refuseRegistryForm(opened, request.form);
  const { connector, resourceId, displayName, registry } = opened;
  const { loginServer } = registry;
  const made = await (request.form === "registry-wide" ? wholeToken(deps, opened) : narrowToken(deps, opened, request));
  const { token, expiresAt } = made;
  const { overshootSeconds } = FIXED_LIVES[request.form === "registry-wide" ? "registry-wide" : "access-token"];
  const warnings = refuseTooLong({ expiresAt, request, connector, now, overshootSeconds });
  return {
    connector,
    resourceId,
    displayName,
    scope: made.scope,
    times: { issuedAt: utc(now), expiresAt: utc(expiresAt), refreshAfter: refreshTime(now, expiresAt) },
    exposedUntil: utc(new Date(expiresAt.getTime() + made.livesOnSeconds * 1000)),
    credential: made.credential,
    marked: token,
    upstream: { loginServer },
    warnings: [...made.warnings, ...adminWarnings(opened), ...warnings],
    env: dockerAuthEnv({ loginServer, username: TOKEN_USER, password: token }),
  };
}

async function narrowToken(deps: MintRegistryTokenDeps, opened: OpenedRegistry, request: MintRequest): Promise<Made> {
  const { loginServer } = opened.registry;
  const repositories = await resolveRepositories(deps, opened, request.scope);
  const access = REGISTRY_ACCESS.filter((right) => request.access.includes(right));
  const { token, expiresAt } = await deps.issueRegistryToken(opened, repositories, access);
  const credential = { kind: "acr-access-token", loginServer, token } as const;
  return { token, expiresAt, credential, scope: { repositories }, warnings: [], livesOnSeconds: 0 };
}

async function wholeToken(deps: MintRegistryTokenDeps, opened: OpenedRegistry): Promise<Made> {
  const { loginServer } = opened.registry;
  const { token, expiresAt } = await deps.issueRefreshToken(opened);
  const credential = { kind: "docker-login", loginServer, username: TOKEN_USER, password: token } as const;
  const warnings = [
    "This login cannot be narrowed: it does all that the connector's identity may do in the registry, in every repository, whatever rights were asked for.",
  ];
  return { token, expiresAt, credential, scope: {}, warnings, livesOnSeconds: REGISTRY_TOKEN_LIFE_SECONDS };
}

/** The account is never used here; whoever is lent something should know of the other way in. */
function adminWarnings({ registry }: Pick<OpenedRegistry, "registry">): readonly string[] {
  return registry.adminUserEnabled
    ? ["The registry's administrator account is enabled: a password for everything that never ends. Disable it."]
    : [];
}
