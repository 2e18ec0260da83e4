/** Seals and verifies the audit trail of a running local system, as its operator does. For e2e tests. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ContainerClient } from "@azure/storage-blob";
import { expect } from "vitest";
import type { System } from "./system.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Longest that a run of the timer may take here. */
const SEAL_WAIT = { timeout: 30_000, interval: 200 };

/** What `npm run audit:verify` printed, and its exit code. */
export type Verified = { readonly code: number; readonly output: string };

/** With the settings of the sample, the exports that `npm start` prints, and nothing else. */
export function verifyAudit(system: System, ...args: readonly string[]): Promise<Verified> {
  const sample: { Values: Record<string, string> } = JSON.parse(
    readFileSync(join(ROOT, "local.settings.sample.json"), "utf8"),
  );
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...sample.Values, ...system.clientEnv };
  return new Promise((resolve) => {
    execFile(process.execPath, ["scripts/audit-verify.ts", ...args], { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
    );
  });
}

/** Runs the refresh timer now and waits until its seal is there. @returns names of all seals */
export async function sealNow(system: System, seals: ContainerClient): Promise<string[]> {
  const before = await namesOf(seals);
  const { master }: { master: string } = JSON.parse(readFileSync(join(system.stateDir, "host", "keys.json"), "utf8"));
  const answer = await fetch(`${system.apiUrl}/admin/functions/refresh-timer`, {
    method: "POST",
    headers: { "x-functions-key": master, "content-type": "application/json" },
    body: "{}",
  });
  expect(answer.status).toBe(202);
  await expect.poll(async () => (await namesOf(seals)).length, SEAL_WAIT).toBeGreaterThan(before.length);
  return namesOf(seals);
}

async function namesOf(seals: ContainerClient): Promise<string[]> {
  if (!(await seals.exists())) return [];
  const names: string[] = [];
  for await (const { name } of seals.listBlobsFlat()) names.push(name);
  return names;
}
