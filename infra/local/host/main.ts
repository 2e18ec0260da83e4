/**
 * Local Azure Functions v4 host for an unmodified Node app: HTTP, timer and durable triggers.
 * `node infra/local/host/main.ts --app-root DIR --port N --state DIR [--settings FILE] [--log FILE]`, started by npm start.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, openSync, writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { format, parseArgs } from "node:util";
import { createAdminApi } from "./admin-api.ts";
import { loadApp } from "./app-loader.ts";
import { type CoreModule, createCoreModule, hookContext, installCoreModule } from "./core-module.ts";
import { hubName } from "./durable/connect-table.ts";
import { type DurableHost, EXTENSION_KEY, isDurable, openDurableHost } from "./durable/durable-host.ts";
import { indexFunctions } from "./function-index.ts";
import { createHttpHost, type HttpHost } from "./http-server.ts";
import { createInvoker } from "./invocation.ts";
import { openKeys } from "./keys.ts";
import { describeFunctions } from "./listing.ts";
import { createLog, exceptionText, type Log } from "./log.ts";
import {
  applyAppSettings,
  applyPlatformSettings,
  readAppSettings,
  readHostSettings,
  requestBodyLimit,
} from "./settings.ts";
import { openTimerMonitor } from "./timer-monitor.ts";
import { manualTimerData, startTimers, type Timers } from "./timers.ts";

/** What the app sees as host version: informational; the newest that the Functions library asks for anywhere. */
const HOST_VERSION = "4.28.0";
/** Milliseconds for open requests and timer runs after SIGTERM, and then for the appTerminate hooks. */
const DRAIN_MS = 3_000;
const TERMINATE_HOOK_MS = 1_000;

const LEVEL_OF_CONSOLE = { debug: "Debug", log: "Information", info: "Information", warn: "Warning", error: "Error" };

function readArguments() {
  const text = { type: "string" } as const;
  const options = { "app-root": text, port: text, state: text, settings: text, log: text } as const;
  const { values } = parseArgs({ options });
  const port = Number(values.port);
  if (!values["app-root"] || !values.state || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error("Usage: main.ts --app-root DIR --port N --state DIR [--settings FILE] [--log FILE]");
  }
  return {
    appRoot: resolve(values["app-root"]),
    state: resolve(values.state),
    port,
    settings: values.settings && resolve(values.settings),
    logFile: values.log && resolve(values.log),
  };
}

/** What the app writes to the console becomes log lines, as the real host does it. */
function captureConsole(log: Log): void {
  for (const [method, level] of Object.entries(LEVEL_OF_CONSOLE)) {
    const write = (...args: unknown[]) =>
      log({ level: level as "Information", category: "Host.Function.Console", message: format(...args) });
    Object.defineProperty(console, method, { value: write, configurable: true, writable: true });
  }
}

const bounded = (work: Promise<unknown>, ms: number): Promise<unknown> =>
  Promise.race([work, new Promise((done) => setTimeout(done, ms).unref())]);

/** A stray error ends the real worker process; nothing is known about the state of the app after it. */
function exitOnStrayErrors(log: Log, http: () => HttpHost | undefined): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      const message = `The app left an error unhandled (${event}): the host ends.`;
      log({ level: "Critical", category: "Host.General", message, exception: exceptionText(error) });
      process.stderr.write(`${message}\n${exceptionText(error)}\n`);
      http()?.failOpenRequests();
      // One turn of the loop, so that the replies leave.
      setImmediate(() => process.exit(1));
    });
  }
}

function stopOnSignals(deps: {
  log: Log;
  core: CoreModule;
  http: HttpHost;
  timers: Timers;
  durable: DurableHost | undefined;
  idle: () => Promise<void>;
}) {
  const { log, core } = deps;
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log({ level: "Information", category: "Host.General", message: `${signal}: finishing what is open.` });
    deps.timers.stop();
    deps.durable?.stop();
    const closed = new Promise((done) => deps.http.server.once("close", done));
    deps.http.drain();
    const idle = deps.idle().then(() => {
      deps.http.close();
      return deps.durable?.idle();
    });
    await bounded(Promise.all([idle, closed]), DRAIN_MS);
    const context = hookContext({ hookData: {}, appHookData: core.appHookData }, {});
    await bounded(core.runHooks("appTerminate", context), TERMINATE_HOOK_MS).catch((error: unknown) =>
      log({
        level: "Error",
        category: "Host.General",
        message: "An appTerminate hook failed.",
        exception: exceptionText(error),
      }),
    );
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
}

