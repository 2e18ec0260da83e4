/** Structured log of the local Functions host: one JSON line an event. Made by main.ts, used by every file of the host. */

/** Levels as `host.json` and Application Insights name them, lowest first. */
const LEVELS = ["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** What is logged when `host.json` says nothing (the real host's default). */
const DEFAULT_LEVEL: LogLevel = "Information";

/**
 * One event. It may name a function, an invocation, a status and a duration, never headers, bodies or queries:
 * those carry tokens.
 */
export type LogEntry = {
  readonly level: LogLevel;
  /** .NET style, e.g. `Function.health`, `Function.health.User`, `Host.Startup`. */
  readonly category: string;
  readonly message: string;
  readonly function?: string;
  readonly invocationId?: string;
  readonly status?: number;
  readonly durationMs?: number;
  /** Stack of the error that was thrown. */
  readonly exception?: string;
};
export type Log = (entry: LogEntry) => void;

/** Reads a level in any case; `undefined` when it is none. */
export function parseLevel(text: unknown): LogLevel | undefined {
  return LEVELS.find((level) => typeof text === "string" && level.toLowerCase() === text.toLowerCase());
}

/**
 * @param deps.write gets one line, without the line end
 * @param deps.levels lowest level by category prefix; the longest prefix that fits wins, `default` is for the rest
 */
export function createLog(deps: {
  write: (line: string) => void;
  levels: Readonly<Record<string, LogLevel>>;
  now: () => Date;
}): Log {
  const lowest = (category: string): LogLevel => {
    const prefixes = Object.keys(deps.levels).filter((prefix) => category.startsWith(prefix));
    const longest = prefixes.sort((a, b) => b.length - a.length)[0];
    return deps.levels[longest ?? "default"] ?? DEFAULT_LEVEL;
  };
  return (entry) => {
    if (entry.level === "None" || LEVELS.indexOf(entry.level) < LEVELS.indexOf(lowest(entry.category))) return;
    deps.write(JSON.stringify({ time: deps.now().toISOString(), ...entry }));
  };
}

/** Stack of what was thrown, or its text: anything can be thrown. */
export function exceptionText(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.stack ?? `${thrown.name}: ${thrown.message}`;
  return typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown));
}
