/**
 * Which lease holds which password of which token: the table `RegistryTokens`. Implements RegistrySlotStore of the
 * credentials.
 *
 * One partition per registry, so that a claim is one transaction over the token (`t~`), the lease (`l~`) and, for a new
 * token, the scope map (`m~`). The scope map's row is written by everybody who adds or drops a token of it: who finds
 * itself alone, and the row unchanged since, may remove the map, because every later token gets another one.
 */
import {
  type ClaimedToken,
  LOCK_SECONDS,
  type LockedToken,
  PASSWORDS,
  type PasswordName,
  type RegistrySlotStore,
  type Slot,
  type SlotOwner,
} from "../credentials/docker-login-ports.ts";
import { UpstreamError } from "../errors.ts";
import { utc } from "../time.ts";
import { backoffMs, MAX_ATTEMPTS } from "./contention.ts";
import { closedLease, takenOver } from "./registry-slot-errors.ts";
import { createRegistryRenewals } from "./registry-slot-renewals.ts";
import {
  contentOf,
  leaseChange,
  leaseKey,
  leaseRow,
  lockedToken,
  mapChange,
  mapKey,
  newTokenName,
  partitionOf,
  readLeaseRow,
  readMapRow,
  readTokenRow,
  type SlotsOfLease,
  type TokenOnRecord,
  tokenKey,
  tokenRow,
} from "./registry-slot-rows.ts";
import type { Change, StoredRow, Table } from "./tables.ts";

/** Tokens that are looked through at once for a free password: a page of Table Storage. */
const PAGE = 1_000;

/** What the store needs. `wait` and `random` (0 to 1) part processes that met; `newId` names whoever locks. */
export type RegistrySlotsDeps = {
  readonly table: Pick<Table, "get" | "range" | "change" | "replace" | "removeIf">;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  readonly random: () => number;
};

