/** Who sees a connector. Who may use it is for grants to say. Pure. */
import type { Principal } from "../principal.ts";
import type { Connector } from "./connector.ts";

/** Administrators see all; others what is theirs, what is shared with all, and what names them or one of their groups. */
export function maySee(
  { owner, visibility, users }: Pick<Connector, "owner" | "visibility" | "users">,
  by: Pick<Principal, "id" | "groups" | "roles">,
): boolean {
  if (by.roles.includes("Latchkey.Admin") || owner === by.id || visibility === "shared") return true;
  // Groups that Entra left out of the token are not guessed.
  const groups = by.groups === "overage" ? [] : by.groups;
  return users.includes(by.id) || groups.some((id) => users.includes(`group:${id}`));
}
