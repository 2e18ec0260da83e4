/** Pages of ARM's lists, and the links between them. Used by every list of resources. */
import type { ArmLimits } from "./arm-limits.ts";
import type { ArmRequest } from "./arm-operation.ts";

/** What a list answers. */
export type ArmPage<T> = { readonly value: readonly T[]; readonly nextLink?: string };

/**
 * The page that a request asks for: from the place that `$skiptoken` names. That place is the id of the last item
 * before, so that nothing is left out when the list changes between two pages.
 */
export function pageOf<T extends { readonly id: string }>(
  members: readonly T[],
  request: ArmRequest,
  limits: Pick<ArmLimits, "settings">,
): ArmPage<T> {
  const { pageSize, linkOnLastPage } = limits.settings();
  const token = request.query("$skiptoken");
  const after = token === undefined ? "" : Buffer.from(token, "base64url").toString();
  const rest = members
    .filter(({ id }) => id.toLowerCase() > after)
    .toSorted((left, right) => (left.id.toLowerCase() < right.id.toLowerCase() ? -1 : 1));
  const value = rest.slice(0, pageSize);
  const last = value.at(-1);
  if (last === undefined || (rest.length <= pageSize && !linkOnLastPage)) return { value };
  const query = new URLSearchParams({ "api-version": request.apiVersion });
  const filter = request.query("$filter");
  if (filter !== undefined) query.set("$filter", filter);
  query.set("$skiptoken", Buffer.from(last.id.toLowerCase()).toString("base64url"));
  return { value, nextLink: `https://management.azure.com${request.path}?${query}` };
}
