/** A raw request to a service that answers in JSON, signed in or not: for contract tests of ARM and Key Vault. */
import type { LocalAzure } from "./local-azure.ts";
import { type RawAnswer, rawRequest } from "./raw-request.ts";

/** What came back. `json` is the parsed body, undefined when there is none. */
export type JsonAnswer = RawAnswer & { readonly json: unknown };

/** Sends what it is told and adds nothing but the token. */
export async function jsonRequest(
  azure: LocalAzure,
  method: string,
  url: string,
  options: {
    readonly token?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    /** PEM texts of what the client shows in the TLS handshake. */
    readonly certificate?: { readonly cert: string; readonly key: string };
  } = {},
): Promise<JsonAnswer> {
  const answer = await rawRequest(azure, {
    method,
    url,
    headers: { ...options.headers, ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }) },
    ...(options.body !== undefined && { body: options.body }),
    ...(options.certificate !== undefined && { certificate: options.certificate }),
  });
  const isJson = answer.headers["content-type"]?.includes("json") && answer.body !== "";
  return { ...answer, json: isJson ? JSON.parse(answer.body) : undefined };
}
