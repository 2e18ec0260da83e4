/** Azurite as a child process: what really stores blobs, queues and tables. Called by system.ts. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import { type Child, startChild } from "./child.ts";
import { type Seed, storageAccountsOf } from "./seed.ts";
import type { StateStore } from "./state.ts";
import { holdStateFolder } from "./state-lock.ts";

const START_TIMEOUT_MS = 60_000;
/** Length of the keys that Azure makes for a storage account. */
const ACCOUNT_KEY_BYTES = 64;
const LISTENING = /^Azurite (Blob|Queue|Table) service is successfully listening at https:\/\/127\.0\.0\.1:(\d+)/;

/** Where Azurite listens (TLS, 127.0.0.1), and its end. */
export type Azurite = {
  readonly blobPort: number;
  readonly queuePort: number;
  readonly tablePort: number;
  readonly child: Child;
};

/**
 * Starts Azurite on free ports with every storage account of the seed.
 * @throws Error when it ends, or does not listen in time
 */
export async function startAzurite(deps: {
  readonly seed: Seed;
  readonly state: StateStore;
  readonly stateDir: string;
  readonly certificates: Certificates;
  readonly logFile: string;
}): Promise<Azurite> {
  const location = join(deps.stateDir, "azurite");
  mkdirSync(location, { recursive: true, mode: 0o700 });
  const { logFile } = deps;
  const ports = new Map<string, number>();
  let report = () => {};
  const listening = new Promise<void>((resolve) => {
    report = resolve;
  });
  const child = startChild([azuriteMain(), ...flags(location, deps.certificates)], {
    // Nothing of the caller's environment: a NODE_OPTIONS or an AZURITE_* of its own would change what runs.
    env: { AZURITE_ACCOUNTS: accounts(deps.seed, deps.state) },
    cwd: location,
    logFile,
    onLine(line) {
      const [, service, port] = LISTENING.exec(line) ?? [];
      if (service === undefined) return;
      ports.set(service, Number(port));
      if (ports.size === 3) report();
    },
  });
  holdStateFolder(deps.stateDir, child.pid);
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Azurite ${why}; its output is in ${logFile}`));
    timer = setTimeout(() => fail(`does not listen after ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS);
    void child.exited.then(({ code, signal }) => fail(`ended while starting (${signal ?? `exit code ${code}`})`));
  });
  try {
    await Promise.race([listening, failed]);
  } catch (error) {
    await child.kill();
    throw error;
  } finally {
    clearTimeout(timer);
    failed.catch(() => {});
  }
  const portOf = (service: string) => ports.get(service) ?? 0;
  return { blobPort: portOf("Blob"), queuePort: portOf("Queue"), tablePort: portOf("Table"), child };
}

function azuriteMain(): string {
  return createRequire(import.meta.url).resolve("azurite/dist/src/azurite.js");
}

function flags(location: string, { certFile, keyFile }: Certificates): string[] {
  const endpoints = ["blob", "queue", "table"].flatMap((name) => [
    ...[`--${name}Host`, "127.0.0.1"],
    ...[`--${name}Port`, "0"],
  ]);
  // --oauth basic: bearer tokens are taken (times, audience, issuer); the guard in front checks the signature.
  const fixed = ["--oauth", "basic", "--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  return ["--location", location, "--cert", certFile, "--key", keyFile, ...endpoints, ...fixed];
}

/** `name:key;...`: keys that the seed does not name are made once and kept, or data would be lost to their clients. */
function accounts(seed: Seed, state: StateStore): string {
  const keys = state.document<Record<string, string>>("storage-account-keys", () => ({}));
  return storageAccountsOf(seed)
    .map(({ account }) => {
      if (account.key !== undefined) return `${account.name}:${account.key}`;
      if (keys.read()[account.name] === undefined) {
        keys.update((value) => {
          value[account.name] = randomBytes(ACCOUNT_KEY_BYTES).toString("base64");
        });
      }
      return `${account.name}:${keys.read()[account.name]}`;
    })
    .join(";");
}
