/** Table transactions (`POST /$batch`): the operations inside, and answers in Azure's words (storage.ts, mend.ts). */
import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import { checkEntity, checkPath, checkRequest, jsonObject } from "./checks.ts";
import { differentPartitions, duplicateRow, invalidInput } from "./malformed.ts";
import { type Operation, type OperationRequest, operationOf } from "./operations.ts";
import { notEmulated } from "./refusals.ts";
import { errorBody, type StorageError } from "./storage-error.ts";

/** Largest body of a transaction. Source: learn.microsoft.com, "Performing entity group transactions". */
export const TRANSACTION_LIMIT_BYTES = 4 * 1024 * 1024;
/** Source: same page. */
const MAX_OPERATIONS = 100;

const REQUEST_LINE = /^\s*(GET|POST|PUT|MERGE|PATCH|DELETE)\s+(\S+)\s+HTTP\/1\.1[ \t]*\r?\n/im;

/** Whether a request to the table service is a transaction. */
export function isTransaction(method: string, path: string): boolean {
  return method === "POST" && /^\/+(\$|%24)batch$/i.test(path);
}

/** One operation of a transaction with its JSON, which is empty for a deletion. */
export type TransactionPart = OperationRequest & { readonly body: string };

/** The operations in the body of a transaction, in order; empty when there is none. */
export function operationsInTransaction(body: string): TransactionPart[] {
  return body.split(/^--/m).flatMap((part) => {
    const found = REQUEST_LINE.exec(part);
    const [line = "", method = "", target = ""] = found ?? [];
    const url = URL.parse(target, "https://table.invalid");
    if (!found || !url) return [];
    const [head = "", ...json] = part.slice(found.index + line.length).split(/\r?\n\r?\n/);
    const headers = [...head.matchAll(/^([\w-]+):[ \t]*(.*?)[ \t]*\r?$/gm)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      value,
    ]);
    return [
      {
        ...{ method: method.toUpperCase(), path: url.pathname, query: url.searchParams },
        ...{ headers: Object.fromEntries(headers), body: json.join("\r\n\r\n").trim() },
      },
    ];
  });
}

/** What is wrong with a transaction, and with which part of it (from 0). */
export function checkTransaction(
  parts: readonly TransactionPart[],
): { readonly error: StorageError; readonly index: number } | undefined {
  if (parts.length > MAX_OPERATIONS) return { error: invalidInput(), index: MAX_OPERATIONS - 1 };
  const seen = new Set<string>();
  const group = placeOf(parts[0]).group;
  for (const [index, part] of parts.entries()) {
    const operation = operationOf("table", part);
    const place = placeOf(part);
    const error =
      checkPath(part.path) ??
      (operation && checkRequest(operation, part)) ??
      (part.method === "DELETE" ? undefined : checkEntity(part.body)) ??
      (place.group === group ? undefined : differentPartitions()) ??
      (seen.has(place.row) ? duplicateRow() : undefined);
    if (error) return { error, index };
    seen.add(place.row);
  }
  return undefined;
}

