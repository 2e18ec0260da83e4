/** Policy in memory, with ETags as the table has them, and short ways to write it. Used by the unit tests. */
import { type Grant, grantSchema, type Membership, membershipSchema, type Policy } from "../../shared/access/policy.ts";
import type { PolicyKind, PolicyStore, StoredPolicy } from "../../shared/access/ports.ts";
import { SUBSCRIPTION, USER } from "./fakes.ts";

/** Canonical id of a container of the account that `azureView` has unless told otherwise. */
export function containerId(container: string): string {
  return `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone/blobServices/default/containers/${container}`;
}

/** USER, everywhere. */
export function membership(changes: Partial<Membership> = {}): Membership {
  return membershipSchema.parse({ principals: [USER.id], project: "*", domain: "*", ...changes });
}

/** Reading the container `data` through the connector `azure`, from everywhere, for an hour. */
export function grant(changes: Partial<Grant> = {}): Grant {
  return grantSchema.parse({
    connector: "azure",
    resourceId: containerId("data"),
    access: ["read", "list"],
    project: "*",
    domain: "*",
    ...changes,
  });
}

export function policyOf(memberships: Record<string, Membership>, grants: Record<string, Grant>): Policy {
  return { memberships: new Map(Object.entries(memberships)), grants: new Map(Object.entries(grants)) };
}

/** `journal`: the calls in their order; `set` writes what no route would. */
export function policyStore(journal: string[] = []) {
  const rows = new Map<string, StoredPolicy>();
  let written = 0;
  const keyOf = (kind: PolicyKind, name: string) => `${kind}/${name}`;
  const ofKind = (kind: PolicyKind) =>
    [...rows.entries()]
      .filter(([key]) => key.startsWith(`${kind}/`))
      .map(([, row]) => row)
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  const set = (kind: PolicyKind, name: string, spec: unknown): string => {
    const etag = `W/"p${++written}"`;
    rows.set(keyOf(kind, name), { name, spec, etag });
    return etag;
  };
  const store: PolicyStore = {
    async readAll(kind) {
      journal.push(`policy.readAll ${kind}`);
      return ofKind(kind);
    },
    list: async (kind, after, limit) =>
      ofKind(kind)
        .filter(({ name }) => name > after)
        .slice(0, limit),
    find: async (kind, name) => rows.get(keyOf(kind, name)) ?? null,
    async write(kind, name, spec, _by, ifMatch) {
      journal.push(`policy.write ${kind} ${name}`);
      return (rows.get(keyOf(kind, name))?.etag ?? null) === ifMatch ? set(kind, name, spec) : null;
    },
    async remove(kind, name, ifMatch) {
      journal.push(`policy.remove ${kind} ${name}`);
      return rows.get(keyOf(kind, name))?.etag === ifMatch && rows.delete(keyOf(kind, name));
    },
  };
  return { ...store, rows, set };
}
