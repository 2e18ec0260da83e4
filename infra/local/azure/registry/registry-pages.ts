/** Pages of a registry's lists: how many items, behind which one, and the link to the next. Used by list-operations.ts and acr-operations.ts. */
import type { Page } from "./registry-attributes.ts";
import { RegistryError } from "./registry-errors.ts";
import type { RegistryRequest } from "./registry-operation.ts";
import { cursorNumber, ticksOfCursor } from "./registry-time.ts";

/** Items of a page for which no number is given. Source: a thread of azure-powershell (16032). */
const DEFAULT_PAGE = 100;
/** Items of the largest page, whatever is asked. Source: a thread of acr (749). */
const MAX_PAGE = 1_000;

/** @throws RegistryError 400 PAGINATION_NUMBER_INVALID */
export function pageOf({ query }: RegistryRequest) {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", { detail: { n } });
  }
  const limit = n === null || Number(n) === 0 ? DEFAULT_PAGE : Math.min(Number(n), MAX_PAGE);
  return { limit, last: query.get("last") ?? "" };
}

/** Relative, as the service sends it. */
export function linkTo(path: string, last: string | undefined, limit: number, order = "", more = "") {
  const cursor = encodeURIComponent(last ?? "");
  return { link: `<${path}?last=${cursor}&n=${limit}&orderby=${order}${more}>; rel="next"` };
}

/**
 * The page that a request to a list with an order asks for. An unknown order is that of names. By time, `last` is
 * `NUMBER&NAME`; without a number the list begins anew, as the thread of acr-cli (72) saw it.
 * @throws RegistryError 400 PAGINATION_NUMBER_INVALID
 */
export function orderedPageOf(request: RegistryRequest): Page {
  const { limit, last } = pageOf(request);
  const asked = request.query.get("orderby");
  if (asked !== "timeasc" && asked !== "timedesc") {
    return { order: "name", after: last === "" ? null : { name: last, ticks: 0 }, limit };
  }
  const [, number, name] = /^(\d{1,19})&(.*)$/s.exec(last) ?? [];
  const after = number === undefined ? null : { name: name ?? "", ticks: ticksOfCursor(number, asked) };
  return { order: asked, after, limit };
}

/** The `last` that leads behind an item. */
export function cursorOf({ order }: Page, item: { readonly name: string; readonly updated: number }): string {
  return order === "name" ? item.name : `${cursorNumber(item.updated, order)}&${item.name}`;
}
