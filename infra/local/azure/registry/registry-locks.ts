/** Locks of repositories, manifests and tags, each with its own: `changeableAttributes`. Used by the stores and operations of registries. */
import { z } from "zod";

/** What a lock can forbid, and its bit in the column `locks`. */
const BITS = { deleteEnabled: 1, writeEnabled: 2, readEnabled: 4, listEnabled: 8 } as const;
/** One of them. */
export type LockName = keyof typeof BITS;
/** The bit that hides from lists, for statements. */
export const HIDDEN = BITS.listEnabled;
/** Either of these keeps an image. Source: learn.microsoft.com, "Lock a container image": both block deletion. */
export const KEPT = BITS.deleteEnabled | BITS.writeEnabled;

/** Body of a PATCH. What else clients send (`quarantineState`, `teleportEnabled`) changes nothing. */
export const locksSchema = z.object({
  deleteEnabled: z.boolean().optional(),
  writeEnabled: z.boolean().optional(),
  readEnabled: z.boolean().optional(),
  listEnabled: z.boolean().optional(),
});
/** What is to be changed. */
export type LockChanges = z.infer<typeof locksSchema>;

/** As the service lists them, in its order. */
export function changeableAttributes(locks: number): Record<LockName, boolean> {
  return {
    deleteEnabled: !forbids(locks, "deleteEnabled"),
    writeEnabled: !forbids(locks, "writeEnabled"),
    readEnabled: !forbids(locks, "readEnabled"),
    listEnabled: !forbids(locks, "listEnabled"),
  };
}

/** @param locks the column */
export function forbids(locks: number, name: LockName): boolean {
  return (locks & BITS[name]) !== 0;
}

/** The column after a change. */
export function changedLocks(locks: number, changes: LockChanges): number {
  const names: readonly LockName[] = ["deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"];
  return names.reduce((bits, name) => {
    const enabled = changes[name];
    if (enabled === undefined) return bits;
    return enabled ? bits & ~BITS[name] : bits | BITS[name];
  }, locks);
}
