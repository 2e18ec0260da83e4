/** Which renewal of a lease may work: its claim is a part of the lease's row. Used by registry-slots.ts. */
import {
  ANSWER_SECONDS,
  LOCK_SECONDS,
  type RegistrySlotStore,
  type Slot,
  type SlotOwner,
} from "../credentials/docker-login-ports.ts";
import { utc } from "../time.ts";
import { renewedLease } from "./registry-slot-errors.ts";
import { leaseRow, type SlotsOfLease } from "./registry-slot-rows.ts";
import type { Table } from "./tables.ts";

/** What this needs: the table, and how registry-slots.ts reads leases and tries again. */
export type RegistryRenewalsDeps = {
  readonly table: Pick<Table, "replace">;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly settled: <T>(attempt: () => Promise<{ readonly done: T } | null>) => Promise<T>;
  readonly readLease: (owner: SlotOwner) => Promise<SlotsOfLease | null>;
  readonly claimer: (owner: SlotOwner, mustHold: boolean) => Promise<SlotsOfLease>;
};

/** See RegistrySlotStore. */
export function createRegistryRenewals(
  deps: RegistryRenewalsDeps,
): Pick<RegistrySlotStore, "beginRenewal" | "endRenewal"> {
  const inSeconds = (seconds: number) => utc(new Date(deps.now().getTime() + seconds * 1000));
  const write = async (owner: SlotOwner, lease: SlotsOfLease, renewal: SlotsOfLease["renewal"]) =>
    (await deps.table.replace(leaseRow(owner, { ...lease, renewal }), lease.etag ?? "")) !== null;

  return {
    beginRenewal(owner, out) {
      const id = deps.newId();
      return deps.settled(async () => {
        const lease = await deps.claimer(owner, true);
        const { slots, renewal: other } = lease;
        const done = { done: { id, held: slots } };
        // Written before, and its answer was lost.
        if (other?.id === id) return done;
        if (!slots.some((slot) => isSame(slot, out))) throw renewedLease();
        // Nobody can tell what the other one has made from what was never answered before its time is over.
        const isUnderWay = other !== null && Date.parse(other.until) > deps.now().getTime();
        const isAnswered = isSame(slots.at(-1), out) && !isSame(other?.from, out);
        if (isUnderWay && !isAnswered) throw renewedLease();
        const from = { token: out.token, password: out.password };
        return (await write(owner, lease, { id, from, until: inSeconds(LOCK_SECONDS) })) ? done : null;
      });
    },

    endRenewal: (owner, { id }, isMade) =>
      deps.settled<void>(async () => {
        const lease = await deps.readLease(owner);
        const mine = lease?.renewal?.id === id ? lease.renewal : null;
        if (lease === null || mine === null) {
          // It took so long that another has started, or the lease has ended: what was made is not safe any more.
          if (isMade) throw renewedLease();
          return { done: undefined };
        }
        const renewal = isMade ? { ...mine, until: inSeconds(ANSWER_SECONDS) } : null;
        return (await write(owner, lease, renewal)) ? { done: undefined } : null;
      }),
  };
}

function isSame(slot: Slot | undefined, other: Slot): boolean {
  return slot?.token === other.token && slot.password === other.password;
}
