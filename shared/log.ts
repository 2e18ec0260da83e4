/** Structured log lines with an allow-list of fields: what is not on it is not written. */

/** Where lines go; the Functions invocation context is one. */
export type LogSink = { info(line: string): void; warn(line: string): void; error(line: string): void };

/** The only fields a line may have. None can hold a secret, a token, a request body or a URL with a query. */
export type LogFields = {
  readonly function?: string;
  readonly status?: number;
  readonly code?: string;
  readonly milliseconds?: number;
  readonly correlationId?: string;
  readonly principalHash?: string;
  readonly connector?: string;
  readonly leaseId?: string;
  readonly resourceId?: string;
  /** Where a defect was thrown: functions and places of the stack, without the message. */
  readonly frames?: string;
  /** Name of a class of errors, e.g. `RestError`; never its message. */
  readonly errorName?: string;
  readonly upstreamCode?: string;
  readonly upstreamStatus?: number;
  /** Leases: what the sweep made of those that were due. */
  readonly removed?: number;
  readonly later?: number;
  readonly irrevocable?: number;
  /** Purges: how many the timer started, and drove on. */
  readonly started?: number;
  readonly restarted?: number;
};
const ALLOWED: ReadonlySet<string> = new Set<keyof LogFields>([
  "function",
  "status",
  "code",
  "milliseconds",
  "correlationId",
  "principalHash",
  "connector",
  "leaseId",
  "resourceId",
  "frames",
  "errorName",
  "upstreamCode",
  "upstreamStatus",
  "removed",
  "later",
  "irrevocable",
  "started",
  "restarted",
]);

/** Writes events named `area.happened`. */
export type Log = {
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
};

/** A log whose every line is one JSON object. */
export function createLog(sink: LogSink): Log {
  const line = (event: string, fields: LogFields) =>
    JSON.stringify({ event, ...Object.fromEntries(Object.entries(fields).filter(([name]) => ALLOWED.has(name))) });
  return {
    info: (event, fields) => sink.info(line(event, fields)),
    warn: (event, fields) => sink.warn(line(event, fields)),
    error: (event, fields) => sink.error(line(event, fields)),
  };
}
