/** Access tokens for the content of one registry: one for several repositories and one action, kept. Used by acr-calls.ts. */
import type { RegistryAccess } from "../credentials/docker-registry.ts";
import { UpstreamError } from "../errors.ts";
import type { RegistrySignIn } from "./registry-calls.ts";
import {
  actionsScope,
  CATALOG_SCOPE,
  mayListCatalog,
  type RepositoryAction,
  repositoriesWithout,
} from "./registry-grant.ts";
import { CATALOG_LISTERS, giveRole, rolesFor } from "./registry-remedy.ts";
import type { ReadToken, RegistrySignIns } from "./registry-sign-in.ts";

/** What a call needs. `catalog`: the names of all repositories. */
export type ContentNeed =
  | { readonly action: "catalog" }
  | { readonly action: Exclude<RepositoryAction, "push">; readonly repository: string };

/** A token, and what became of it. */
export type ContentToken = {
  readonly token: string;
  /** Milliseconds since 1970; from then on it is not used. */
  readonly until: number;
  /** Made because the one before was not taken. */
  readonly isRenewal: boolean;
  /** Repositories for which it is worth nothing. */
  readonly without: readonly string[];
  /** Set by the caller: the registry has taken it. */
  isTaken: boolean;
};

/** Repositories of one token. acr-cli asks for as many in registries in ABAC mode. */
const BATCH = 10;
/** Not used for so long before its end: a call takes its time, and clocks differ. A short life keeps nine tenths. */
const MARGIN_MS = 60_000;
const MARGIN_SHARE = 0.1;
/** For so long it is believed that a right is missing, and that a new token would not be taken either: each costs two calls. */
const BELIEVED_MS = 60_000;
/** Kept at most, by repository and action; the least recently made goes first. */
const MAX_KEPT = 5_000;

/** The right that each action is part of, for the role that gives it. Source: the ACR documentation on repository permissions. */
const RIGHTS = {
  pull: "read",
  metadata_read: "read",
  delete: "delete",
  metadata_write: "write",
} as const satisfies Readonly<Record<Exclude<RepositoryAction, "push">, RegistryAccess>>;

/**
 * Gives a token for a call.
 * @param refused one that this gave and the registry did not take: a new one is made, from a new sign-in, once
 * @throws UpstreamError UPSTREAM_REFUSED when the registry gives less or more than is asked for, or took neither of two
 * tokens; as RegistrySignIns
 */
export type GetContentToken = (need: ContentNeed, refused?: ContentToken) => Promise<ContentToken>;

type Batch = { readonly repositories: string[]; readonly made: Promise<ContentToken> };

/** What to do when a call is refused that needs this. */
export function remedyFor(at: RegistrySignIn, { action }: ContentNeed): string {
  return giveRole(at, action === "catalog" ? [CATALOG_LISTERS[at.registry.mode]] : rolesFor(at, [RIGHTS[action]]));
}

/** Tokens that are asked for in the same moment are made together. @param deps.now decides which still serve */
export function createContentTokens(
  deps: { readonly signIns: RegistrySignIns; readonly now: () => Date },
  at: RegistrySignIn,
): GetContentToken {
  const kept = new Map<string, Promise<ContentToken>>();
  const open = new Map<string, Batch>();

  const make = async (
    need: ContentNeed,
    repositories: readonly string[],
    isRenewal: boolean,
  ): Promise<ContentToken> => {
    const { action } = need;
    const scope = action === "catalog" ? CATALOG_SCOPE : actionsScope(repositories, [action]);
    const remedy = remedyFor(at, need);
    const without = ({ access }: ReadToken): readonly string[] =>
      action === "catalog" ? (mayListCatalog(access) ? [] : ["*"]) : repositoriesWithout(access, repositories, action);
    const made = await deps.signIns.withRefreshToken(
      at,
      remedy,
      async (refreshToken) => {
        const read = await deps.signIns.accessToken(at, refreshToken, scope, remedy);
        return { ...read, without: without(read) };
      },
      (answer) => answer.without.length > 0,
      isRenewal,
    );
    const madeAt = deps.now().getTime();
    const life = made.expiresAt.getTime() - madeAt;
    const until = made.expiresAt.getTime() - Math.min(MARGIN_MS, life * MARGIN_SHARE);
    const believed = made.without.length > 0 || isRenewal ? madeAt + BELIEVED_MS : until;
    return { token: made.token, until: Math.min(until, believed), isRenewal, without: made.without, isTaken: false };
  };

  /** Waits for the end of this turn of the event loop: calls that begin together ask together. */
  const begin = (need: ContentNeed, isRenewal: boolean): Batch => {
    const repositories: string[] = [];
    const key = `${need.action} ${isRenewal}`;
    const made = new Promise<void>((resolve) => void setImmediate(resolve)).then(() => {
      if (open.get(key) === batch) open.delete(key);
      return make(need, repositories, isRenewal);
    });
    const batch: Batch = { repositories, made };
    open.set(key, batch);
    return batch;
  };

  const ask = (key: string, need: ContentNeed, isRenewal: boolean): Promise<ContentToken> => {
    const repository = need.action === "catalog" ? "*" : need.repository;
    const joined = open.get(`${need.action} ${isRenewal}`);
    const batch = joined !== undefined && joined.repositories.length < BATCH ? joined : begin(need, isRenewal);
    batch.repositories.push(repository);
    kept.set(key, batch.made);
    batch.made.catch(() => kept.get(key) === batch.made && kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return batch.made;
  };

  return async (need, refused) => {
    const repository = need.action === "catalog" ? "*" : need.repository;
    const key = `${need.action} ${repository}`;
    for (;;) {
      const known = kept.get(key);
      const token = await (known ?? ask(key, need, refused !== undefined));
      // Another call may have replaced it meanwhile.
      if (known !== undefined && kept.get(key) !== known) continue;
      if (known !== undefined && (token === refused || deps.now().getTime() >= token.until)) {
        if (token === refused && refused.isRenewal && !refused.isTaken && deps.now().getTime() < token.until)
          throw notTaken(at, need);
        kept.delete(key);
        continue;
      }
      if (token.without.includes(repository)) throw lacking(at, need, repository);
      return token;
    }
  };
}

function lacking(at: RegistrySignIn, need: ContentNeed, repository: string): UpstreamError {
  const where = need.action === "catalog" ? "the list of repositories" : `the repository ${repository}`;
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    `The connector's identity lacks the right ${need.action} for ${where}, or the registry gave it no such token. ${remedyFor(at, need)}`,
    { retryable: false },
  );
}

function notTaken(at: RegistrySignIn, need: ContentNeed): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    `The registry does not take the token that it gave for the right ${need.action}. ${remedyFor(at, need)}`,
    { retryable: false, failure: { name: "RestError", status: 401, code: "UNAUTHORIZED" } },
  );
}