/** Table and partition, and the row in it: from the path, or for an insert from the JSON. */
function placeOf(part: TransactionPart | undefined): { readonly group: string; readonly row: string } {
  const sent = part?.path ?? "";
  const path = (checkPath(sent) ? sent : decodeURIComponent(sent)).replace(/^\//, "");
  const [table = ""] = path.split("(", 1);
  const keyOf = (name: string) =>
    new RegExp(`[(,]\\s*${name}='((?:[^']|'')*)'`).exec(path)?.[1]?.replaceAll("''", "'") ??
    jsonObject(part?.body ?? "")?.[name];
  return {
    group: JSON.stringify([table.toLowerCase(), keyOf("PartitionKey")]),
    row: JSON.stringify([keyOf("RowKey")]),
  };
}

/** The operations inside that the guard has rights for; undefined for one that is not there. */
export function operationsOf(parts: readonly TransactionPart[]): (Operation | undefined)[] {
  return parts.map((part) => {
    const operation = operationOf("table", part);
    return operation && OPERATIONS.includes(operation.name) ? operation : undefined;
  });
}

const OPERATIONS = [
  ...["Insert Entity", "Insert Or Replace Entity", "Insert Or Merge Entity"],
  ...["Update Entity", "Merge Entity", "Delete Entity"],
];

/** The one thing of a good transaction that is not there: inserted entities in the answer. */
export function transactionNotEmulated(parts: readonly TransactionPart[]): StorageError | undefined {
  const quiet = parts.every(({ method, headers }) => method !== "POST" || headers.prefer === "return-no-content");
  return quiet ? undefined : notEmulated("an insert in a transaction without Prefer: return-no-content");
}

/** Name of the operation in Microsoft's reference. */
export const TRANSACTION = "Entity Group Transaction";

/** The body with the account in the path of each operation inside: Azurite finds the table only there. */
export function withAccountInPaths(body: string, account: string): string {
  return body.replace(/^((?:GET|POST|PUT|MERGE|PATCH|DELETE)\s+https?:\/\/[^/\s]+)\//gim, `$1/${account}/`);
}

/** A body of a 202 answer and its content type. */
export type TransactionAnswer = { readonly contentType: string; readonly body: string };

/** The answer to a transaction of which one part was refused: nothing is done, and only that part is answered. */
export function refusedTransaction(
  { error, index }: { readonly error: StorageError; readonly index: number },
  part: TransactionPart | undefined,
  requestId: string,
  now: Date,
): TransactionAnswer {
  const numbered = { ...error, message: `${index}:${error.message}` };
  const accept = part?.headers.accept ?? "application/json";
  const { contentType, body } = errorBody("table", numbered, String(accept), requestId, now);
  return multipart([
    {
      status: error.status,
      headers: ["X-Content-Type-Options: nosniff", "DataServiceVersion: 3.0;", `Content-Type: ${contentType}`],
      body,
    },
  ]);
}

/** Azurite's answer again, with the headers that Azure gives each part. */
export function mendTransaction(
  text: string,
  parts: readonly TransactionPart[],
  host: { readonly wrong: string; readonly right: string },
  requestId: string,
  now: Date,
): TransactionAnswer {
  const answers = text.split(/^HTTP\/1\.1 /m).slice(1);
  const failed = answers.find((answer) => Number.parseInt(answer, 10) >= 400);
  if (failed !== undefined) {
    const value = /"code":"(\w+)".*?"value":"(\d+):(.*?)\\n/s.exec(failed);
    const [, code = "InvalidInput", index = "0", message = invalidInput().message] = value ?? [];
    const error = { status: Number.parseInt(failed, 10), code, message: message.trim() };
    return refusedTransaction({ error, index: Number(index) }, parts[Number(index)], requestId, now);
  }
  return multipart(
    answers.map((answer, index) => {
      const isInsert = parts[index]?.method === "POST";
      const kept = [...answer.matchAll(/^(?:Location|DataServiceId|ETag): [^\r\n]*/gm)].map(([line]) =>
        line.replace(host.wrong, host.right),
      );
      return {
        status: Number.parseInt(answer, 10),
        headers: [
          ...["X-Content-Type-Options: nosniff", "Cache-Control: no-cache"],
          ...(isInsert ? ["Preference-Applied: return-no-content"] : []),
          ...[`DataServiceVersion: ${isInsert ? "3.0" : "1.0"};`, ...kept],
        ],
        body: "",
      };
    }),
  );
}

function multipart(
  parts: readonly { readonly status: number; readonly headers: readonly string[]; readonly body: string }[],
): TransactionAnswer {
  const batch = `batchresponse_${randomUUID()}`;
  const changes = `changesetresponse_${randomUUID()}`;
  const lines = parts.flatMap(({ status, headers, body }) => [
    ...[`--${changes}`, "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""],
    ...[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, "", body],
  ]);
  const head = [`--${batch}`, `Content-Type: multipart/mixed; boundary=${changes}`, ""];
  return {
    contentType: `multipart/mixed; boundary=${batch}`,
    body: [...head, ...lines, `--${changes}--`, `--${batch}--`, ""].join("\r\n"),
  };
}
