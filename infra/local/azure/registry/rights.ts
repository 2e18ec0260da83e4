/** What a caller may do in a registry: by Azure roles in both modes, by a scope map, or by an access token. Used by token-endpoints.ts. */
import type { Authorization, Principal } from "../ports.ts";
import { type Access, REPOSITORY_ACTIONS, type RepositoryAction, type Rights } from "./access.ts";
import type { RegistryPlace } from "./registry-directory.ts";

const PREFIX = "Microsoft.ContainerRegistry/registries";

/** Actions of a registry in legacy mode, as its refresh tokens name them, and what each allows in a repository. */
const LEGACY = {
  read: { operations: ["pull/read"], allows: ["pull", "metadata_read"] },
  write: { operations: ["push/write"], allows: ["push", "metadata_write"] },
  delete: { operations: ["artifacts/delete"], allows: ["delete"] },
  "metadata/read": { operations: ["metadata/read"], allows: ["metadata_read"] },
  "metadata/write": { operations: ["metadata/write"], allows: ["metadata_write"] },
} as const satisfies Record<string, { operations: readonly string[]; allows: readonly RepositoryAction[] }>;
/** One of them. */
export type LegacyAction = keyof typeof LEGACY;

/** What scope maps and the data actions of a registry in ABAC mode call the actions on a repository. */
const REPOSITORY_OPERATIONS: Readonly<Record<string, RepositoryAction>> = {
  "content/read": "pull",
  "content/write": "push",
  "content/delete": "delete",
  "metadata/read": "metadata_read",
  "metadata/write": "metadata_write",
};

/** What roles allow in a registry in legacy mode. */
export function legacyActions(
  principal: Principal,
  registry: RegistryPlace,
  authorization: Authorization,
): readonly LegacyAction[] {
  return legacyNames().filter((action) =>
    LEGACY[action].operations.some((operation) =>
      authorization.allows(principal, "actions", `${PREFIX}/${operation}`, registry.id),
    ),
  );
}

/** The rights behind the actions of a refresh token. @param actions those that are unknown count for nothing */
export function legacyRights(actions: readonly string[]): Rights {
  const allowed = legacyNames()
    .filter((action) => actions.includes(action))
    .flatMap((action) => [...LEGACY[action].allows]);
  const inEach = REPOSITORY_ACTIONS.filter((action) => allowed.includes(action));
  return { onRepository: () => inEach, catalog: inEach.includes("metadata_read") };
}

function legacyNames(): readonly LegacyAction[] {
  return ["read", "write", "delete", "metadata/read", "metadata/write"];
}

/** What roles allow in a registry in ABAC mode: the data actions of its repositories alone. */
export function repositoryRights(principal: Principal, registry: RegistryPlace, authorization: Authorization): Rights {
  const may = (operation: string) =>
    authorization.allows(principal, "dataActions", `${PREFIX}/${operation}`, registry.id);
  const onEach = Object.entries(REPOSITORY_OPERATIONS)
    .filter(([operation]) => may(`repositories/${operation}`))
    .map(([, action]) => action);
  // A token for every repository is not to be had in this mode: rights are decided for one at a time.
  return { onRepository: (name) => (name === "*" ? [] : onEach), catalog: may("catalog/read") };
}

/**
 * The rights of a scope map.
 * @param actions `repositories/NAME/content/read`; the last segment of NAME may be `*`, or the whole of it. Compared
 * without regard to case but for the name
 */
export function scopeMapRights(actions: readonly string[]): Rights {
  const rules = actions.flatMap((action) => {
    const [, pattern, operation] = /^repositories\/(.+)\/((?:content|metadata)\/[a-z]+)$/i.exec(action) ?? [];
    const allowed = REPOSITORY_OPERATIONS[operation?.toLowerCase() ?? ""];
    return pattern === undefined || allowed === undefined ? [] : [{ pattern, allowed }];
  });
  const onRepository = (name: string) => {
    const allowed = rules.filter(({ pattern }) => covers(pattern, name)).map((rule) => rule.allowed);
    return REPOSITORY_ACTIONS.filter((action) => allowed.includes(action));
  };
  return { onRepository, catalog: onRepository("*").includes("metadata_read") };
}

/** Whether the name in a scope map stands for a repository. A star elsewhere than in the last segment is a letter. */
function covers(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.endsWith("/*")) return pattern === name;
  const folder = pattern.slice(0, -1);
  return !folder.includes("*") && name.startsWith(folder) && name.length > folder.length;
}

/** An access token lends what it holds, and no more. */
export function lentRights(access: readonly Access[]): Rights {
  const of = (wanted: string) => {
    const held = access
      .filter(({ type, name }) => type === "repository" && (name === wanted || name === "*"))
      .flatMap(({ actions }) => actions);
    return held.includes("*") ? REPOSITORY_ACTIONS : REPOSITORY_ACTIONS.filter((action) => held.includes(action));
  };
  return { onRepository: of, catalog: access.some(({ type, name }) => type === "registry" && name === "catalog") };
}

/** Whether there is anything that somebody may do. */
export function hasAnyRight(rights: Rights): boolean {
  // The name stands for any repository.
  return rights.catalog || rights.onRepository("any").length > 0;
}