async function start(): Promise<void> {
  const options = readArguments();
  const environment = process.env;
  applyAppSettings(environment, readAppSettings(options.appRoot, options.settings));
  applyPlatformSettings(environment, options.appRoot);
  if (options.port !== 0) environment.WEBSITE_HOSTNAME = `127.0.0.1:${options.port}`;
  const settings = readHostSettings(options.appRoot);
  mkdirSync(options.state, { recursive: true, mode: 0o700 });

  const logDescriptor = options.logFile ? openSync(options.logFile, "a", 0o600) : undefined;
  const write = (line: string) =>
    logDescriptor === undefined ? process.stdout.write(`${line}\n`) : writeSync(logDescriptor, `${line}\n`);
  const log = createLog({ write, levels: settings.logLevels, now: () => new Date() });
  let http: HttpHost | undefined;
  captureConsole(log);
  exitOnStrayErrors(log, () => http);

  const core = createCoreModule({ log, version: HOST_VERSION });
  installCoreModule(core.api);
  process.chdir(options.appRoot);
  await loadApp({ appRoot: options.appRoot, core, log });
  const { functions, problems } = indexFunctions(core.registered(), {
    routePrefix: settings.routePrefix,
    timeZone: environment.WEBSITE_TIME_ZONE || "UTC",
    setting: (name) => environment[name],
  });
  for (const { name, problem } of problems) {
    const message = `The '${name}' function is in error: ${problem}`;
    log({ level: "Error", category: "Host.Startup", function: name, message });
  }

  const clock = () => new Date();
  let durable: DurableHost | undefined;
  const clientPayload = () => durable?.clientPayload() ?? "";
  const timeoutMs = settings.functionTimeoutMs;
  const invoker = createInvoker({ core, timeoutMs, log, now: clock, newId: randomUUID, clientPayload });
  const httpNames = functions.filter((f) => f.kind === "http").map((f) => f.name);
  const keys = openKeys(options.state, httpNames);
  const monitor = openTimerMonitor(options.state);
  const { invoke } = invoker;
  const admin = createAdminApi({
    functions,
    invoke,
    timerData: (timer) => manualTimerData(timer, monitor, Date.now()),
    version: HOST_VERSION,
    uptimeMs: () => process.uptime() * 1_000,
  });
  if (functions.some(isDurable)) {
    const hub = hubName(settings.hubName, environment.WEBSITE_SITE_NAME);
    const key = keys.extensionKey(EXTENSION_KEY);
    const place = () => ({ origin: `http://${environment.WEBSITE_HOSTNAME}`, hub, key });
    const connection = environment.AzureWebJobsStorage;
    durable = await openDurableHost({ functions, invoke, connection, hub, place, log });
  }
  http = createHttpHost({ functions, admin, keys, invoke, durable, bodyLimit: requestBodyLimit(environment), log });
  await new Promise<void>((done, fail) => {
    http?.server.once("error", fail).listen(options.port, "127.0.0.1", done);
  });
  const url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
  environment.WEBSITE_HOSTNAME = new URL(url).host;
  const timerFunctions = functions.filter((f) => f.kind === "timer");
  const timers = startTimers(timerFunctions, { invoke, monitor, log, now: Date.now });
  durable?.start();
  stopOnSignals({ log, core, http, timers, durable, idle: invoker.idle });

  log({ level: "Information", category: "Host.Startup", message: `Host started (${functions.length} functions)` });
  // Standard output is for the log, unless that goes to a file.
  const listing = options.logFile ? process.stdout : process.stderr;
  listing.write(describeFunctions({ functions, problems, url, keysFile: keys.file }));
  process.send?.({ type: "ready", url });
}

start().catch((error: unknown) => {
  const cause = error instanceof Error && error.cause !== undefined ? `\n${exceptionText(error.cause)}` : "";
  const text = error instanceof Error ? error.message : exceptionText(error);
  process.stderr.write(`The Functions host cannot start: ${text}${cause}\n`);
  process.exit(1);
});
