/** Table transactions (`POST /$batch`): the operations inside, so that the guard can check each (called by storage.ts). */
import type { OperationRequest } from "./operations.ts";

/** Largest body of a transaction. Source: learn.microsoft.com, "Performing entity group transactions". */
export const TRANSACTION_LIMIT_BYTES = 4 * 1024 * 1024;

const REQUEST_LINE = /^\s*(GET|POST|PUT|MERGE|PATCH|DELETE)\s+(\S+)\s+HTTP\/1\.1\s*$/im;

/** Whether a request to the table service is a transaction. */
export function isTransaction(method: string, path: string): boolean {
  return method === "POST" && /^\/+(\$|%24)batch$/i.test(path);
}

/** The operations in the body of a transaction, in order; empty when there is none. */
export function operationsInTransaction(body: string): OperationRequest[] {
  return body.split(/^--/m).flatMap((part) => {
    const [, method, target] = REQUEST_LINE.exec(part) ?? [];
    if (method === undefined || target === undefined) return [];
    const url = URL.parse(target, "https://table.invalid");
    if (!url) return [];
    const headers = /^if-match:/im.test(part) ? { "if-match": "*" } : {};
    return [{ method: method.toUpperCase(), path: url.pathname, query: url.searchParams, headers }];
  });
}

/** Name of the operation in Microsoft's reference. */
export const TRANSACTION = "Entity Group Transaction";

/** The body with the account in the path of each operation inside: Azurite finds the table only there. */
export function withAccountInPaths(body: string, account: string): string {
  return body.replace(/^((?:GET|POST|PUT|MERGE|PATCH|DELETE)\s+https?:\/\/[^/\s]+)\//gim, `$1/${account}/`);
}
