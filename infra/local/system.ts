/** Starts the whole local system: the emulated Azure and the Functions host. Called by start.ts, the demo and the tests. */
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type EmulatedAzure, type EmulatedAzureOptions, startEmulatedAzure } from "./emulated-azure.ts";
import { type FunctionsHost, startFunctionsHost } from "./functions-host.ts";

/** How to start a local system. */
export type LocalSystemOptions = EmulatedAzureOptions & {
  /** Folder of the Functions app (host.json, package.json), with its bundle built. */
  readonly appRoot: string;
  /** Added to the environment of the Functions host; wins over everything else. */
  readonly env?: Readonly<Record<string, string>>;
};

/** A local system that is ready. */
export type LocalSystem = EmulatedAzure & {
  /** Base address of the app, e.g. `http://127.0.0.1:7071`. */
  readonly apiUrl: string;
  /** File with all that the host and the app have written since `startLocalSystem`. */
  readonly hostLog: string;
  /** Ends the host if it runs and starts it anew, on the port that it had. */
  restartHost(): Promise<void>;
  /** Process of the Functions host as it runs now; 0 when it does not. */
  hostPid(): number;
  /** `kill -9`, for crash tests. */
  killHost(): Promise<void>;
};

/**
 * @throws StateFolderInUseError when another local system has the folder
 * @throws PortInUseError
 * @throws Error when the app does not start; the message holds the last lines of its log
 */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const azure = await startEmulatedAzure(options);
  const appRoot = resolve(options.appRoot);
  const hostLog = join(azure.stateDir, "host.log");
  let host: FunctionsHost | undefined;
  const startHost = async (port: number) => {
    const { stateDir, clientEnv, appEnv } = azure;
    const own = { NODE_COMPILE_CACHE: join(stateDir, "compile-cache"), ...options.env };
    const env = { ...process.env, ...clientEnv, ...appEnv, ...own };
    const started = await startFunctionsHost({ appRoot, port, stateDir, logFile: hostLog, env });
    void started.child.exited.then((exit) => started.child.isStopping() || options.onChildExit?.("host", exit));
    host = started;
    return started.url;
  };
  const stop = async () => {
    await host?.child.stop();
    await azure.stop();
  };
  try {
    rmSync(hostLog, { force: true });
    const apiUrl = await startHost(options.ports?.host ?? 0);
    return {
      ...azure,
      apiUrl,
      hostLog,
      async restartHost() {
        await host?.child.stop();
        await startHost(Number(new URL(apiUrl).port));
      },
      hostPid: () => host?.child.pid ?? 0,
      async killHost() {
        await host?.child.kill();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
