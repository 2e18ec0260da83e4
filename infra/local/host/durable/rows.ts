/** Texts of any length as rows of a table, and instance ids as partition keys. Called by task-hub-store.ts. */

/** Characters of one property; ASCII, stored in UTF-16: a property holds 64 KiB. */
const PROPERTY_CHARACTERS = 30_000;
/** Properties of one row: 900,000 bytes of at most 1 MiB. */
const PROPERTIES_PER_ROW = 15;

export type Row = { readonly partitionKey: string; readonly rowKey: string; readonly [column: string]: unknown };

/** Instance ids may hold what a key may not. Letters, digits, `_` and `-` stay as they are. */
export const partitionKeyOf = (instanceId: string): string =>
  instanceId.replace(/[^A-Za-z0-9_-]/gu, (char) =>
    Buffer.from(char).reduce((text, byte) => `${text}.${byte.toString(16).padStart(2, "0")}`, ""),
  );

/** JSON in ASCII only: no character is cut in two, and lengths are bytes. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

const partKey = (rowKey: string, part: number): string =>
  part === 0 ? rowKey : `${rowKey}~${String(part).padStart(4, "0")}`;

/** One value as one or more rows; the first says how many. */
export function rowsOf(partitionKey: string, rowKey: string, value: unknown): Row[] {
  const text = asciiJson(value);
  const perRow = PROPERTY_CHARACTERS * PROPERTIES_PER_ROW;
  const parts = Math.ceil(text.length / perRow);
  return Array.from({ length: parts }, (_, part) => {
    const row: Record<string, unknown> = {};
    const end = Math.min(text.length, (part + 1) * perRow);
    for (let at = part * perRow, n = 0; at < end; at += PROPERTY_CHARACTERS, n++) {
      row[`v${n}`] = text.slice(at, Math.min(end, at + PROPERTY_CHARACTERS));
    }
    return { partitionKey, rowKey: partKey(rowKey, part), ...(part === 0 && { parts }), ...row };
  });
}

/** Characters of the values in a row, for the size of a transaction. */
export const charactersOf = (row: Row): number =>
  Object.entries(row).reduce((sum, [name, value]) => sum + (name.startsWith("v") ? String(value).length : 0), 0);

const textOf = (row: Row): string =>
  Array.from({ length: PROPERTIES_PER_ROW }, (_, n) => String(row[`v${n}`] ?? "")).join("");

/** `undefined` for text that this host did not write. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Values by the key of their first row. One of which a part is missing was never written whole: it is left out, as is no JSON. */
export function valuesOf(rows: readonly Row[]): Map<string, unknown> {
  const byKey = new Map(rows.map((row) => [row.rowKey, row]));
  const values = new Map<string, unknown>();
  for (const first of rows) {
    if (typeof first.parts !== "number") continue;
    const parts = Array.from({ length: first.parts }, (_, part) => byKey.get(partKey(first.rowKey, part)));
    if (parts.some((part) => part === undefined)) continue;
    const value = parsed(parts.map((part) => (part ? textOf(part) : "")).join(""));
    if (value !== undefined) values.set(first.rowKey, value);
  }
  return values;
}
