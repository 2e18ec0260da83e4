/** The whole local system for tests with clients from outside npm, and how to run such a client. Called by test/clients. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Seed } from "../../infra/local/seed.ts";
import { type LocalSystem, startLocalSystem } from "../../infra/local/system.ts";
import { buildBundle } from "../../scripts/build.ts";

/** Azure's MCP server, as scripts/clients/install.sh puts it. */
export const AZMCP = fileURLToPath(new URL("./azmcp/node_modules/@azure/mcp-linux-x64/dist/azmcp", import.meta.url));
const APP_ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A client that takes longer hangs; `az` takes 2 s on an idle machine, far more on a busy one. */
const CLIENT_TIMEOUT_MS = 60_000;

const requestsSchema = z.object({
  items: z.array(z.object({ method: z.string(), host: z.string(), path: z.string(), status: z.number().nullable() })),
});

/** A request to the local Azure and its answer; status is null when there was none. */
export type AnsweredRequest = z.infer<typeof requestsSchema>["items"][number];
/** How a client ended and what it wrote. */
export type ClientRun = { readonly code: number; readonly stdout: string; readonly stderr: string };
/** What a client gets beside its arguments. */
export type ClientOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard input, e.g. a password; empty when absent. */
  readonly input?: string;
};

/** The local system with the built app, and a folder for the files of clients. */
export type ClientSystem = LocalSystem & {
  /** Empty at first; also the clients' HOME, so that no setting of this machine reaches them. */
  readonly home: string;
  /**
   * Runs a program whatever its exit code.
   * @throws Error when the program is not installed or does not end
   */
  run(program: string, args: readonly string[], options?: ClientOptions): Promise<ClientRun>;
  /** Status of the newest answer of the local Azure to such a request; undefined when there was none. */
  lastStatus(method: string, path: string): Promise<number | null | undefined>;
  /** All that the local Azure was asked, oldest first. */
  requests(): Promise<readonly AnsweredRequest[]>;
  /** @throws Error when a client met an operation that the local Azure does not have, or a failure of it */
  stop(): Promise<void>;
};

/** Builds the app and starts everything on free ports, with state of its own. */
export async function startClientSystem(): Promise<ClientSystem> {
  await buildBundle();
  const folder = mkdtempSync(join(tmpdir(), "latchkey-clients-"));
  const home = join(folder, "home");
  mkdirSync(home);
  const system = await startLocalSystem({ appRoot: APP_ROOT, stateDir: join(folder, "state") });
  const environment = { PATH: process.env.PATH ?? "", HOME: home, LANG: "C.UTF-8", ...system.clientEnv };
  return {
    ...system,
    home,
    run: (program, args, options = {}) =>
      runClient(program, args, { cwd: options.cwd ?? home, env: { ...environment, ...options.env } }, options.input),
    async lastStatus(method, path) {
      const requests = await requestsOf(system);
      return requests.findLast((request) => request.method === method && request.path === path)?.status;
    },
    requests: () => requestsOf(system),
    async stop() {
      const failed = (await requestsOf(system)).filter(({ status }) => (status ?? 0) >= 500);
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
      const shown = failed.map(({ status, method, host, path }) => `${status} ${method} ${host}${path}`);
      if (shown.length > 0) throw new Error(`The local Azure failed clients:\n${shown.join("\n")}`);
    },
  };
}

async function requestsOf(system: LocalSystem) {
  const response = await fetch(`${system.controlUrl}/requests`);
  return requestsSchema.parse(await response.json()).items;
}

/** Ids and secret of an application of the seed. @throws Error when it has no secret */
export function applicationOf(
  seed: Seed,
  name: string,
): { readonly clientId: string; readonly objectId: string; readonly secret: string } {
  const application = seed.applications.find((candidate) => candidate.name === name);
  if (application?.secret === undefined) throw new Error(`seed.yaml has no application ${name} with a secret`);
  return { clientId: application.clientId, objectId: application.objectId, secret: application.secret };
}

function runClient(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string> },
  input = "",
): Promise<ClientRun> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { ...options, timeout: CLIENT_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error?.code === "ENOENT") {
        reject(new Error(`${program} is not installed. Run scripts/clients/install.sh first.`));
      } else if (error && typeof error.code !== "number") {
        reject(new Error(`${program} did not end by itself: ${stderr}`, { cause: error }));
      } else {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      }
    });
    // A client that asks a question gets an end of file instead of waiting for an answer.
    child.stdin?.end(input);
  });
}
