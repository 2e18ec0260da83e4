/** What an operation of a registry's content is to container-registry.ts, which matches, checks the token and answers. */
import type { Readable } from "node:stream";
import type { Access } from "./access.ts";
import type { RegistryContent } from "./registry-content.ts";
import type { RegistrySettings } from "./registry-settings.ts";

/** A request, its token not yet checked. */
export type RegistryRequest = {
  readonly host: string;
  /** Without its query, as it was sent. */
  readonly path: string;
  readonly content: RegistryContent;
  readonly settings: RegistrySettings;
  /** Parts of the path that the operation's pattern has in brackets, as they were sent. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  /** By names in lower case; the first of those that come more than once. */
  header(name: string): string | undefined;
  readonly body: Readable;
};

/** What is answered. */
export type RegistryAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer | Readable;
};

/** One operation. */
export type RegistryOperation = {
  readonly methods: readonly string[];
  /** Of the path without its query. */
  readonly path: RegExp;
  /** What a token must hold. @throws RegistryError when the path names nothing that could be there */
  needs(request: RegistryRequest): readonly Access[];
  answer(request: RegistryRequest, method: string): Promise<RegistryAnswer> | RegistryAnswer;
};

/** What has to be held in one repository. */
export function inRepository(name: string, ...actions: readonly string[]): readonly Access[] {
  return [{ type: "repository", name, actions }];
}

/** An answer in JSON, which ends with a line feed. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): RegistryAnswer {
  return {
    status: 200,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    // Not as text: fastify would add a character set to types that have none.
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}
