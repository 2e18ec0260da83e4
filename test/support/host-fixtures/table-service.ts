/** Azurite's table service alone, without TLS, for contract tests of the durable part of the host. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";

const ACCOUNT = "hosttest";
const STARTED = "successfully started";

export type TableService = {
  /** Value of AzureWebJobsStorage. */
  readonly connection: string;
  stop(): Promise<void>;
};

/** Tries: another process may take the port between the look for it and Azurite. */
const TRIES = 3;

/** Azurite does not say which port it took. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), "close");
  return port;
}

/** @returns undefined when it ended at once; `out` gets what it said */
async function startOn(port: number, folder: string, key: string, out: string[]): Promise<TableService | undefined> {
  const main = createRequire(import.meta.url).resolve("azurite/dist/src/table/main.js");
  const place = ["--tableHost", "127.0.0.1", "--tablePort", String(port), "--location", folder];
  const flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  const env = { PATH: process.env.PATH, AZURITE_ACCOUNTS: `${ACCOUNT}:${key}` };
  const child: ChildProcess = spawn(process.execPath, [main, ...place, ...flags], { env, cwd: folder });
  const exited = once(child, "exit");
  const isUp = await new Promise<boolean>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out.push(text);
      if (out.join("").includes(STARTED)) resolve(true);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => out.push(text));
    void exited.then(() => resolve(false));
  });
  if (!isUp) return undefined;
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    connection: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${key};TableEndpoint=${endpoint};`,
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** @param folder where its data is */
export async function startTableService(folder: string): Promise<TableService> {
  const key = randomBytes(64).toString("base64");
  const said: string[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    const out: string[] = [];
    const service = await startOn(await freePort(), folder, key, out);
    if (service) return service;
    said.push(...out);
  }
  throw new Error(`Azurite ended: ${said.join("")}`);
}
