/** Gives a lease a password of a registry's token, and takes it away. Used by docker-login.ts. */
import type { OpenedRegistry } from "../connectors/ports.ts";
import { LatchkeyError, LimitError, UpstreamError } from "../errors.ts";
import { contentName, scopeMapOf } from "./docker-login-names.ts";
import {
  type ClaimedToken,
  type LockedToken,
  PASSWORDS,
  type RegistrySlotStore,
  type RegistryTokens,
  type Slot,
  type SlotOwner,
  type Usage,
} from "./docker-login-ports.ts";

/** The rest is left to whoever else makes tokens there. */
const QUOTA_SHARE = 0.8;
/** Tokens, and as many scope maps, where the registry does not say it itself. Source: Azure subscription limits, Container Registry. */
const TIER_LIMITS: Readonly<Record<OpenedRegistry["registry"]["tier"], number>> = {
  Basic: 100,
  Standard: 500,
  Premium: 50_000,
};
/** Room comes when leases end; most live for an hour. */
const QUOTA_RETRY_SECONDS = 300;
/** A token that was removed or changed by hand, or that a neighbour's end takes along, is met once; the next one is made anew. */
const MAX_TOKENS = 2;
/** Another process gives a password to its lease, or takes one: seconds. */
const LOCK_WAIT_MS = 500;
const MAX_LOCK_WAITS = 20;
/** A login that may have leaked does not wait any longer for a neighbour's, which can be made again. */
const NEIGHBOUR_WAITS = 6;

/** What this needs. */
export type PasswordDeps = {
  readonly slots: RegistrySlotStore;
  readonly stateAccount: string;
  readonly wait: (milliseconds: number) => Promise<unknown>;
};
/** What a password is for. */
export type Wanted = {
  readonly owner: SlotOwner;
  readonly opened: Pick<OpenedRegistry, "connector" | "registry">;
  readonly repositories: readonly string[];
  readonly access: readonly string[];
  readonly expiresAt: Date;
  /** For a lease that holds one already. */
  readonly isRenewal: boolean;
};
/** A login that works from now on; a reused password within a minute. */
export type Given = Slot & { readonly value: string; readonly isReused: boolean };

/**
 * What is claimed stays the owner's when this fails: taking it away is taking all away.
 * @throws LimitError REGISTRY_TOKEN_QUOTA, ConflictError LEASE_CLOSED, UpstreamError, InputError SIGN_IN_FAILED
 */
export async function givePassword(deps: PasswordDeps, tokens: RegistryTokens, wanted: Wanted): Promise<Given> {
  const { owner, repositories, access, opened } = wanted;
  const { connector } = opened;
  const content = contentName({
    stateAccount: deps.stateAccount,
    connectorId: connector.id,
    registryId: owner.registryId,
    repositories,
    access,
  });
  for (let step = 0; step < MAX_TOKENS; step++) {
    const claimed = await claim(deps, tokens, wanted, content, step > 0);
    const value = await settling(deps.slots, owner, claimed, () => make(tokens, claimed, wanted));
    if (value === null) {
      // What is not given back now is left alone for a while, and no more.
      await deps.slots.settle(owner, claimed, "broken").catch(() => false);
      continue;
    }
    // Not given out before it is certain that nobody takes it over any more.
    if (await deps.slots.settle(owner, claimed, "ready")) {
      const { token, password, used } = claimed;
      return { token, password, value, isReused: used.includes(password) };
    }
  }
  throw new UpstreamError("UPSTREAM_REFUSED", "The registry loses the tokens that are made there. Try again.", {
    retryable: true,
  });
}

async function claim(
  deps: PasswordDeps,
  tokens: RegistryTokens,
  wanted: Wanted,
  content: string,
  isNew: boolean,
): Promise<ClaimedToken> {
  const { owner, isRenewal, opened } = wanted;
  const free = isNew ? null : await deps.slots.claimFree(owner, content, isRenewal);
  if (free !== null) return free;
  const [usage, hasScopeMap] = await Promise.all([tokens.usage(), deps.slots.hasScopeMap(owner.registryId, content)]);
  refuseFull(usage.tokens, opened, "tokens");
  if (!hasScopeMap) refuseFull(usage.scopeMaps, opened, "scope maps");
  return deps.slots.claimNew(owner, content, isRenewal);
}

