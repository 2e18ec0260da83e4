/** Lists of repositories and tags, in pages. Used by container-registry.ts. */
import { nameUnknown, RegistryError } from "./registry-errors.ts";
import { inRepository, json, type RegistryOperation, type RegistryRequest } from "./registry-operation.ts";
import { repositoryName } from "./repository-name.ts";

/** Items of a page for which no number is given. Source: a thread of azure-powershell (16032). */
const DEFAULT_PAGE = 100;
/** Items of the largest page, whatever is asked. Source: a thread of acr (749). */
const MAX_PAGE = 1_000;

/** What lists are there. */
export const LIST_OPERATIONS: readonly RegistryOperation[] = [
  {
    methods: ["GET"],
    path: /^\/(?:v2|acr\/v1)\/_catalog$/,
    needs: () => [{ type: "registry", name: "catalog", actions: ["*"] }],
    answer(request) {
      const { limit, last } = pageOf(request);
      const names = request.content.repositories(last, limit + 1);
      const page = names.slice(0, limit);
      return json({ repositories: page }, names.length > limit ? linkTo(request.path, page.at(-1), limit) : {});
    },
  },
  {
    methods: ["GET"],
    path: /^\/v2\/(.+)\/tags\/list$/,
    needs: ({ parts }) => inRepository(repositoryName(parts[0] ?? ""), "metadata_read"),
    answer(request) {
      const name = repositoryName(request.parts[0] ?? "");
      if (!request.content.hasRepository(name)) throw nameUnknown(name);
      const { limit, last } = pageOf(request);
      const tags = request.content.tags(name, last, limit + 1).map((tag) => tag.name);
      const page = tags.slice(0, limit);
      return json(
        { name, tags: page },
        tags.length > limit ? linkTo(`/v2/${encodeURIComponent(name)}/tags/list`, page.at(-1), limit) : {},
      );
    },
  },
];

/** @throws RegistryError 400 PAGINATION_NUMBER_INVALID */
function pageOf({ query }: RegistryRequest) {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", { detail: { n } });
  }
  const limit = n === null || Number(n) === 0 ? DEFAULT_PAGE : Math.min(Number(n), MAX_PAGE);
  return { limit, last: query.get("last") ?? "" };
}

/** Relative, as the service sends it. */
function linkTo(path: string, last: string | undefined, limit: number) {
  return { link: `<${path}?last=${encodeURIComponent(last ?? "")}&n=${limit}&orderby=>; rel="next"` };
}
