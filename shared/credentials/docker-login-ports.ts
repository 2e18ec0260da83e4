/** What the form docker-login of registries needs from outside: a registry's tokens, and the record of who holds which password. */
import type { ReopenedRegistry } from "../connectors/ports.ts";

/** The two passwords that every token of a registry can have. */
export const PASSWORDS = ["password1", "password2"] as const;
/** One of them. */
export type PasswordName = (typeof PASSWORDS)[number];

/** How many a registry has and how many it may have; null = it does not say. */
export type Usage = { readonly used: number; readonly limit: number | null };
/** What a token may do. */
export type ScopeMap = {
  readonly name: string;
  readonly description: string;
  /** `repositories/NAME/content/read` and the like. */
  readonly actions: readonly string[];
};

/**
 * Tokens and scope maps of one registry, for one piece of work: all its calls share one time limit. What is to be removed
 * and is not there, with its registry or without, is removed.
 * Every call: @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export type RegistryTokens = {
  usage(): Promise<{ readonly tokens: Usage; readonly scopeMaps: Usage }>;
  /** Makes sure that it is there with these actions. @param isNew nobody has made one of this name before */
  ensureScopeMap(map: ScopeMap, isNew: boolean): Promise<void>;
  /** Whether a token is there, enabled, and of this scope map, which has these actions. Changes nothing. */
  isIntact(token: string, map: ScopeMap): Promise<boolean>;
  /** @param token a name that nobody has used: making one anew would end the passwords of the one that is there */
  createToken(token: string, scopeMap: string): Promise<void>;
  /** The new password; whatever it was before ends. Null = there is no such token. */
  generatePassword(token: string, password: PasswordName, expiresAt: Date): Promise<string | null>;
  /** Ends a password and leaves the other as it is. */
  removePassword(token: string, password: PasswordName): Promise<void>;
  removeToken(token: string): Promise<void>;
  removeScopeMap(scopeMap: string): Promise<void>;
};
/** Opens the tokens of a registry for one piece of work. */
export type OpenRegistryTokens = (target: ReopenedRegistry) => RegistryTokens;

/** Whose passwords are meant. */
export type SlotOwner = { readonly registryId: string /** Canonical. */; readonly leaseId: string };
/** A password of a token. */
export type Slot = { readonly token: string; readonly password: PasswordName };
/**
 * How far a token is: nobody gets a password of a `broken` one any more, and an `ending` one is removed as a whole by
 * whoever comes, whoever holds its passwords.
 */
export type TokenState = "making" | "ready" | "broken" | "ending";
/**
 * A token on record that nobody else may touch, here or in Azure, until it is given back, or for LOCK_SECONDS if it never
 * is: by then nothing is under way in Azure any more.
 */
export type LockedToken = {
  readonly token: string;
  readonly state: TokenState;
  readonly scopeMap: string;
  /** Leases that hold a password. */
  readonly holders: Readonly<Record<PasswordName, string | null>>;
  /** Passwords that were removed before: the registry may know the value of before for a minute when they are made again. */
  readonly used: readonly PasswordName[];
  readonly etag: string;
};
/** One renewal of a lease. */
export type Renewal = {
  readonly id: string /** What the owner holds, oldest first. */;
  readonly held: readonly Slot[];
};
/** A token with a password that is the owner's from now on. */
export type ClaimedToken = LockedToken & { readonly password: PasswordName; readonly isNewScopeMap: boolean };

/** How long a token is left alone when whoever worked on it does not say that it is over: its own limit and Azure's. */
export const LOCK_SECONDS = 300;
/** From a new login to its lease's record: its mark, the audit trail and the lease, 15 s each at most, and room. */
export const ANSWER_SECONDS = 90;

/**
 * Which lease holds which password, exact across processes; written before anything is made and dropped after it is gone.
 * `content` is the beginning of the names of all tokens and scope maps that are for the same.
 * Every call: @throws UpstreamError STATE_UNAVAILABLE
 */
export type RegistrySlotStore = {
  /**
   * A free password of a token that is ready, one that nobody has had before if there is any; null = there is none.
   * @param mustHold whether the owner must hold one already: a lease that was ended in between gets none
   * @throws ConflictError LEASE_CLOSED
   */
  claimFree(owner: SlotOwner, content: string, mustHold: boolean): Promise<ClaimedToken | null>;
  /** The first password of a token that is still to be made. @throws ConflictError LEASE_CLOSED */
  claimNew(owner: SlotOwner, content: string, mustHold: boolean): Promise<ClaimedToken>;
  /** Whether a scope map is in use, so that a new token needs none. */
  hasScopeMap(registryId: string, content: string): Promise<boolean>;
  /** Gives a token back. Whether it still was the owner's to give: not when somebody took it over. */
  settle(owner: SlotOwner, locked: LockedToken, state: TokenState): Promise<boolean>;
  /** What the owner holds, oldest first. */
  held(owner: SlotOwner): Promise<readonly Slot[]>;
  /**
   * Before a renewal takes or claims anything. It is the only one that starts from this login, until it fails, or for long
   * enough to be answered.
   * @param out the login that is out, as the renewal has read it
   * @throws ConflictError LEASE_CLOSED where another renewal has started from it, or has made a newer one
   */
  beginRenewal(owner: SlotOwner, out: Slot): Promise<Renewal>;
  /** @param isMade whether there is a new login, which the caller is about to get */
  endRenewal(owner: SlotOwner, renewal: Renewal, isMade: boolean): Promise<void>;
  /** What the owner holds, which will never be more from now on. */
  close(owner: SlotOwner): Promise<readonly Slot[]>;
  /**
   * Before a password of the owner's is removed. `busy`: somebody works on the token; null: the owner does not hold it any
   * more. Without another holder the token becomes `broken`, so that nobody claims what is about to be removed.
   * @param isOverdue whoever works on the token's other password has had time enough: nobody was given it yet, or it is
   * being removed, so the token is taken over, and is `ending`. Not where the owner's own login is the other one.
   */
  lock(owner: SlotOwner, slot: Slot, isOverdue: boolean): Promise<LockedToken | "busy" | null>;
  /** The password is removed: others may have it; the token is given back. */
  free(owner: SlotOwner, locked: LockedToken, password: PasswordName): Promise<void>;
  /** The token is removed, with all its passwords. @param removeScopeMap is called when no other token uses it, nor will one ever */
  finish(owner: SlotOwner, locked: LockedToken, removeScopeMap: (name: string) => Promise<void>): Promise<void>;
  /** Everything of a closed owner is removed. */
  forget(owner: SlotOwner): Promise<void>;
};
