/** Resources below others: by their canonical ids, in which everything above stands first. Pure. */

/**
 * Whether an id is the other or stands below it, by whole parts and without case. A slash at the end of a deny, as people
 * write it, must not make it miss.
 */
export function isAtOrBelow(id: string, other: string): boolean {
  const asked = id.toLowerCase();
  const top = other.toLowerCase().replace(/\/$/, "");
  return asked === top || asked.startsWith(`${top}/`);
}
