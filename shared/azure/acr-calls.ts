/** One call of a registry's content: its token, its tries, its share of the budget. Used by acr-content.ts. */
import { UpstreamError } from "../errors.ts";
import type { Attempt, Budget, CallKind } from "../purge/budget.ts";
import { type ContentNeed, type ContentToken, type GetContentToken, remedyFor } from "./acr-access.ts";
import type { ContentAnswer, ContentRequest, ContentTransport } from "./acr-transport.ts";
import type { RegistrySignIn } from "./registry-calls.ts";
import { isUnauthorized } from "./registry-sign-in.ts";
import { callAsConnector, UPSTREAM_TIMEOUT_MS } from "./upstream.ts";

/** A call. */
export type ContentCall<T> = {
  /** What is tried, for the message: `list the tags of a repository` */
  readonly what: string;
  readonly kind: CallKind;
  readonly need: ContentNeed;
  readonly request: ContentRequest;
  readonly signal: AbortSignal;
  /**
   * Reads the answer; undefined: it is a refusal.
   * @param mayBeDone an earlier try may have been carried out
   */
  understand(answer: ContentAnswer, mayBeDone: boolean): T | undefined;
};
/** @throws as RegistryContent */
export type CallContent = <T>(call: ContentCall<T>) => Promise<T>;

/**
 * How long one try of a deletion may take, in milliseconds: all tries of one, with the waits between them, end within the
 * 30 seconds for which its re-check is good, so that a registry that hangs fails it. One that comes late is found to be done.
 */
export const DELETION_MS = 5_000;
/** Failures that pass: the registry, or what stands before it, could not do it in time. */
const PASSING: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

/** Everything that a call needs of its registry. */
export function createCallContent(
  deps: { readonly budget: Budget; readonly tokens: GetContentToken; readonly transport: ContentTransport },
  at: RegistrySignIn,
): CallContent {
  return <T>({ what, kind, need, request, signal, understand }: ContentCall<T>) => {
    const remedy = remedyFor(at, need);
    const send = async (token: ContentToken, read: (answer: ContentAnswer) => T | undefined): Promise<T> => {
      const answer = await callAsConnector(
        `${what} in ${at.registry.registry}`,
        remedy,
        (limit) => withBoth(limit, signal, (both) => deps.transport.send(request, token.token, both, read)),
        kind === "delete" ? DELETION_MS : UPSTREAM_TIMEOUT_MS,
      );
      token.isTaken = true;
      return answer;
    };
    return deps.budget(kind, signal, async (mayBeDone): Promise<Attempt<T>> => {
      const read = (answer: ContentAnswer) => understand(answer, mayBeDone);
      let isSent = false;
      try {
        const token = await deps.tokens(need);
        isSent = true;
        try {
          return { kind: "done", value: await send(token, read) };
        } catch (error) {
          if (!isUnauthorized(error)) throw error;
        }
        // It was ended, or is worth less than it says: a new one, once.
        isSent = false;
        const renewed = await deps.tokens(need, token);
        isSent = true;
        return { kind: "done", value: await send(renewed, read) };
      } catch (error) {
        return failed(error, isSent);
      }
    });
  };
}

function failed(error: unknown, isSent: boolean): Attempt<never> {
  const failure = error instanceof UpstreamError ? error.failure : null;
  const waitMs =
    error instanceof UpstreamError && error.retryAfterSeconds !== null ? error.retryAfterSeconds * 1000 : null;
  if (failure?.status === 429) return { kind: "throttled", waitMs };
  const isPassing = failure !== null && (failure.status === null || PASSING.has(failure.status));
  return { kind: "failed", error, isPassing, mayBeDone: isSent, waitMs };
}

/** As AbortSignal.any, which keeps something of every call for as long as the longer signal lives. */
async function withBoth<T>(
  limit: AbortSignal,
  signal: AbortSignal,
  work: (both: AbortSignal) => Promise<T>,
): Promise<T> {
  const both = new AbortController();
  const end = () => both.abort(new DOMException("Ended.", "AbortError"));
  for (const one of [limit, signal]) one.addEventListener("abort", end, { once: true });
  try {
    if (limit.aborted || signal.aborted) end();
    return await work(both.signal);
  } finally {
    for (const one of [limit, signal]) one.removeEventListener("abort", end);
  }
}
