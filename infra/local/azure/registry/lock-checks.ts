/** Locks as the distribution protocol meets them. Used by its operations. */
import type { RegistryContent } from "./registry-content.ts";
import { disallowed } from "./registry-errors.ts";
import { forbids, type LockName } from "./registry-locks.ts";

/**
 * Pulls stop at the lock of the repository, the manifest, or the tag that was asked for; another tag's does not count.
 * @throws RegistryError 405
 */
export function demandReadable(content: RegistryContent, repository: string, digest?: string, tag?: string): void {
  const { attributes } = content;
  demand("readEnabled", attributes.locksOf(repository));
  if (digest !== undefined) demand("readEnabled", attributes.locksOf(repository, { digest }));
  if (tag !== undefined) demand("readEnabled", attributes.locksOf(repository, { tag }));
}

/**
 * Pushes stop at the lock of the repository, or of the tag that would move; a locked manifest may get another tag.
 * @throws RegistryError 405
 */
export function demandWritable(content: RegistryContent, repository: string, tag?: string): void {
  demand("writeEnabled", content.attributes.locksOf(repository));
  if (tag !== undefined) demand("writeEnabled", content.attributes.locksOf(repository, { tag }));
}

function demand(name: LockName, locks: number): void {
  if (forbids(locks, name)) throw disallowed();
}
