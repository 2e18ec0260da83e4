/** `npm start`: builds the app and runs the whole local system until Ctrl-C. */
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import picocolors from "picocolors";
import { banner } from "./banner.ts";
import type { ChildExit } from "./child.ts";
import { type EmulatedAzure, startEmulatedAzure } from "./emulated-azure.ts";
import { DEFAULT_PORTS, PortInUseError, type Ports } from "./ports.ts";
import { StateFolderInUseError } from "./state-lock.ts";
import { startLocalSystem } from "./system.ts";

const APP_ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEFAULT_STATE_DIR = fileURLToPath(new URL("../../.local", import.meta.url));
const FLAGS: Readonly<Record<keyof Ports, string>> = {
  host: "port",
  proxy: "proxy-port",
  control: "control-port",
  identity: "identity-port",
};

const USAGE = `npm start -- [options]
  --port N           port of the API (default ${DEFAULT_PORTS.host}; 0 takes a free one, also below)
  --proxy-port N     port of the CONNECT proxy (default ${DEFAULT_PORTS.proxy})
  --control-port N   port of the control endpoint (default ${DEFAULT_PORTS.control})
  --identity-port N  port of the managed identity endpoint (default: a free one)
  --state-dir DIR    where state is kept (default .local)
  --without-host     the local Azure alone, for use with func start
`;

const PARENT_CHECK_MS = 500;

type Options = { readonly ports: Ports; readonly stateDir: string; readonly withHost: boolean };

/** @throws TypeError for an unknown flag or a port out of range */
function readOptions(): Options | "help" {
  const port = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      port,
      "proxy-port": port,
      "control-port": port,
      "identity-port": port,
      "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
      "without-host": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const portOf = (server: keyof Ports, text: string | undefined) => {
    const number = text === undefined ? DEFAULT_PORTS[server] : Number(text);
    if (text === "" || !Number.isInteger(number) || number < 0 || number > 65_535) {
      throw new TypeError(`--${FLAGS[server]} takes a number from 0 to 65535, not "${text}"`);
    }
    return number;
  };
  return {
    ports: {
      host: portOf("host", values.port),
      proxy: portOf("proxy", values["proxy-port"]),
      control: portOf("control", values["control-port"]),
      identity: portOf("identity", values["identity-port"]),
    },
    stateDir: values["state-dir"],
    withHost: !values["without-host"],
  };
}

async function run(options: Options): Promise<void> {
  const began = performance.now();
  let running: EmulatedAzure | undefined;
  const stop = async (exitCode: number) => {
    // Before all is up there is nothing to save: children end with this process.
    await running?.stop();
    process.exit(exitCode);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void stop(0));
  // npm runs scripts through a shell that does not pass SIGTERM on: when it is gone, so is whoever started us.
  const parent = process.ppid;
  const orphaned = () => process.ppid !== parent && void stop(0);
  if (process.env.npm_lifecycle_event !== undefined) setInterval(orphaned, PARENT_CHECK_MS);
  const onChildExit = (name: "azurite" | "host", { code, signal }: ChildExit) => {
    const what = name === "host" ? "The Functions host" : "Azurite";
    console.error(
      `${what} ended (${signal ?? `exit code ${code}`}). Its output is in ${options.stateDir}/${name}.log.`,
    );
    void stop(1);
  };
  const { stateDir, ports } = options;
  if (options.withHost) {
    // Loaded here: the bundler is slow to load and not needed for the local Azure alone.
    const { buildBundle } = await import("../../scripts/build.ts");
    await buildBundle();
    const system = await startLocalSystem({ stateDir, ports, appRoot: APP_ROOT, onChildExit });
    running = system;
    console.log(banner(system, system, secondsSince(began), picocolors.bold));
  } else {
    running = await startEmulatedAzure({ stateDir, ports: { ...ports, host: 0 }, onChildExit });
    console.log(banner(running, undefined, secondsSince(began), picocolors.bold));
  }
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}

/** What to do about it, where there is something to do; else the message. */
function explain(error: unknown): string {
  if (error instanceof PortInUseError) {
    return `Port ${error.port} is taken by another program. End it, or choose another port: npm start -- --${FLAGS[error.server]} N`;
  }
  if (error instanceof StateFolderInUseError) {
    return `A local system already runs on ${error.folder} (process ${error.pid}). Stop it, or use another folder: npm start -- --state-dir DIR`;
  }
  if (error instanceof TypeError && "code" in error) return `${error.message}\n\n${USAGE}`;
  return error instanceof Error ? error.message : String(error);
}

try {
  const options = readOptions();
  if (options === "help") console.log(USAGE);
  else await run(options);
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
