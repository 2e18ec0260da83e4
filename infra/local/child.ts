/** Child processes of the local system: Azurite and the Functions host. Called by azurite.ts and functions-host.ts. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

const END_WITH_PARENT = new URL("./end-with-parent.ts", import.meta.url).href;
/** A child that does not end on SIGTERM in this time is killed. */
const STOP_TIMEOUT_MS = 5_000;

/** How a child ended: exactly one of the two is set. */
export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A running Node child whose output goes to a file. */
export type Child = {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Settles when the process has ended, asked or not. */
  readonly exited: Promise<ChildExit>;
  /** True once `stop` or `kill` was called: an exit before that is a failure. */
  isStopping(): boolean;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/**
 * Starts `node ARGS` with output appended to `logFile`.
 * @param options.env the whole environment of the child
 * @param options.onLine called with each line of standard output and standard error
 */
export function startChild(
  args: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly logFile: string;
    readonly onLine?: (line: string) => void;
  },
): Child {
  const log = createWriteStream(options.logFile, { flags: "a", mode: 0o600 });
  const child = spawn(process.execPath, ["--import", END_WITH_PARENT, ...args], {
    env: options.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // Its own process group: Ctrl-C in a terminal reaches the parent alone, which stops children in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      log.write(`${line}\n`);
      options.onLine?.(line);
    });
  }
  const exited = new Promise<ChildExit>((resolve) => {
    child.once("error", () => resolve({ code: null, signal: null }));
    child.once("close", (code, signal) => {
      log.end();
      resolve({ code, signal });
    });
  });
  let stopping = false;
  const end = async (signal: NodeJS.Signals) => {
    stopping = true;
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  return {
    process: child,
    pid: child.pid ?? 0,
    exited,
    isStopping: () => stopping,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}
