/** Lists of repositories and tags, in pages. Used by container-registry.ts. */
import { nameUnknown } from "./registry-errors.ts";
import { inRepository, json, type RegistryOperation } from "./registry-operation.ts";
import { linkTo, pageOf } from "./registry-pages.ts";
import { repositoryName } from "./repository-name.ts";

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
