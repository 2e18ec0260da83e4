/** How long inputs, results and events may be. Used by activity-call.ts, turn.ts and the endpoints. */

/**
 * Characters of JSON text as it is stored: one beyond ASCII counts six. Three values of an instance, with every quote escaped
 * twice, fit into a transaction of Table Storage (4 MiB). The real host keeps larger ones in blobs.
 */
export const MAX_VALUE_CHARACTERS = 300_000;

/** @param text JSON text, null = no value */
export function isTooLong(text: string | null): boolean {
  if (text === null || text.length * 6 <= MAX_VALUE_CHARACTERS) return false;
  const escaped = text.match(/[\u007f-\uffff]/g)?.length ?? 0;
  return text.length + 5 * escaped > MAX_VALUE_CHARACTERS;
}

/** Characters of the message, and of the stack, of a failure: with every one of them escaped both are one row. */
const MAX_FAILURE_CHARACTERS = 20_000;

/** The beginning of a text that a function made and that may be of any length. */
export const cut = (text: string): string =>
  text.length > MAX_FAILURE_CHARACTERS ? `${text.slice(0, MAX_FAILURE_CHARACTERS)} (cut)` : text;
