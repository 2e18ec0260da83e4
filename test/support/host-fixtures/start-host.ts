/** Starts the Functions host on an app as a real child process, for contract tests. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

const MAIN = new URL("../../../infra/local/host/main.ts", import.meta.url);

export type RunningHost = {
  readonly url: string;
  readonly child: ChildProcess;
  /** Lines of standard output so far: the JSON log. */
  readonly log: () => { level: string; category: string; message: string; [member: string]: unknown }[];
  /** Standard error so far: the list of functions and what went wrong. */
  readonly errors: () => string;
  /** Ends the process and gives its exit code; null after a signal that it did not handle. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};
/** The host ended before it was ready. */
export type FailedHost = { readonly exitCode: number | null; readonly errors: string };

/** Starts the host on a free port, unless `port` is given. */
export async function startHost(options: {
  appRoot: string;
  stateDir: string;
  port?: number;
  env?: Record<string, string>;
  args?: readonly string[];
}): Promise<RunningHost | FailedHost> {
  const { appRoot, stateDir, port = 0 } = options;
  const args = ["--app-root", appRoot, "--port", String(port), "--state", stateDir, ...(options.args ?? [])];
  const child = fork(MAIN, args, { silent: true, env: { PATH: process.env.PATH, ...options.env } });
  let out = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const closed = once(child, "close");
  const url = await new Promise<string | undefined>((resolve) => {
    child.once("message", (message) => resolve((message as { url: string }).url));
    closed.then(() => resolve(undefined));
  });
  if (url === undefined) return { exitCode: child.exitCode, errors };
  return {
    url,
    child,
    errors: () => errors,
    log: () =>
      out
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line)),
    async end(signal) {
      if (signal) child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}

/** For tests in which a host that does not start is a failure. */
export async function mustStartHost(options: Parameters<typeof startHost>[0]): Promise<RunningHost> {
  const host = await startHost(options);
  if (!("url" in host)) throw new Error(`The host ended with ${host.exitCode}: ${host.errors}`);
  return host;
}
