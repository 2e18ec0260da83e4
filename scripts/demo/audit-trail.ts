/** Last part of the demo: the audit trail is sealed and verified, an intruder changes one record, and that shows. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { TableClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { BlobServiceClient } from "@azure/storage-blob";
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { applicationOf } from "./latchkey-client.ts";
import { expectEqual, type Stage, Surprise } from "./stage.ts";

const ROOT = new URL("../../", import.meta.url);
const SEAL_WAIT_MS = 30_000;
const SEAL_POLL_MS = 100;
const keysSchema = z.object({ master: z.string() });
const sampleSchema = z.object({ Values: z.record(z.string(), z.string()) });

/** @param system whose trail has the records of what the demo did before */
export async function proveTrail(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("The audit trail can be verified, and an intruder with all rights on its table is found out");
  const { clientId, secret } = applicationOf(system.seed, "latchkey-service");
  const service = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  await stage.step("The refresh timer, which runs every 5 minutes, writes a seal", async (show) => {
    show.fact("blob", `audit-seals/${await seal(system, service)}`);
  });
  await stage.step("npm run audit:verify finds nothing wrong", async (show) => {
    const { code, lines } = await verify(system);
    for (const line of lines) show.fact("", line);
    expectEqual("exit code", code, 0);
  });
  await stage.step("An intruder makes somebody else of the caller in one record", async (show) => {
    const table = new TableClient("https://latchkeystate.table.core.windows.net", "Audit", service);
    for await (const { partitionKey = "", rowKey = "" } of table.listEntities()) {
      await table.updateEntity({ partitionKey, rowKey, principalId: "user:nobody" }, "Merge");
      show.fact("record", `Audit/${partitionKey}/${rowKey}`);
      return;
    }
    throw new Surprise("the trail is empty");
  });
  await stage.step("npm run audit:verify finds the record", async (show) => {
    const { code, lines } = await verify(system);
    for (const line of lines) show.fact("", line);
    expectEqual("exit code", code, 1);
  });
}

/** Runs the timer now, with the host's master key. @returns name of the seal */
async function seal(system: LocalSystem, service: ClientSecretCredential): Promise<string> {
  const keys = readFileSync(join(system.stateDir, "host", "keys.json"), "utf8");
  const { status } = await fetch(`${system.apiUrl}/admin/functions/refresh-timer`, {
    method: "POST",
    headers: { "x-functions-key": keysSchema.parse(JSON.parse(keys)).master, "content-type": "application/json" },
    body: "{}",
  });
  expectEqual("status", status, 202);
  const seals = new BlobServiceClient("https://latchkeystate.blob.core.windows.net", service).getContainerClient(
    "audit-seals",
  );
  for (let waited = 0; waited < SEAL_WAIT_MS; waited += SEAL_POLL_MS) {
    const names: string[] = [];
    if (await seals.exists()) for await (const { name } of seals.listBlobsFlat()) names.push(name);
    const last = names.at(-1);
    if (last !== undefined) return last;
    await sleep(SEAL_POLL_MS);
  }
  throw new Surprise(`no seal after ${SEAL_WAIT_MS / 1000} s`);
}

/** In a process of its own, with the settings that an operator would give it. */
function verify(system: LocalSystem): Promise<{ code: number; lines: string[] }> {
  const sample = readFileSync(new URL("local.settings.sample.json", ROOT), "utf8");
  const settings = sampleSchema.parse(JSON.parse(sample)).Values;
  const env = { ...process.env, ...settings, ...system.clientEnv, NO_COLOR: "1" };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["scripts/audit-verify.ts"],
      { cwd: fileURLToPath(ROOT), env },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), lines: `${stdout}${stderr}`.trimEnd().split("\n") }),
    );
  });
}
