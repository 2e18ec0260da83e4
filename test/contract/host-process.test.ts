/** The local Functions host as a real process: app forms, timers, restarts, crashes, broken apps. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, expect, it } from "vitest";
import {
  CJS_APP,
  ESM_APP_MAIN,
  jsonLines,
  keysOf,
  temporaryFolders,
  until,
  writeApp,
} from "../support/host-fixtures/sandbox.ts";
import { mustStartHost, type RunningHost, startHost } from "../support/host-fixtures/start-host.ts";

const newFolder = temporaryFolders();
const running: RunningHost[] = [];
async function host(options: Partial<Parameters<typeof startHost>[0]> = {}): Promise<RunningHost> {
  const started = await mustStartHost({ appRoot: CJS_APP, stateDir: newFolder(), ...options });
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const one of running.splice(0)) if (one.child.exitCode === null) await one.end("SIGKILL");
});

it("ESM bundle: an app bundled as the product is works the same", async () => {
  const appRoot = newFolder();
  writeFileSync(join(appRoot, "package.json"), JSON.stringify({ type: "module", main: "dist/main.mjs" }));
  writeFileSync(
    join(appRoot, "host.json"),
    JSON.stringify({ version: "2.0", extensions: { http: { routePrefix: "" } } }),
  );
  await build({
    entryPoints: [ESM_APP_MAIN],
    outfile: join(appRoot, "dist/main.mjs"),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node24",
    external: ["@azure/functions-core"],
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "silent",
  });
  const { url, log } = await host({ appRoot });
  expect(await (await fetch(`${url}/hello/you`)).json()).toEqual({ hello: "you" });
  expect(log().some((line) => line.category === "Function.hello.User")).toBe(true);
});

it("SIGTERM: an open request ends, a further one is not taken, exit code 0", async () => {
  const one = await host();
  const open = fetch(`${one.url}/api/slow/1500`);
  await until("the invocation", () => one.log().find((line) => line.function === "slow"));
  const ended = one.end("SIGTERM");
  const response = await open;
  expect([response.status, await response.text()]).toEqual([200, "slow"]);
  expect(await ended).toBe(0);
  await expect(fetch(`${one.url}/api/nothing`)).rejects.toThrow();
});

it("stray rejection: open requests get 500 and the host ends with 1 and says why", async () => {
  const one = await host();
  const open = fetch(`${one.url}/api/slow/60000`);
  await until("the invocation", () => one.log().find((line) => line.function === "slow"));
  const [slow, stray] = await Promise.all([open, fetch(`${one.url}/api/stray`)]);
  expect([slow.status, stray.status]).toEqual([500, 500]);
  expect(await one.end()).toBe(1);
  expect(one.errors()).toContain("stray-marker");
  expect(one.log().some((line) => line.level === "Critical")).toBe(true);
});

it("kill -9: keys and timer state survive, nothing half-written is read", async () => {
  const stateDir = newFolder();
  const first = await host({ stateDir });
  const keys = keysOf(stateDir);
  await first.end("SIGKILL");
  const second = await host({ stateDir });
  expect(keysOf(stateDir)).toEqual(keys);
  expect((await fetch(`${second.url}/api/needs-master?code=${keys.master}`)).status).toBe(200);
});

it("timer: a slot missed while the host was dead runs once as past due after the restart", async () => {
  const stateDir = newFolder();
  const record = join(stateDir, "record");
  const env = { RECORD_FILE: record, TICK_SCHEDULE: "0 0 0 1 1 *" };
  await (await host({ stateDir, env })).end("SIGKILL");
  expect(jsonLines(record).filter(({ event }) => event === "tick")).toEqual([]);
  // As it would look after more than a year.
  const file = join(stateDir, "timers.json");
  const year = new Date().getUTCFullYear();
  const [last, next] = [Date.UTC(year - 2, 0, 1), Date.UTC(year - 1, 0, 1)];
  writeFileSync(file, JSON.stringify({ tick: { last, next, lastUpdated: last } }));
  const second = await host({ stateDir, env });
  const tick = await until("the past due run", () => jsonLines(record).find(({ event }) => event === "tick"));
  expect(tick.timer).toMatchObject({
    isPastDue: true,
    schedule: { adjustForDST: true },
    scheduleStatus: { next: `${year - 1}-01-01T00:00:00+00:00` },
  });
  await until("the state", () => JSON.parse(readFileSync(file, "utf8")).tick.next > Date.now());
  await second.end("SIGKILL");
  await (await host({ stateDir, env })).end("SIGTERM");
  expect(jsonLines(record).filter(({ event }) => event === "tick")).toHaveLength(1);
});

it("timer: runs again and again by its schedule", async () => {
  const record = join(newFolder(), "record");
  await host({ env: { RECORD_FILE: record, TICK_SCHEDULE: "* * * * * *" } });
  const ticks = () => jsonLines(record).filter(({ event }) => event === "tick");
  await until("two runs", () => ticks().length >= 2);
  // More than once a minute: no monitor.
  expect(ticks()[0]?.timer).toMatchObject({ isPastDue: false, scheduleStatus: null });
});

it("settings: a named file is used instead, and the log can go to a file", async () => {
  const folderOfTest = newFolder();
  const settings = join(folderOfTest, "settings.json");
  const log = join(folderOfTest, "log");
  writeFileSync(settings, JSON.stringify({ Values: { FROM_SAMPLE: "named", TICK_SCHEDULE: "0 0 0 1 1 *" } }));
  const one = await host({ args: ["--settings", settings, "--log", log] });
  const response = await fetch(`${one.url}/api/echo/a`);
  expect(await response.json()).toMatchObject({ settings: ["named", null, new URL(one.url).host] });
  expect(jsonLines(log).some((line) => line.function === "echo")).toBe(true);
});

it.each([
  ["throws while loading", "throw new Error('load-marker')", "load-marker"],
  ["has a syntax error", "}{", "SyntaxError"],
  ["registers a function twice", "app.http('a', H); app.http('a', H);", '"a"'],
  ["turns on streaming", "app.http('a', H); app.setup({ enableHttpStream: true });", "enableHttpStream"],
])("broken app: one that %s is refused with exit code 1 and the reason", async (_, code, reason) => {
  const failed = await startHost({ appRoot: writeApp(newFolder(), code), stateDir: newFolder() });
  expect(failed).toMatchObject({ exitCode: 1 });
  expect("exitCode" in failed && failed.errors).toContain(reason);
});

it("broken app: without a match for main the host starts with 0 functions and says so", async () => {
  const one = await host({ appRoot: writeApp(newFolder(), "", { main: "dist/*.js" }) });
  expect(one.errors()).toContain("the app registered no function");
  expect(one.log()).toContainEqual(expect.objectContaining({ level: "Error", category: "Host.Startup" }));
  expect((await fetch(`${one.url}/api/a`)).status).toBe(404);
});

it("a port that is taken is an exit with 1", async () => {
  const one = await host();
  const port = Number(new URL(one.url).port);
  const failed = await startHost({ appRoot: CJS_APP, stateDir: newFolder(), port });
  expect(failed).toMatchObject({ exitCode: 1 });
});
