/** `npm start` as a newcomer uses it: what it prints is pasted into bash, and Ctrl-C ends it. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const stateDir = mkdtempSync(join(tmpdir(), "latchkey-start-"));
const flags = ["--port", "0", "--proxy-port", "0", "--control-port", "0", "--state-dir", stateDir];

let child: ReturnType<typeof start>;
let printed = "";

function start(args: readonly string[]) {
  return spawn(process.execPath, ["infra/local/start.ts", ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
}

async function ended(process: ReturnType<typeof start>): Promise<{ code: number; stderr: string }> {
  let stderr = "";
  process.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(process, "close");
  return { code: Number(code), stderr };
}

beforeAll(async () => {
  child = start(flags);
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    if (printed.includes('echo "$RUN"')) break;
  }
});
afterAll(() => {
  child.kill("SIGKILL");
  rmSync(stateDir, { recursive: true, force: true });
});

/** In the place of programs that are not on npm: each uses what it is given, over the real wire. */
const STAND_INS = {
  // login --username NAME --password-stdin HOST
  skopeo: `[ "$1" = login ] || exit 0
curl -sS -o /dev/null -w "login %{http_code}\\n" -u "$3:$(cat)" "https://$5/oauth2/token?service=$5&scope=repository:vision/train:pull"`,
  // --kubeconfig FILE get pods
  kubectl: `grep -q "namespace: vision" "$2" && echo "kubeconfig for vision"`,
};

test("start: every printed command works when pasted into bash, from a blob that is read back to the plan of a purge", async () => {
  const programs = join(stateDir, "bin");
  mkdirSync(programs);
  for (const [name, line] of Object.entries(STAND_INS)) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  const script = printed.slice(printed.indexOf("\n#"));
  expect(script).toContain("api/connectors");
  const { HOME } = process.env;
  const PATH = `${programs}:${process.env.PATH}`;
  const { stdout, stderr } = await run("bash", ["--norc", "-euo", "pipefail", "-c", script], { env: { PATH, HOME } });
  expect(stderr).toBe("");
  const lines = stdout.trim().split("\n");
  const [registered = "", issued = "", ...used] = lines.slice(0, -2);
  const [keeper = "", planned = ""] = lines.slice(-2);
  expect(JSON.parse(registered)).toMatchObject({ name: "azure-service-principal", state: "degraded" });
  expect(JSON.parse(issued)).toMatchObject({ credential: { kind: "sas" } });
  expect(used).toEqual(["hello from Latchkey", "login 200", "kubeconfig for vision"]);
  expect(JSON.parse(keeper)).toMatchObject({ name: "registry-keeper" });
  // Of 300 images, one every 6 hours, 28 are of the last 7 days.
  expect(JSON.parse(planned)).toMatchObject({ state: "planned", counts: { toDelete: 272 } });
});

test("start: a second one on the same folder ends with 1 and says who has it", async () => {
  const { code, stderr } = await ended(start(flags));
  expect(code).toBe(1);
  expect(stderr).toContain(String(child.pid));
});

test("start: a busy port ends it with 1 and the flag to use", async () => {
  const port = new URL(/https?:\S+(?=\n)/.exec(printed.slice(printed.indexOf("CONNECT proxy")))?.[0] ?? "").port;
  const args = [...flags.slice(0, 4), "--control-port", port, "--state-dir", join(stateDir, "other")];
  const { code, stderr } = await ended(start(args));
  expect(code).toBe(1);
  expect(stderr).toContain(port);
  expect(stderr).toContain("--control-port");
});

test("start: an unknown flag ends it with 1 and the usage", async () => {
  const { code, stderr } = await ended(start(["--prot", "1"]));
  expect(code).toBe(1);
  expect(stderr).toContain("--proxy-port");
});

test("start: Ctrl-C ends it with 0 and gives the folder free", async () => {
  const end = once(child, "exit");
  child.kill("SIGINT");
  expect(await end).toEqual([0, null]);
  const again = start([...flags, "--without-host"]);
  const first = once(again.stdout, "data");
  await first;
  const stopped = once(again, "exit");
  again.kill("SIGTERM");
  expect(await stopped).toEqual([0, null]);
});

test("start: a child that dies ends it with 1 and the name of its log", async () => {
  const dying = start([...flags, "--without-host"]);
  await once(dying.stdout, "data");
  const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(dying.pid)]);
  const result = ended(dying);
  process.kill(Number(stdout.trim()), "SIGKILL");
  const { code, stderr } = await result;
  expect(code).toBe(1);
  expect(stderr).toContain("azurite.log");
});
