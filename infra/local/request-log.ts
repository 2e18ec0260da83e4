/** What the emulated services were asked, without secrets: read through control.ts, so that tests count calls. */
import { type IncomingMessage, METHODS } from "node:http";

/** Older entries are dropped: an emulator that runs for weeks must not grow. */
export const REQUEST_LOG_LIMIT = 10_000;

/** Query values that say which operation it is. Every other value may be a secret (a signature, a token). */
const SHOWN_QUERY_VALUES = new Set(["api-version", "comp", "restype", "maxresults"]);
const HIDDEN = "*";

/** One request. `query` holds every name; values that could be secret are `*`. */
export type LoggedRequest = {
  readonly at: string;
  readonly service: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Status sent; null when the connection ended without an answer. */
  readonly status: number | null;
  /** Milliseconds from the request's head to the end of the answer. */
  readonly ms: number;
  /** Ids of the fault rules that were applied. */
  readonly faults: readonly string[];
};

/** The newest requests, oldest first. */
export type RequestLog = {
  add(entry: LoggedRequest): void;
  list(): readonly LoggedRequest[];
  clear(): void;
};

export function createRequestLog(limit = REQUEST_LOG_LIMIT): RequestLog {
  let entries: LoggedRequest[] = [];
  return {
    add(entry) {
      entries.push(entry);
      // Cut in large steps: one shift a request would copy the whole list each time.
      if (entries.length >= 2 * limit) entries = entries.slice(-limit);
    },
    list: () => entries.slice(-limit),
    clear() {
      entries = [];
    },
  };
}

/** The part of an entry that the request itself says. */
export function describeRequest(request: IncomingMessage): Pick<LoggedRequest, "method" | "path" | "query"> {
  const [path = "/", search = ""] = splitTarget(request.url ?? "/");
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    query[name] = SHOWN_QUERY_VALUES.has(name.toLowerCase()) ? value : HIDDEN;
  }
  const method = request.method ?? "";
  return { method: METHODS.includes(method) ? method : "?", path, query };
}

function splitTarget(target: string): [string, string] {
  const mark = target.indexOf("?");
  return mark === -1 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}