/** The password; null when the token is not there any more, or not as it was made. */
async function make(tokens: RegistryTokens, claimed: ClaimedToken, wanted: Wanted): Promise<string | null> {
  const { token, password, scopeMap, state, isNewScopeMap } = claimed;
  const map = scopeMapOf(scopeMap, wanted);
  if (state === "making") {
    await tokens.ensureScopeMap(map, isNewScopeMap);
    await tokens.createToken(token, scopeMap);
  } else if (!(await tokens.isIntact(token, map))) {
    // Changed by hand: what is lent has these rights and no others. The token that is made instead puts the map right.
    return null;
  }
  return tokens.generatePassword(token, password, wanted.expiresAt);
}

/** Nothing may be made beyond this: at the limit itself nobody's builds and deployments would get a token any more. */
function refuseFull({ used, limit }: Usage, { registry }: Wanted["opened"], what: string): void {
  const most = Math.floor((limit ?? TIER_LIMITS[registry.tier]) * QUOTA_SHARE);
  if (used < most) return;
  throw new LimitError(
    "REGISTRY_TOKEN_QUOTA",
    `The registry has ${used} ${what}, and Latchkey makes none beyond ${most}. Ask for the form access-token, end leases that are no longer needed, or use a registry of a larger tier.`,
    QUOTA_RETRY_SECONDS,
  );
}

/**
 * Nothing there = done; a token goes with its last password, and its scope map with the last token.
 * @param isPatient whether to wait for somebody else who works on the token
 * @throws UpstreamError; the password is the owner's still
 */
export async function takePassword(
  deps: PasswordDeps,
  tokens: RegistryTokens,
  owner: SlotOwner,
  slot: Slot,
  isPatient: boolean,
): Promise<void> {
  const { slots } = deps;
  const locked = await lockToken(deps, owner, slot, isPatient ? MAX_LOCK_WAITS : 0);
  if (locked === null) return;
  const { token, password } = slot;
  const isShared =
    locked.state !== "ending" && PASSWORDS.some((name) => name !== password && locked.holders[name] !== null);
  await settling(slots, owner, locked, () =>
    isShared ? tokens.removePassword(token, password) : tokens.removeToken(token),
  );
  if (isShared) await slots.free(owner, locked, password);
  else await slots.finish(owner, locked, tokens.removeScopeMap);
}

/** Null when there is nothing to take any more. */
async function lockToken(
  { slots, wait }: PasswordDeps,
  owner: SlotOwner,
  slot: Slot,
  waits: number,
): Promise<LockedToken | null> {
  for (let step = 0; ; step++) {
    const locked = await slots.lock(owner, slot, waits > 0 && step >= NEIGHBOUR_WAITS);
    if (locked !== "busy") return locked;
    if (step >= waits) {
      throw new UpstreamError(
        "UPSTREAM_TIMEOUT",
        "Something is still under way at the registry for this token. It is tried again later.",
        { retryable: true },
      );
    }
    await wait(LOCK_WAIT_MS);
  }
}

/** Gives the token back after a failure, but only where nothing can be under way in Azure any more. */
async function settling<T>(
  slots: RegistrySlotStore,
  owner: SlotOwner,
  locked: LockedToken,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isOver(error)) await slots.settle(owner, locked, locked.state).catch(() => false);
    throw error;
  }
}

/**
 * A refusal. Not one for too many requests: an earlier try of the same request, whose answer was lost, may have been
 * taken, and what it makes must not come once somebody else has the token. Stricter than issuing, which only decides
 * whether to look for its own remains at once.
 */
function isOver(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return error instanceof LatchkeyError;
  const status = error.failure?.status ?? null;
  return status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429;
}
