/** What access tokens of a registry may hold: actions on repositories, and the catalog. Used by all of its files. */

import { isRepositoryName } from "./repository-name.ts";

/** What can be done with one repository. */
export const REPOSITORY_ACTIONS = ["pull", "push", "delete", "metadata_read", "metadata_write"] as const;
/** One of them. */
export type RepositoryAction = (typeof REPOSITORY_ACTIONS)[number];

/** An entry of a token's `access`; also what a request asks for or needs. */
export type Access = { readonly type: string; readonly name: string; readonly actions: readonly string[] };

/** What somebody may do in one registry. */
export type Rights = {
  /** @param name of a repository that need not exist; `*` asks for what may be done with each of them */
  onRepository(name: string): readonly RepositoryAction[];
  readonly catalog: boolean;
};

/** Scopes of one request: more is no use of ours, and each is a decision. */
const MAX_SCOPES = 200;

/** Reads `repository:NAME:ACTIONS` and `registry:catalog:*`, one or several to a text; what cannot be read is left out. */
export function parseScopes(texts: readonly string[]): readonly Access[] {
  return texts
    .flatMap((text) => text.split(" "))
    .filter((scope) => scope !== "")
    .slice(0, MAX_SCOPES)
    .flatMap((scope) => {
      const [, type, name, actions] = /^([a-z]+):([^:]+):([a-z_*,]+)$/.exec(scope) ?? [];
      if (type === undefined || name === undefined || actions === undefined) return [];
      if (type === "repository" && name !== "*" && !isRepositoryName(name)) return [];
      return [{ type, name, actions: actions.split(",").filter((action) => action !== "") }];
    });
}

/** What is granted of what was asked: never more, and nothing of a repository where there is no right. */
export function grant(asked: readonly Access[], rights: Rights): Access[] {
  return asked.flatMap(({ type, name, actions }) => {
    if (type === "registry") {
      const granted = name === "catalog" && actions.includes("*") && rights.catalog;
      return granted ? [{ type, name, actions: ["*"] }] : [];
    }
    if (type !== "repository") return [];
    const allowed = rights.onRepository(name);
    const all = REPOSITORY_ACTIONS.every((action) => allowed.includes(action));
    const granted = actions.includes("*")
      ? all
        ? ["*"]
        : allowed
      : [...new Set(actions)].filter((action) => allowed.some((one) => one === action));
    return granted.length > 0 ? [{ type, name, actions: granted }] : [];
  });
}

/** Whether a token's entries hold all that a request needs. */
export function holds(entries: readonly Access[], needed: Access): boolean {
  const held = entries
    .filter(
      ({ type, name }) => type === needed.type && (name === needed.name || (type === "repository" && name === "*")),
    )
    .flatMap(({ actions }) => actions);
  return held.includes("*") || needed.actions.every((action) => held.includes(action));
}
