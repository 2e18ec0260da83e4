/** Answers that no service of Azure gives: empty, cut off, a page of something in between. Put into every client by client-options.ts. */
import type { PipelinePolicy, PipelineRequest, PipelineResponse } from "@azure/core-rest-pipeline";

/** An answer that is none is treated as this, whatever status it bears: a gateway in between. */
const BAD_GATEWAY = 502;
/** What these say holds without a body. A "not there" (404) or "in the way" (409) of a stranger would be taken for a fact. */
const SAY_ENOUGH: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/** The service, or something in its place, sent what nobody can read. */
export class BrokenAnswerError extends Error {
  override readonly name = "BrokenAnswerError";
  readonly statusCode: number;
  /** The Retry-After header, as it was sent. Not in a `response`, into which the SDKs would look for more. */
  readonly retryAfter: string | undefined;
  constructor({ status, headers }: Pick<Answer, "status" | "headers">) {
    super(`an answer of status ${status} that cannot be read`);
    this.statusCode = SAY_ENOUGH.has(status) || status >= 500 ? status : BAD_GATEWAY;
    this.retryAfter = headers.get("retry-after");
  }
}

/** For ARM, Key Vault, tables and registries, which speak JSON. Outside of the retries: what a try met is not the last word. */
export const refuseBrokenJson: PipelinePolicy = {
  name: "refuseBrokenJson",
  async sendRequest(request, next) {
    const refuse = (response: Answer): void => {
      if (isBroken(request, response)) throw new BrokenAnswerError(response);
    };
    let response: PipelineResponse;
    try {
      response = await next(request);
    } catch (error) {
      // Clients that read the answer by themselves have an error of their own for what they could not read.
      const answered = error instanceof Error ? Reflect.get(error, "response") : undefined;
      if (isAnswered(answered)) refuse(answered);
      throw error;
    }
    refuse(response);
    return response;
  },
};

/**
 * Waits for code of an SDK alone, for clients that take no policy: what it stumbles over is the answer.
 * @throws BrokenAnswerError
 */
export async function readable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError)) throw error;
    throw new BrokenAnswerError({ status: BAD_GATEWAY, headers: new Map() });
  }
}

type Answer = {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly bodyAsText?: string | null | undefined;
};

function isBroken({ method, url }: PipelineRequest, { status, headers, bodyAsText }: Answer): boolean {
  const text = bodyAsText ?? "";
  // 304 and the like are between the client and the service.
  if (status >= 300 && status < 400) return false;
  const isDone = status < 300;
  if (isDone && headers.get("content-type")?.startsWith("multipart/")) return false;
  // What was made or deleted is not always sent back; ARM says 200 without a body to a POST and to a DELETE, a vault does not.
  if (isDone && text === "") return status === 200 && method !== "POST" && !(method === "DELETE" && isOfArm(url));
  const body = objectOf(text);
  if (body === null) return true;
  if (!isDone) return ERROR_MEMBERS.every((name) => !(name in body));
  return method !== "POST" && !isReadable(body);
}

/** Paths of ARM's resources begin like this, and no other service's. */
function isOfArm(url: string): boolean {
  return new URL(url).pathname.startsWith("/subscriptions/");
}

/** Where these services say what is wrong: ARM and Key Vault, older parts of ARM, tables, registries. */
const ERROR_MEMBERS = ["error", "code", "odata.error", "errors"] as const;

/** A secret or resource, a list of objects, a row, or a login of a registry: what is read of these services. */
function isReadable(body: object): boolean {
  const value: unknown = Reflect.get(body, "value");
  if (Array.isArray(value)) return value.every((item) => typeof item === "object" && item !== null);
  // Names of repositories: a registry without any has no list of them.
  const names: unknown = Reflect.get(body, "repositories");
  if (names === null || Array.isArray(names)) return true;
  return ["id", "PartitionKey", "username"].some((name) => typeof Reflect.get(body, name) === "string");
}

function objectOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** What the SDK's own errors bear. */
function isAnswered(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && "status" in value && "headers" in value;
}
