/** The scope maps that every registry has from the start. Used by the list of scope maps and by sign-ins. */

/** A scope map of the service's own: nobody can change it, and it counts against no limit. */
export type SystemScopeMap = {
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
};

/** Source: exported templates of registries, and learn.microsoft.com, "Create a token with repository-scoped permissions". */
export const SYSTEM_SCOPE_MAPS: readonly SystemScopeMap[] = [
  {
    name: "_repositories_admin",
    description: "Can perform all read, write and delete operations on the registry",
    actions: [
      "repositories/*/metadata/read",
      "repositories/*/metadata/write",
      "repositories/*/content/read",
      "repositories/*/content/write",
      "repositories/*/content/delete",
    ],
  },
  {
    name: "_repositories_pull",
    description: "Can pull any repository of the registry",
    actions: ["repositories/*/content/read"],
  },
  {
    name: "_repositories_pull_metadata_read",
    description: "Can perform all read operations on the registry",
    actions: ["repositories/*/content/read", "repositories/*/metadata/read"],
  },
  {
    name: "_repositories_push",
    description: "Can push to any repository of the registry",
    actions: ["repositories/*/content/read", "repositories/*/content/write"],
  },
  {
    name: "_repositories_push_metadata_write",
    description: "Can perform all read and write operations on the registry",
    actions: [
      "repositories/*/metadata/read",
      "repositories/*/metadata/write",
      "repositories/*/content/read",
      "repositories/*/content/write",
    ],
  },
];

/** The one of a name, in any case. */
export function systemScopeMap(name: string): SystemScopeMap | undefined {
  return SYSTEM_SCOPE_MAPS.find((map) => map.name === name.toLowerCase());
}
