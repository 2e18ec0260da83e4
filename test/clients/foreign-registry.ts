/** Debian's docker-registry, made to believe tokens of a local registry. Called by distribution.test.ts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { TOKEN_CERTIFICATE_FILE } from "../../infra/local/azure/registry/token-certificate.ts";
import type { AnsweredRequest, ClientSystem } from "./client-system.ts";
import { REGISTRY } from "./container-lending.ts";
import { toolPath } from "./container-tools.ts";

const START_TIMEOUT_MS = 20_000;
/** Its log comes through a pipe, after the answer. */
const LOG_DELAY_MS = 200;

/** A registry that runs. It shares nothing with the local one but the key, the issuer and the service of its tokens. */
export type ForeignRegistry = {
  /** Host and port, on loopback. */
  readonly host: string;
  /** All that it was asked, oldest first, from its own log. */
  requests(): Promise<readonly AnsweredRequest[]>;
  stop(): Promise<void>;
};

/** @throws Error when it does not start */
export async function startForeignRegistry(system: ClientSystem): Promise<ForeignRegistry> {
  const folder = join(system.home, "docker-registry");
  mkdirSync(folder);
  const file = join(folder, "config.yml");
  // YAML takes JSON.
  writeFileSync(file, JSON.stringify(configuration(folder, join(system.stateDir, "certificates"))));
  const child = spawn(toolPath("docker-registry"), ["serve", file], {
    env: { PATH: process.env.PATH ?? "", HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const host = await new Promise<string>((resolve, reject) => {
    const fail = () => reject(new Error(`docker-registry does not start:\n${lines.join("\n")}`));
    const late = setTimeout(fail, START_TIMEOUT_MS);
    const read = (line: string) => {
      lines.push(line);
      const [, address] = /listening on (127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (address === undefined) return;
      clearTimeout(late);
      resolve(address);
    };
    createInterface({ input: child.stdout }).on("line", read);
    createInterface({ input: child.stderr }).on("line", read);
    child.once("exit", fail);
    child.once("error", reject);
  });
  return {
    host,
    async requests() {
      await wait(LOG_DELAY_MS);
      return lines.flatMap((line) => requestOf(line, host));
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function configuration(folder: string, certificates: string) {
  const tls = { certificate: join(certificates, "server.pem"), key: join(certificates, "server.key") };
  const token = {
    realm: `https://${REGISTRY}/oauth2/token`,
    service: REGISTRY,
    issuer: "Azure Container Registry",
    rootcertbundle: join(certificates, TOKEN_CERTIFICATE_FILE),
  };
  return {
    version: "0.1",
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: "127.0.0.1:0", secret: "any", tls },
    auth: { token },
  };
}

/** From a line of its log in Apache's combined form; none for other lines. */
function requestOf(line: string, host: string): readonly AnsweredRequest[] {
  const [, method, path, status] = /"([A-Z]+) ([^ ?"]+)[^ "]* HTTP\/[\d.]+" (\d{3}) /.exec(line) ?? [];
  if (method === undefined || path === undefined) return [];
  return [{ method, path, host, status: Number(status) }];
}