/** @param deps.table opened with STATE_UNAVAILABLE */
export function createRegistrySlots(deps: RegistrySlotsDeps): RegistrySlotStore {
  const { table } = deps;
  const lockNow = (lock: string, lockedFor: PasswordName) => ({
    lock,
    lockedFor,
    lockedUntil: utc(new Date(deps.now().getTime() + LOCK_SECONDS * 1000)),
  });
  const isLocked = ({ lockedUntil }: TokenOnRecord) =>
    lockedUntil !== null && Date.parse(lockedUntil) > deps.now().getTime();

  /** Tries until it is settled, each time on the rows as they are then. @param attempt null = again */
  const settled = async <T>(attempt: () => Promise<{ readonly done: T } | null>): Promise<T> => {
    for (let step = 0; step < MAX_ATTEMPTS; step++) {
      if (step > 0) await deps.wait(backoffMs(step, deps.random));
      const result = await attempt();
      if (result !== null) return result.done;
    }
    throw new UpstreamError("STATE_UNAVAILABLE", "Too many processes write for the same registry. Try again.", {
      retryable: true,
      retryAfterSeconds: 1,
    });
  };

  const readToken = async (registryId: string, token: string): Promise<TokenOnRecord | null> => {
    const row = await table.get(partitionOf(registryId), tokenKey(token));
    return row && readTokenRow(row);
  };
  const readMap = async (registryId: string, content: string) => {
    const row = await table.get(partitionOf(registryId), mapKey(content));
    return row && readMapRow(row);
  };
  const tokensOf = async (registryId: string, content: string): Promise<readonly TokenOnRecord[]> => {
    const rows: StoredRow[] = [];
    for (let after = tokenKey(`${content}-`); ; ) {
      const partitionKey = partitionOf(registryId);
      const page = await table.range({ partitionKey, after, before: tokenKey(`${content}.`), limit: PAGE });
      rows.push(...page);
      after = page.at(-1)?.rowKey ?? "";
      if (page.length < PAGE) return rows.map(readTokenRow);
    }
  };
  const readLease = async ({ registryId, leaseId }: SlotOwner) => {
    const row = await table.get(partitionOf(registryId), leaseKey(leaseId));
    return row && readLeaseRow(row);
  };
  /** A lease that may claim; a new one where it need not hold anything. */
  const claimer = async (owner: SlotOwner, mustHold: boolean): Promise<SlotsOfLease> => {
    const lease = await readLease(owner);
    if (lease?.closed || (mustHold && (lease === null || lease.slots.length === 0))) throw closedLease();
    return lease ?? { etag: null, slots: [], made: 0, closed: false, renewal: null };
  };

  /** What an earlier try of the same call wrote, whose answer was lost. */
  const alreadyClaimed = async (owner: SlotOwner, slots: readonly Slot[], lock: string) => {
    for (const { token, password } of slots) {
      const row = await readToken(owner.registryId, token);
      if (row?.lock === lock) return { done: { ...lockedToken(row), password, isNewScopeMap: row.state === "making" } };
    }
    return null;
  };

  return {
    claimFree(owner, content, mustHold) {
      const { registryId, leaseId } = owner;
      const lock = deps.newId();
      return settled<ClaimedToken | null>(async () => {
        const lease = await claimer(owner, mustHold);
        const claimed = await alreadyClaimed(owner, lease.slots, lock);
        if (claimed !== null) return { done: { ...claimed.done, isNewScopeMap: false } };
        const tokens = await tokensOf(registryId, content);
        const free = tokens.flatMap((row) => {
          const password = PASSWORDS.find((name) => row[name] === null);
          return row.state === "ready" && !isLocked(row) && password !== undefined ? [{ row, password }] : [];
        });
        const unused = free.filter(({ row, password }) => !row.used.includes(password));
        const best = unused.length > 0 ? unused : free;
        // Any of them: processes that claim at once should not all meet at the first.
        const chosen = best[Math.floor(deps.random() * best.length)];
        if (chosen === undefined) return { done: null };
        const { password } = chosen;
        const row = { ...chosen.row, ...lockNow(lock, password), [password]: leaseId };
        const slot = { token: row.token, password };
        const etags = await table.change([
          { kind: "replace", row: tokenRow(registryId, row), etag: row.etag },
          leaseChange(owner, lease, [...lease.slots, slot]),
        ]);
        if (etags === null) return null;
        return { done: { ...lockedToken({ ...row, etag: etags[0] ?? "" }), password, isNewScopeMap: false } };
      });
    },

    claimNew(owner, content, mustHold) {
      const { registryId, leaseId } = owner;
      const lock = deps.newId();
      let isMapNew = false;
      return settled<ClaimedToken>(async () => {
        const lease = await claimer(owner, mustHold);
        const claimed = await alreadyClaimed(owner, lease.slots, lock);
        if (claimed !== null) return { done: { ...claimed.done, isNewScopeMap: isMapNew } };
        const token = newTokenName(content, leaseId, lease.made);
        const map = await readMap(registryId, content);
        isMapNew = map === null;
        const scopeMap = map?.scopeMap ?? token;
        const row: Omit<TokenOnRecord, "etag"> = {
          token,
          state: "making",
          scopeMap,
          password1: leaseId,
          password2: null,
          used: [],
          ...lockNow(lock, "password1"),
        };
        const etags = await table.change([
          { kind: "insert", row: tokenRow(registryId, row) },
          leaseChange(owner, { ...lease, made: lease.made + 1 }, [...lease.slots, { token, password: "password1" }]),
          mapChange(registryId, content, { scopeMap, etag: map?.etag ?? null }),
        ]);
        if (etags === null) return null;
        const made = lockedToken({ ...row, etag: etags[0] ?? "" });
        return { done: { ...made, password: "password1", isNewScopeMap: isMapNew } };
      });
    },

    hasScopeMap: async (registryId, content) => (await readMap(registryId, content)) !== null,

    async settle({ registryId, leaseId }, { etag, holders, ...locked }, state) {
      const row = tokenRow(registryId, { ...locked, ...holders, ...UNLOCKED, state });
      if ((await table.replace(row, etag)) !== null) return true;
      // Its answer was lost, and it was sent again; or somebody took over what this one worked on for too long.
      const there = await readToken(registryId, locked.token);
      const isHolder = PASSWORDS.every((name) => holders[name] !== leaseId || there?.[name] === leaseId);
      return there?.state === state && isHolder;
    },

    ...createRegistryRenewals({ ...deps, settled, readLease, claimer }),

    held: async (owner) => (await readLease(owner))?.slots ?? [],

    close: (owner) =>
      settled(async () => {
        const lease = await readLease(owner);
        if (lease === null || lease.closed) return { done: lease?.slots ?? [] };
        const etag = await table.replace(leaseRow(owner, { ...lease, closed: true }), lease.etag);
        return etag === null ? null : { done: lease.slots };
      }),

    lock(owner, { token, password }, isOverdue) {
      const { registryId, leaseId } = owner;
      const lock = deps.newId();
      return settled<LockedToken | "busy" | null>(async () => {
        const row = await readToken(registryId, token);
        if (row?.[password] !== leaseId) {
          // Removed by another process, which died or is about to write this too.
          return (await dropSlots(owner, (slot) => slot.token === token && slot.password === password))
            ? { done: null }
            : null;
        }
        if (row.lock === lock) return { done: lockedToken(row) };
        const isTakenOver = isLocked(row);
        if (isTakenOver && !(isOverdue && (await isOthers(owner, row, password)))) return { done: "busy" };
        const isLast = PASSWORDS.every((name) => name === password || row[name] === null);
        const state = isTakenOver ? "ending" : isLast && row.state !== "ending" ? "broken" : row.state;
        const mine: TokenOnRecord = { ...row, ...lockNow(lock, password), state };
        const etag = await table.replace(tokenRow(registryId, mine), row.etag);
        return etag === null ? null : { done: lockedToken({ ...mine, etag }) };
      });
    },

    free(owner, { etag, holders, ...locked }, password) {
      const used = PASSWORDS.filter((name) => name === password || locked.used.includes(name));
      const row = tokenRow(owner.registryId, { ...locked, ...holders, ...UNLOCKED, used, [password]: null });
      return settled<void>(async () => {
        const lease = await readLease(owner);
        const slots = lease?.slots.filter((slot) => !(slot.token === locked.token && slot.password === password));
        // Written before, and its answer was lost; or another process did it when this one was given up.
        if (lease === null || slots?.length === lease.slots.length) return { done: undefined };
        const changes = [{ kind: "replace", row, etag } as const, leaseChange(owner, lease, slots ?? [])];
        if ((await table.change(changes)) !== null) return { done: undefined };
        const there = await readToken(owner.registryId, locked.token);
        if (there?.etag === etag) return null;
        if (there?.[password] !== owner.leaseId) return null;
        throw takenOver();
      });
    },

    finish(owner, { token, scopeMap }, removeScopeMap) {
      const { registryId } = owner;
      const content = contentOf(token);
      const key = { partitionKey: partitionOf(registryId), rowKey: tokenKey(token) };
      return settled<void>(async () => {
        const lease = await readLease(owner);
        const map = await readMap(registryId, content);
        // Read after the map's row: a token that comes later changes that row.
        const tokens = await tokensOf(registryId, content);
        if (lease === null || tokens.every((row) => row.token !== token)) {
          return (await dropSlots(owner, (slot) => slot.token === token)) ? { done: undefined } : null;
        }
        const isInUse = tokens.some((row) => row.token !== token && row.scopeMap === scopeMap);
        const isNamed = map?.scopeMap === scopeMap;
        if (!isInUse) {
          if (isNamed && !(await table.removeIf(key.partitionKey, mapKey(content), map.etag))) return null;
          await removeScopeMap(scopeMap);
        }
        const rest = lease.slots.filter((slot) => slot.token !== token);
        const changes: Change[] = [{ kind: "delete", row: key }, leaseChange(owner, lease, rest)];
        if (isInUse && isNamed) changes.push(mapChange(registryId, content, map));
        return (await table.change(changes)) === null ? null : { done: undefined };
      });
    },

    forget: (owner) =>
      settled<void>(async () => {
        const lease = await readLease(owner);
        if (lease === null) return { done: undefined };
        if (lease.slots.length > 0) throw takenOver();
        const isRemoved = await table.removeIf(partitionOf(owner.registryId), leaseKey(owner.leaseId), lease.etag);
        return isRemoved ? { done: undefined } : null;
      }),
  };

  /** Whether what is under way is about the other password, and ending that one too harms nobody. */
  async function isOthers(owner: SlotOwner, row: TokenOnRecord, password: PasswordName): Promise<boolean> {
    if (row.lockedFor === null || row.lockedFor === password) return false;
    // One lease may hold both, and the other may be the one that is out; once it is closed both are to go.
    return row[row.lockedFor] !== owner.leaseId || ((await readLease(owner))?.closed ?? false);
  }

  /** Whether the lease holds none of them any more. */
  async function dropSlots(owner: SlotOwner, isGone: (slot: Slot) => boolean): Promise<boolean> {
    const lease = await readLease(owner);
    if (lease === null || !lease.slots.some(isGone)) return true;
    const slots = lease.slots.filter((slot) => !isGone(slot));
    return (await table.replace(leaseRow(owner, { ...lease, slots }), lease.etag)) !== null;
  }
}

const UNLOCKED = { lock: null, lockedUntil: null, lockedFor: null };
