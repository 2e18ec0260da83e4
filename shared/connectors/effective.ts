/** Whether an action may be done, by what Azure says of the signed-in identity's permissions. Pure. Used by the check-*.ts. */
import type { Permission } from "./ports.ts";

/**
 * Whether a control action may be done: one entry allows it and does not itself take it back. Entries are of different
 * role assignments, so what one leaves out another may still give. Deny assignments and conditions are not in the entries.
 */
export function mayDo(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(({ actions, notActions }) => allows(actions, notActions, action));
}

/** As mayDo for a data action; null = nobody knows: Azure's answer need not list data actions, so their absence proves nothing. */
export function mayDoData(permissions: readonly Permission[], action: string): true | null {
  return permissions.some(({ dataActions, notDataActions }) => allows(dataActions, notDataActions, action))
    ? true
    : null;
}

function allows(patterns: readonly string[], exceptions: readonly string[], action: string): boolean {
  return (
    patterns.some((pattern) => matchesAction(pattern, action)) &&
    !exceptions.some((pattern) => matchesAction(pattern, action))
  );
}

/**
 * Whether a pattern means an action, without regard to case. `*` stands for any run of characters, slashes included.
 * Each literal is taken where it first fits: that is enough, and a hostile pattern costs no more than a harmless one.
 */
export function matchesAction(pattern: string, action: string): boolean {
  const [first = "", ...rest] = pattern.toLowerCase().split("*");
  const text = action.toLowerCase();
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const literal of rest) {
    const found = text.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
