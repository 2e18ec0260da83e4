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

/** @param folder where its data is */
export async function startTableService(folder: string): Promise<TableService> {
  const main = createRequire(import.meta.url).resolve("azurite/dist/src/table/main.js");
  // Azurite does not say which port it took.
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), "close");
  const key = randomBytes(64).toString("base64");
  const place = ["--tableHost", "127.0.0.1", "--tablePort", String(port), "--location", folder];
  const flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  const env = { PATH: process.env.PATH, AZURITE_ACCOUNTS: `${ACCOUNT}:${key}` };
  const child: ChildProcess = spawn(process.execPath, [main, ...place, ...flags], { env, cwd: folder });
  const exited = once(child, "exit");
  await new Promise<void>((resolve, reject) => {
    let out = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (out.includes(STARTED)) resolve();
    });
    void exited.then(() => reject(new Error(`Azurite ended: ${out}`)));
  });
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    connection: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${key};TableEndpoint=${endpoint};`,
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
