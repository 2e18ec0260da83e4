/** The frame around the emulated services: certificates, proxy, state over restarts, ports and locks. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmulatedAzure } from "../../infra/local/emulated-azure.ts";
import { keptIn, writeKept } from "../support/kept.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { rawRequest } from "../support/raw-request.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "latchkey-frame-"));
const KEEPING_AZURE = fileURLToPath(new URL("../support/keeping-azure.ts", import.meta.url));

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure({ stateDir: join(folder, "first") });
});
afterAll(async () => {
  await azure.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("proxy", () => {
  test.each([
    ["a name of nobody", "example.com:443"],
    ["an Azure name that is not emulated", "graph.microsoft.com:443"],
    ["a name that only ends like one of ours", "evil-login.microsoftonline.com:443"],
    ["another port of a name of ours", "login.microsoftonline.com:80"],
    ["loopback", "127.0.0.1:443"],
  ])("connect: 502 for %s", async (_what, authority) => {
    const { code, stderr } = await curl(["-sS", "--noproxy", "", `https://${authority}/`]);
    expect({ code, refused: stderr.includes("502") }).toEqual({ code: 56, refused: true });
  });

  test("connect: plain HTTP is not forwarded", async () => {
    const { stdout } = await curl([
      "-sS",
      "-o",
      "-",
      "-w",
      "%{http_code}",
      "-x",
      azure.proxyUrl,
      "http://example.com/",
    ]);
    expect(stdout).toMatch(/502$/);
  });

  test("front: 421 for a Host header that no service answers, inside a good tunnel", async () => {
    const url = "https://management.azure.com/subscriptions";
    const answer = await rawRequest(azure, { method: "GET", url, headers: { host: "example.com" } });
    expect(answer.status).toBe(421);
  });
});

describe("certificates", () => {
  test.each([
    "login.microsoftonline.com",
    "sts.windows.net",
    "management.azure.com",
    "latchkey-vault.vault.azure.net",
    "latchkeystate.blob.core.windows.net",
    "latchkeystate.queue.core.windows.net",
    "latchkeystate.table.core.windows.net",
  ])("server: curl trusts %s with the authority alone", async (host) => {
    const { code, stdout } = await curl(["-sS", "-o", "-", "-w", "\n%{http_code}", `https://${host}/`]);
    expect(code).toBe(0);
    expect(Number(stdout.split("\n").at(-1))).toBeGreaterThanOrEqual(200);
  });

  test("server: a client without the authority refuses it", async () => {
    const { code } = await curl(["-sS", "https://management.azure.com/"], { CURL_CA_BUNDLE: "", SSL_CERT_FILE: "" });
    expect(code).toBe(60);
  });
});

describe("state", () => {
  test("restart: authority, secrets, blobs and table rows are still there", async () => {
    const options = { stateDir: join(folder, "restart") };
    const before = await startLocalAzure(options);
    const written = { ca: readFileSync(before.caFile, "utf8"), version: "", etag: "" };
    try {
      const kept = keptIn(before);
      written.version = (await kept.secrets.setSecret("kept", "value one")).properties.version ?? "";
      written.etag = await writeKept(kept);
    } finally {
      await before.stop();
    }
    const after = await startLocalAzure(options);
    try {
      const { secrets, container, table } = keptIn(after);
      expect(readFileSync(after.caFile, "utf8")).toBe(written.ca);
      expect(await secrets.getSecret("kept")).toMatchObject({
        value: "value one",
        properties: { version: written.version },
      });
      const blob = container.getBlockBlobClient("kept.txt");
      expect((await blob.downloadToBuffer()).toString()).toBe("kept");
      expect((await blob.getProperties()).etag).toBe(written.etag);
      expect(await table.getEntity("c", "n~kept")).toMatchObject({ state: "healthy" });
    } finally {
      await after.stop();
    }
  });

  test("kill -9: what was acknowledged is kept, children end with their parent, and the folder can be used again", async () => {
    const stateDir = join(folder, "killed");
    const parent = spawn(process.execPath, [KEEPING_AZURE, stateDir], { stdio: ["ignore", "pipe", "inherit"] });
    await once(parent.stdout, "data");
    const [azurite] = await childrenOf(parent.pid ?? 0);
    expect(azurite).toBeDefined();
    parent.kill("SIGKILL");
    await once(parent, "exit");
    const again = await startLocalAzure({ stateDir });
    try {
      // It may stay in the process list until init asks how it ended.
      await expect.poll(() => isAlive(azurite), { timeout: 10_000 }).toBe(false);
      const { container, table } = keptIn(again);
      expect((await container.getBlockBlobClient("kept.txt").downloadToBuffer()).toString()).toBe("kept");
      expect(await table.getEntity("c", "n~kept")).toMatchObject({ state: "healthy" });
    } finally {
      await again.stop();
    }
  });

  test("start: refuses a folder that another local system uses, and leaves that one alone", async () => {
    await expect(startEmulatedAzure({ stateDir: azure.stateDir })).rejects.toMatchObject({ pid: process.pid });
    expect((await fetch(`${azure.controlUrl}/faults`)).status).toBe(200);
  });

  test("start: names the port that is taken, and gives the folder free again", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const stateDir = join(folder, "busy");
    const failed = expect(startEmulatedAzure({ stateDir, ports: { proxy: port } })).rejects;
    await failed.toMatchObject({ server: "proxy", port });
    other.close();
    const started = await startEmulatedAzure({ stateDir, ports: { proxy: port } });
    expect(started.proxyUrl).toBe(`http://127.0.0.1:${port}`);
    await started.stop();
  });
});

describe("stop", () => {
  test("stop: nothing listens any more, and a second stop does nothing", async () => {
    const system = await startEmulatedAzure({ stateDir: join(folder, "stopped") });
    await system.stop();
    await system.stop();
    for (const url of [system.proxyUrl, system.controlUrl]) await expect(fetch(url)).rejects.toThrow(TypeError);
  });

  test("stop: does not wait for clients that keep their connections, nor for planned latency", async () => {
    const system = await startLocalAzure({ stateDir: join(folder, "slow") });
    const body = JSON.stringify({ service: "entra", latencyMs: 600_000 });
    await fetch(`${system.controlUrl}/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const url = "https://login.microsoftonline.com/common/discovery/instance";
    const open = rawRequest(system, { method: "GET", url }).then(
      () => "answered",
      () => "cut",
    );
    await expect.poll(async () => (await hits(system))[0]).toBe(1);
    await system.stop();
    expect(await open).toBe("cut");
  });
});

async function hits(system: LocalAzure): Promise<number[]> {
  const { items } = (await (await fetch(`${system.controlUrl}/faults`)).json()) as { items: { hits: number }[] };
  return items.map((item) => item.hits);
}

async function curl(args: string[], env: Record<string, string> = {}) {
  const options = { env: { PATH: process.env.PATH, ...azure.clientEnv, ...env } };
  return run("curl", ["--max-time", "30", ...args], options).then(
    ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
