/** The local Functions host as a child process. Called by system.ts. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";
import { holdStateFolder } from "./state-lock.ts";

const MAIN = fileURLToPath(new URL("./host/main.ts", import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** A host that serves the app. */
export type FunctionsHost = {
  /** Base address, e.g. `http://127.0.0.1:7071`. */
  readonly url: string;
  readonly child: Child;
};

/**
 * @param options.port 0 takes a free one
 * @throws Error when the host ends before it is ready (a bad setting, a bundle that does not load), or takes too long
 */
export async function startFunctionsHost(options: {
  readonly appRoot: string;
  readonly port: number;
  readonly stateDir: string;
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<FunctionsHost> {
  const args = [
    "--app-root",
    options.appRoot,
    "--port",
    String(options.port),
    "--state",
    join(options.stateDir, "host"),
  ];
  const lastLines: string[] = [];
  const child = startChild([MAIN, ...args], {
    env: options.env,
    cwd: options.appRoot,
    logFile: options.logFile,
    onLine(line) {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
    },
  });
  holdStateFolder(options.stateDir, child.pid);
  let timer: NodeJS.Timeout | undefined;
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.process.on("message", (message: { type?: unknown; url?: unknown }) => {
        if (message.type === "ready" && typeof message.url === "string") resolve(message.url);
      });
      const fail = (why: string) =>
        reject(new Error(`The Functions host ${why}. Log: ${options.logFile}\n${lastLines.join("\n")}`));
      timer = setTimeout(() => fail(`is not ready after ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS);
      void child.exited.then(({ code, signal }) => fail(`ended while starting (${signal ?? `exit code ${code}`})`));
    });
    return { url, child };
  } catch (error) {
    await child.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
