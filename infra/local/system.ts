/** Starts the whole local system in this process. Called by start.ts, the demo and the tests. */
import { join, resolve } from "node:path";
import { type Azurite, startAzurite } from "./azurite.ts";
import { openCertificates } from "./certificates.ts";
import type { ChildExit } from "./child.ts";
import { startConnectProxy } from "./connect-proxy.ts";
import { startControl } from "./control.ts";
import { createFaults } from "./faults.ts";
import { createFront } from "./front.ts";
import { type FunctionsHost, startFunctionsHost } from "./functions-host.ts";
import { createRequestLog } from "./request-log.ts";
import { loadSeed, type Seed } from "./seed.ts";
import { createServices } from "./services.ts";
import { openStateStore } from "./state.ts";
import { lockStateFolder } from "./state-lock.ts";

/** Ports on 127.0.0.1; 0 takes a free one. */
export type Ports = { readonly host: number; readonly proxy: number; readonly control: number };

/** How to start a local system. */
export type LocalSystemOptions = {
  /** Folder of everything that survives a restart. Only one local system at a time can use it. */
  readonly stateDir: string;
  /** Each port that is left out is a free one. */
  readonly ports?: Partial<Ports>;
  /** False: the local Azure alone. Default true. */
  readonly withHost?: boolean;
  /** Folder of the Functions app (host.json, package.json). Needed with the host. */
  readonly appRoot?: string;
  /** Added to the environment of the Functions host; wins over everything else. */
  readonly hostEnv?: Readonly<Record<string, string>>;
  /** Told when Azurite or the Functions host ends although nobody asked it to. */
  readonly onChildExit?: (name: "azurite" | "host", exit: ChildExit) => void;
};

/** A local system that is ready. */
export type LocalSystem = {
  /** Base address of the app, e.g. `http://127.0.0.1:7071`; undefined without the host. */
  readonly apiUrl: string | undefined;
  readonly proxyUrl: string;
  readonly controlUrl: string;
  readonly caFile: string;
  /** PEM text of the authority. */
  readonly ca: string;
  readonly seed: Seed;
  /** Environment variables that send a client (curl, az, Python, Node) to the local Azure. */
  readonly clientEnv: Readonly<Record<string, string>>;
  readonly logs: { readonly azurite: string; readonly host: string };
  /** Ends the host if it runs and starts it anew, on the port that it had. */
  restartHost(): Promise<void>;
  /** `kill -9`, for crash tests. */
  killHost(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * @throws StateFolderInUseError when another local system has the folder
 * @throws Error with code EADDRINUSE and the port when a port is taken
 */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const stateDir = resolve(options.stateDir);
  const seed = loadSeed();
  const lock = lockStateFolder(stateDir);
  // What was started, to be ended in the other order, also when a later step fails.
  const ends: (() => Promise<void>)[] = [async () => lock.release()];
  const stop = async () => {
    for (;;) {
      const end = ends.pop();
      if (!end) return;
      await end();
    }
  };
  try {
    return await start(options, stateDir, seed, ends, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: LocalSystemOptions,
  stateDir: string,
  seed: Seed,
  ends: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<LocalSystem> {
  const now = () => new Date();
  const { ports = {}, onChildExit } = options;
  const state = openStateStore(join(stateDir, "state"));
  const certificates = await openCertificates(join(stateDir, "certificates"), now);
  const azurite: Azurite = await startAzurite({ seed, state, stateDir, certificates });
  ends.push(() => azurite.child.stop());
  void azurite.child.exited.then((exit) => azurite.child.isStopping() || onChildExit?.("azurite", exit));

  const services = await createServices({ seed, state, azurite, ca: certificates.ca, now });
  const log = createRequestLog();
  const faults = createFaults({ log, now });
  const front = createFront(services, certificates, faults.intercept);
  ends.push(() => front.close());
  const proxy = await startConnectProxy(front, ports.proxy ?? 0);
  ends.push(() => proxy.close());
  const control = await startControl({ faults, log, services: services.map(({ name }) => name) }, ports.control ?? 0);
  ends.push(() => control.close());

  const clientEnv = clientEnvironment(proxy.url, certificates.caFile);
  const logs = { azurite: join(stateDir, "azurite.log"), host: join(stateDir, "host.log") };
  let host: FunctionsHost | undefined;
  const startHost = async (port: number) => {
    if (options.appRoot === undefined) throw new TypeError("appRoot is needed to start the Functions host");
    const env = {
      ...process.env,
      ...clientEnv,
      NODE_COMPILE_CACHE: join(stateDir, "compile-cache"),
      ...options.hostEnv,
    };
    const started = await startFunctionsHost({ appRoot: options.appRoot, port, stateDir, logFile: logs.host, env });
    void started.child.exited.then((exit) => started.child.isStopping() || onChildExit?.("host", exit));
    host = started;
    return started;
  };
  ends.push(async () => host?.child.stop());
  const apiUrl = options.withHost === false ? undefined : (await startHost(ports.host ?? 0)).url;

  return {
    apiUrl,
    proxyUrl: proxy.url,
    controlUrl: control.url,
    caFile: certificates.caFile,
    ca: certificates.ca,
    seed,
    clientEnv,
    logs,
    async restartHost() {
      await host?.child.stop();
      await startHost(apiUrl === undefined ? (ports.host ?? 0) : Number(new URL(apiUrl).port));
    },
    async killHost() {
      await host?.child.kill();
    },
    stop,
  };
}

/** Each variable is read by another kind of client; those that are read by several are set once. */
function clientEnvironment(proxyUrl: string, caFile: string): Record<string, string> {
  return {
    HTTPS_PROXY: proxyUrl,
    NO_PROXY: "127.0.0.1,localhost",
    NODE_EXTRA_CA_CERTS: caFile,
    // Node's own fetch looks at HTTPS_PROXY only when told to; the Azure SDKs always do.
    NODE_USE_ENV_PROXY: "1",
    CURL_CA_BUNDLE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
  };
}
