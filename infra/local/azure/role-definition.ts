/** What an Azure role is. Used by the lists of roles and by authorization.ts. */

/** What a role allows: operations may hold `*`, which stands for any run of characters. */
export type RoleDefinition = {
  /** GUID of the definition: the same in every tenant. */
  readonly id: string;
  readonly name: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
};

/** Builds a definition from the lists that are not empty. */
export function role(id: string, name: string, lists: Partial<Omit<RoleDefinition, "id" | "name">>): RoleDefinition {
  return { id, name, actions: [], notActions: [], dataActions: [], notDataActions: [], ...lists };
}
