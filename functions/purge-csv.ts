/** Items of a plan or a report as CSV (RFC 4180). Used by purge-runs.ts. Pure. */
import type { PurgeItem } from "../shared/purge/read-items.ts";

const PLAN_COLUMNS = [
  "repository",
  "digest",
  "tags",
  "action",
  "reason",
  "rules",
  "because",
  "mediaType",
  "updatedAt",
  "sizeBytes",
  "freedBytes",
  "isEstimate",
] as const;
const REPORT_COLUMNS = [...PLAN_COLUMNS, "outcome", "failure", "at"] as const;

/** Lines, each with its line break. `hasHeader`: the first page has the names of the columns. */
export function itemsAsCsv(items: readonly PurgeItem[], view: "plan" | "report", hasHeader: boolean): string {
  const columns: readonly string[] = view === "plan" ? PLAN_COLUMNS : REPORT_COLUMNS;
  const lines = items.map((item) => {
    const cells = new Map<string, unknown>(Object.entries(rowOf(item)));
    return columns.map((column) => cell(cells.get(column))).join(",");
  });
  return [...(hasHeader ? [columns.join(",")] : []), ...lines].map((line) => `${line}\r\n`).join("");
}

/** What is no image has a line all the same, that says so as its reason. */
function rowOf(item: PurgeItem): object {
  if ("damaged" in item) return { reason: "damaged" };
  return "unread" in item ? { repository: item.repository, reason: "unread", because: item.unread } : item;
}

/**
 * Spreadsheets take a cell that begins with one of these for a formula, whose text anybody who can push a tag would write:
 * an apostrophe before it keeps it a text. Source: OWASP, CSV injection.
 */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  const safe = typeof value !== "number" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
