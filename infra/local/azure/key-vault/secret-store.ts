/** What happens to the secrets of one vault: versions, soft delete, recovery. Changes a document; called by key-vault.ts. */
import {
  beingDeleted,
  beingRecovered,
  deletedButRecoverable,
  deletedSecretNotFound,
  secretDisabled,
  secretNotFound,
} from "./vault-errors.ts";
import { RECOVERABLE_DAYS } from "./vault-limits.ts";

/** One version of a secret. Times in seconds since 1970. */
export type StoredVersion = {
  /** 32 hex digits. */
  readonly version: string;
  readonly value: string;
  readonly contentType?: string;
  readonly enabled: boolean;
  readonly nbf?: number;
  readonly exp?: number;
  readonly created: number;
  readonly updated: number;
  readonly tags?: Readonly<Record<string, string>>;
};

/** A secret with its versions, oldest first. */
export type StoredSecret = {
  /** As it was first written; names are compared without regard to case. */
  readonly name: string;
  readonly versions: StoredVersion[];
  /** Times in seconds; `settledAt` in milliseconds: until then the vault shows it nowhere. */
  deleted?: { readonly at: number; readonly purgeAt: number; readonly settledAt: number };
  /** Milliseconds: until then a recovery has not settled, and the vault shows it nowhere. */
  recoveredAt?: number;
};

/** The state document of one vault. Values stand in it in the clear: it is the vault. */
export type VaultState = { secrets: StoredSecret[] };

/** What a request sets on a new version. */
export type VersionInput = {
  readonly value: string;
  readonly contentType?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
};

/** A version with the secret that it belongs to. */
export type Found = { readonly secret: StoredSecret; readonly version: StoredVersion };

/** Adds a version. @throws VaultError 409 while the name is deleted, being deleted or being recovered */
export function setSecret(
  state: VaultState,
  name: string,
  input: VersionInput,
  at: { readonly now: Date; readonly version: string },
): Found {
  state.secrets = state.secrets.filter((candidate) => !isPurged(candidate, at.now));
  const secret = entryOf(state, name, at.now);
  if (secret?.deleted) {
    throw at.now.getTime() < secret.deleted.settledAt ? beingDeleted(name) : deletedButRecoverable(name);
  }
  if (secret && isRecovering(secret, at.now)) throw beingRecovered(name);
  const created = seconds(at.now);
  const version: StoredVersion = {
    version: at.version,
    value: input.value,
    ...(input.contentType !== undefined && { contentType: input.contentType }),
    enabled: input.enabled ?? true,
    ...(input.nbf !== undefined && { nbf: input.nbf }),
    ...(input.exp !== undefined && { exp: input.exp }),
    created,
    updated: created,
    ...(input.tags !== undefined && { tags: input.tags }),
  };
  if (secret) {
    secret.versions.push(version);
    return { secret, version };
  }
  const fresh = { name, versions: [version] };
  state.secrets.push(fresh);
  return { secret: fresh, version };
}

/** Changes what is said of a version; what is left out stays. @throws VaultError 404 */
export function updateVersion(
  state: VaultState,
  name: string,
  version: string,
  input: Omit<VersionInput, "value">,
  now: Date,
): Found {
  const found = versionOf(state, name, version, now);
  const said = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  Object.assign(found.version, said, { updated: seconds(now) });
  return found;
}

/** The named version, or the latest. @throws VaultError 404; 403 SecretDisabled when it is disabled */
export function getSecret(state: VaultState, name: string, version: string | undefined, now: Date): Found {
  const found = versionOf(state, name, version, now);
  if (!found.version.enabled) throw secretDisabled();
  return found;
}

/** Every version of the secrets that are not deleted, oldest first. */
export function liveVersions(state: VaultState, now: Date): readonly Found[] {
  return state.secrets
    .filter((secret) => isLive(secret, now))
    .flatMap((secret) => secret.versions.map((version) => ({ secret, version })));
}

/** Deletes a secret with all versions, recoverably. @throws VaultError 404 */
export function deleteSecret(
  state: VaultState,
  name: string,
  at: { readonly now: Date; readonly settleMs: number },
): Found {
  const found = versionOf(state, name, undefined, at.now);
  const deletedAt = seconds(at.now);
  found.secret.deleted = {
    at: deletedAt,
    purgeAt: deletedAt + RECOVERABLE_DAYS * 24 * 3600,
    settledAt: at.now.getTime() + at.settleMs,
  };
  delete found.secret.recoveredAt;
  return found;
}

/** @throws VaultError 404 when it is not deleted, or not settled yet */
export function getDeletedSecret(state: VaultState, name: string, now: Date): Found {
  const found = settledDeletion(state, name, now);
  if (!found) throw deletedSecretNotFound(name);
  return found;
}

/** Takes a deletion back; the secret is readable again after `settleMs`. @throws VaultError 404, 409 */
export function recoverSecret(
  state: VaultState,
  name: string,
  at: { readonly now: Date; readonly settleMs: number },
): Found {
  const found = deletionToEnd(state, name, at.now);
  delete found.secret.deleted;
  found.secret.recoveredAt = at.now.getTime() + at.settleMs;
  return found;
}

/** Removes a deleted secret for good; its name is free again. @throws VaultError 404, 409 */
export function purgeSecret(state: VaultState, name: string, now: Date): void {
  const { secret } = deletionToEnd(state, name, now);
  state.secrets.splice(state.secrets.indexOf(secret), 1);
}

function deletionToEnd(state: VaultState, name: string, now: Date): Found {
  const found = settledDeletion(state, name, now);
  if (found) return found;
  // A recording of `recover` for an unknown name has these words, not those of a deleted secret.
  throw entryOf(state, name, now)?.deleted ? beingDeleted(name) : secretNotFound(name);
}

function settledDeletion(state: VaultState, name: string, now: Date): Found | undefined {
  const secret = entryOf(state, name, now);
  return secret?.deleted && now.getTime() >= secret.deleted.settledAt ? latest(secret)[0] : undefined;
}

function versionOf(state: VaultState, name: string, version: string | undefined, now: Date): Found {
  const secret = entryOf(state, name, now);
  const versions = secret && isLive(secret, now) ? secret.versions : [];
  const wanted =
    version === undefined ? versions.at(-1) : versions.find((entry) => entry.version === version.toLowerCase());
  if (!secret || !wanted) throw secretNotFound(version === undefined ? name : `${name}/${version}`);
  return { secret, version: wanted };
}

/** The entry of a name, unless the vault has purged it by itself after the retention. */
function entryOf(state: VaultState, name: string, now: Date): StoredSecret | undefined {
  return state.secrets.find((secret) => secret.name.toLowerCase() === name.toLowerCase() && !isPurged(secret, now));
}

function isPurged(secret: StoredSecret, now: Date): boolean {
  return secret.deleted !== undefined && seconds(now) >= secret.deleted.purgeAt;
}

function isLive(secret: StoredSecret, now: Date): boolean {
  return secret.deleted === undefined && !isRecovering(secret, now);
}

function isRecovering(secret: StoredSecret, now: Date): boolean {
  return secret.recoveredAt !== undefined && now.getTime() < secret.recoveredAt;
}

function latest(secret: StoredSecret): Found[] {
  const version = secret.versions.at(-1);
  return version ? [{ secret, version }] : [];
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
