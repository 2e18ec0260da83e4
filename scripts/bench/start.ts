/** `npm run bench:start`: what a cold start costs, as ratios of medians. Exits non-zero when a target is missed. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Table from "cli-table3";
import { z } from "zod";
import { buildBundle } from "../build.ts";
import { median } from "./median.ts";

/** Runs of each form; the median counts. */
const RUNS = 5;
/** Starts of the whole local system, which take seconds each. */
const SYSTEM_RUNS = 3;
/** The bundle with a filled compile cache, as share of the unbundled sources. */
const MAX_RATIO = 0.5;
/** A start that takes longer has failed. */
const START_LIMIT_MS = 60_000;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const measured = z.object({ milliseconds: z.number(), rssBytes: z.number() });

try {
  const bundleBytes = await buildBundle();
  const settings = z
    .object({ Values: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, "local.settings.sample.json"), "utf8"))).Values;
  const bundle = join(ROOT, "dist/main.mjs");
  const cached = { ...settings, NODE_COMPILE_CACHE: join(scratch, "compile-cache") };

  const unbundled = await loadTimes(join(ROOT, "functions/main.ts"), settings);
  const bundled = await loadTimes(bundle, settings);
  await loadTimes(bundle, cached, 1);
  const warm = await loadTimes(bundle, cached);
  const ready = await systemStartTimes();

  const table = new Table({
    head: ["FORM", "MEDIAN ms", "RATIO", "RSS MiB"],
    style: { head: [], border: [], compact: true },
  });
  const row = (form: string, { times, rssBytes }: Loads) =>
    table.push([
      form,
      median(times).toFixed(0),
      (median(times) / median(unbundled.times)).toFixed(2),
      (rssBytes / 2 ** 20).toFixed(0),
    ]);
  row("sources, not bundled", unbundled);
  row(`bundle, ${Math.round(bundleBytes / 1024)} KiB`, bundled);
  row("bundle with compile cache", warm);
  console.log(`Loading the app, median of ${RUNS}\n${table.toString()}`);
  console.log(`npm start to ready, median of ${SYSTEM_RUNS}: ${(median(ready) / 1000).toFixed(1)} s`);

  const ratio = median(warm.times) / median(unbundled.times);
  const met = ratio <= MAX_RATIO;
  console.log(
    `Target: bundle with compile cache at most ${MAX_RATIO} of the sources: ${met ? "met" : "MISSED"} (${ratio.toFixed(2)})`,
  );
  if (!met) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

type Loads = { readonly times: number[]; readonly rssBytes: number };

async function loadTimes(file: string, environment: Record<string, string>, runs = RUNS): Promise<Loads> {
  const times: number[] = [];
  let rssBytes = 0;
  for (let run = 0; run < runs; run++) {
    const child = fileURLToPath(new URL("./load-app.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [child, file], {
      env: { ...process.env, ...environment },
    });
    const result = measured.parse(JSON.parse(stdout));
    times.push(result.milliseconds);
    rssBytes = result.rssBytes;
  }
  return { times, rssBytes };
}

/** From the command to the line that says that all is ready, each on a fresh state folder. */
async function systemStartTimes(): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < SYSTEM_RUNS; run++) {
    const ports = ["--port", "0", "--proxy-port", "0", "--control-port", "0"];
    const startedAt = performance.now();
    const child = spawn("npm", ["start", "--silent", "--", ...ports, "--state-dir", join(scratch, `system-${run}`)], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
      // A group of its own, so that ending it ends npm and what npm started.
      detached: true,
      signal: AbortSignal.timeout(START_LIMIT_MS),
    });
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.includes(" is ready after ")) continue;
      times.push(performance.now() - startedAt);
      break;
    }
    const ended = once(child, "exit");
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    await ended;
  }
  if (times.length < SYSTEM_RUNS) throw new Error("npm start ended before it was ready.");
  return times;
}
