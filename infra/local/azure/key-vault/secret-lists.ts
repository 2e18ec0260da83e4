/** Lists of secrets and of a secret's versions, never with a value. Registered by key-vault.ts with secret-operations.ts. */
import { checkedName, propertiesBody } from "./secret-bodies.ts";
import type { SecretOperation, SecretRequest } from "./secret-operations.ts";
import { type Found, liveVersions } from "./secret-store.ts";
import { badParameter } from "./vault-errors.ts";

/** Items of a page, asked for or not. Source: azure-rest-api-specs, keyvault secrets, GetSecrets. */
const MAX_PAGE_SIZE = 25;

/** An item, and what it is sorted and found by. */
type Item = { readonly key: string; readonly body: object };

/** Both need the right to list: of the vault, or of that secret. A name that is unknown has no versions. */
export function listOperations(deps: { readonly now: () => Date }): SecretOperation[] {
  return [
    {
      method: "GET",
      path: "/secrets",
      answer(request) {
        request.demand("readMetadata/action", null, "list");
        const all = liveVersions(request.document.read(), deps.now());
        const latest = new Map(all.map((found) => [found.secret.name.toLowerCase(), found]));
        const items = [...latest].map(([key, found]) => ({ key, body: itemBody(request, found, found.secret.name) }));
        return page(request, "/secrets", items);
      },
    },
    {
      method: "GET",
      path: "/secrets/:name/versions",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("readMetadata/action", name, "list");
        const items = liveVersions(request.document.read(), deps.now())
          .filter(({ secret }) => secret.name.toLowerCase() === name.toLowerCase())
          .map((found) => {
            const { version } = found.version;
            return { key: version, body: itemBody(request, found, `${found.secret.name}/${version}`) };
          });
        return page(request, `/secrets/${name}/versions`, items);
      },
    },
  ];
}

function itemBody(request: SecretRequest, found: Found, path: string) {
  return { ...propertiesBody(request.vaultUrl, found), id: `${request.vaultUrl}/secrets/${path}` };
}

/** @throws VaultError 400 BadParameter for a page size out of range */
function page(request: SecretRequest, path: string, items: readonly Item[]) {
  const asked = request.query("maxresults");
  const size = asked === undefined ? MAX_PAGE_SIZE : Number(asked);
  if (!Number.isInteger(size) || size < 1 || size > MAX_PAGE_SIZE) {
    throw badParameter("The request URI contains an invalid value for maxresults.");
  }
  const token = request.query("$skiptoken");
  const after = token === undefined ? "" : Buffer.from(token, "base64url").toString();
  const rest = items.filter(({ key }) => key > after).toSorted((left, right) => (left.key < right.key ? -1 : 1));
  const shown = rest.slice(0, size);
  const last = shown.at(-1);
  const value = shown.map(({ body }) => body);
  if (last === undefined || rest.length <= size) return { status: 200, body: { value, nextLink: null } };
  const query = new URLSearchParams({ "api-version": request.query("api-version") ?? "" });
  query.set("$skiptoken", Buffer.from(last.key).toString("base64url"));
  query.set("maxresults", String(size));
  return { status: 200, body: { value, nextLink: `${request.vaultUrl}${path}?${query}` } };
}
