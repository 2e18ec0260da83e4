/** One call of a registry's content: its token, its tries, its share of the budget. Used by acr-content.ts. */
import { UpstreamError } from "../errors.ts";
import { withBoth } from "../joined-signals.ts";
import type { Attempt, Budget, CallKind } from "../purge/budget/budget.ts";
import { CHANGE_TRY_MS, type MayStillSend, TooLateError } from "../purge/may-still-send.ts";
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
  /** Of a change; left out: at any time. */
  readonly mayStillSend?: MayStillSend | undefined;
  /**
   * Reads the answer; undefined: it is a refusal.
   * @param mayBeDone an earlier try may have been carried out
   */
  understand(answer: ContentAnswer, mayBeDone: boolean): T | undefined;
};
/** @throws as RegistryContent */
export type CallContent = <T>(call: ContentCall<T>) => Promise<T>;

/** Failures that pass: the registry, or what stands before it, could not do it in time. */
const PASSING: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

const CHANGES: ReadonlySet<CallKind> = new Set(["delete", "write"]);
const always: MayStillSend = () => true;

/** Everything that a call needs of its registry. */
export function createCallContent(
  deps: { readonly budget: Budget; readonly tokens: GetContentToken; readonly transport: ContentTransport },
  at: RegistrySignIn,
): CallContent {
  return <T>({ what, kind, need, request, signal, mayStillSend = always, understand }: ContentCall<T>) => {
    const remedy = remedyFor(at, need);
    const send = async (token: ContentToken, read: (answer: ContentAnswer) => T | undefined): Promise<T> => {
      // The token may have taken long.
      if (!mayStillSend()) throw new TooLateError();
      const answer = await callAsConnector(
        `${what} in ${at.registry.registry}`,
        remedy,
        (limit) => withBoth(limit, signal, (both) => deps.transport.send(request, token.token, both, read)),
        CHANGES.has(kind) ? CHANGE_TRY_MS : UPSTREAM_TIMEOUT_MS,
      );
      token.isTaken = true;
      return answer;
    };
    const attempt = async (mayBeDone: boolean): Promise<Attempt<T>> => {
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
    };
    return deps.budget(kind, signal, attempt, mayStillSend);
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
