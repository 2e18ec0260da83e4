/** Who a request to an API server is from. Made by authenticate.ts, judged by authorize.ts. */

/** A user as an API server knows it. */
export type UserInfo = {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** Object id in Entra; undefined for whoever signed in by anything else. */
  readonly objectId?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

export const AUTHENTICATED_GROUP = "system:authenticated";
export const MASTERS_GROUP = "system:masters";
export const SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

/** The groups that every ServiceAccount of a namespace is in. */
export function serviceAccountGroups(namespace: string): string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, AUTHENTICATED_GROUP];
}
