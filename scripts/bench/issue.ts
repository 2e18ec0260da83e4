/** `npm run bench:issue`: what a warm credential costs over HTTP: times, upstream calls, memory. Exits non-zero when a target is missed. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { z } from "zod";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type LocalSystem, startLocalSystem } from "../../infra/local/system.ts";
import { buildBundle } from "../build.ts";
import { applicationOf, type Client, createClient, passwordToken } from "../demo/latchkey-client.ts";
import { KINDS, type Kind, setUp } from "./issue-kinds.ts";
import { percentile, slope } from "./statistics.ts";

/** Callers at once. */
const CALLERS = [1, 4, 16, 64];
/** Issues of each kind at each number of callers. */
const ISSUES_PER_LEVEL = 400;
/** Issues in whose course upstream calls are counted, one after another. */
const COUNTED_ISSUES = 50;
/** A warm SAS: the lease with its count, and the audit record. */
const MAX_WRITES_PER_SAS = 2;
/** Policy and connector records are read again when they are this old, in milliseconds. */
const REFRESH_MS = 10_000;
/** Reads of one such refresh: memberships, grants, the connector. */
const READS_PER_REFRESH = 3;
/** What the control endpoint says of each request. */
const logSchema = z.object({
  items: z.array(z.object({ service: z.string(), method: z.string(), host: z.string(), path: z.string() })),
});
/** Points of the memory curve. */
const MEMORY_SAMPLES = 20;
/** Callers at once while memory is measured. */
const MEMORY_CALLERS = 64;

const { values } = parseArgs({ options: { issues: { type: "string", default: "5000" } } });
const memoryIssues = z.coerce.number().int().min(100).max(100_000).parse(values.issues);
const stateDir = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const ends: (() => Promise<void> | void)[] = [() => rmSync(stateDir, { recursive: true, force: true })];

try {
  await buildBundle();
  const env = { LATCHKEY_MAX_ACTIVE_LEASES: "10000", LATCHKEY_MAX_ISSUES_PER_SECOND: "10000" };
  const system = await startLocalSystem({ stateDir, appRoot: fileURLToPath(new URL("../..", import.meta.url)), env });
  ends.push(() => system.stop());
  ends.push(enterLocalAzure(system));
  const token = await passwordToken(system.seed, "admin@zenmldemo.onmicrosoft.com");
  const admin = createClient(system.apiUrl, token);
  await setUp(admin, system, applicationOf(system.seed, "zenml-connector"));
  const callers = await callersOf(system, admin);

  const times = table(["KIND", "CALLERS", "p50 ms", "p95 ms", "p99 ms", "ISSUES/s", "RATE x1"]);
  const missed: string[] = [];
  const calls = table(["KIND", "UPSTREAM CALLS PER ISSUE", "WRITES", "ELSE"]);
  for (const kind of KINDS) {
    await issueMany(callers, kind, 1, 10);
    const counted = await countCalls(system, callers, kind);
    calls.push([kind.name, counted.all.toFixed(2), counted.writes.toFixed(2), counted.elseText]);
    const isOver = kind.target !== null && counted.excess > kind.target * COUNTED_ISSUES;
    if (isOver || (kind.target === 0 && counted.writes > MAX_WRITES_PER_SAS)) missed.push(kind.name);
    let alone = 0;
    for (const level of CALLERS) {
      const { milliseconds, seconds } = await issueMany(callers, kind, level, ISSUES_PER_LEVEL);
      const rate = milliseconds.length / seconds;
      alone = level === 1 ? rate : alone;
      const shares = [0.5, 0.95, 0.99].map((share) => percentile(milliseconds, share).toFixed(1));
      times.push([kind.name, String(level), ...shares, rate.toFixed(0), (rate / alone).toFixed(2)]);
    }
  }
  console.log(`Whole path: HTTP, token, policy, credential, lease, audit; ${ISSUES_PER_LEVEL} issues a line`);
  console.log(times.toString());
  console.log(`Upstream calls of a warm issue, over ${COUNTED_ISSUES} one after another`);
  console.log(calls.toString());
  const targets = KINDS.flatMap(({ name, target }) => (target === null ? [] : [`${name} ${target}`])).join(", ");
  console.log(
    `Targets: a warm SAS is ${MAX_WRITES_PER_SAS} table writes; calls beside table writes at most: ${targets}: ${missed.length === 0 ? "met" : `MISSED by ${missed.join(", ")}`}`,
  );
  if (missed.length > 0) process.exitCode = 1;
  await showGroupCommit(system, callers);
  await showMemory(system, callers);
} finally {
  for (const end of ends.reverse()) await end();
}

function table(head: string[]) {
  return new Table({ head, style: { head: [], border: [], compact: true } });
}

/** Several principals, so that their counts of active leases stay as short as in life. */
async function callersOf(system: LocalSystem, admin: Client): Promise<readonly Client[]> {
  const scientist = await passwordToken(system.seed, "scientist@zenmldemo.onmicrosoft.com");
  return [admin, createClient(system.apiUrl, scientist)];
}

/** Issues `count` times from `level` callers. @throws Error for the first answer that is not 201 or 200 */
async function issueMany(callers: readonly Client[], kind: Kind, level: number, count: number) {
  const milliseconds: number[] = [];
  let left = count;
  const work = async (caller: Client) => {
    while (left-- > 0) {
      const startedAt = performance.now();
      const { status, body } = await caller.call("POST", kind.path, kind.body);
      if (status !== 201 && status !== 200) throw new Error(`${kind.name}: ${status} ${JSON.stringify(body)}`);
      milliseconds.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  const workers = Array.from({ length: level }, (_, index) => callers[index % callers.length]);
  await Promise.all(workers.map((caller) => caller && work(caller)));
  return { milliseconds, seconds: (performance.now() - startedAt) / 1000 };
}

/** What the emulated Azure was asked meanwhile. */
async function requestsDuring(system: LocalSystem, work: () => Promise<unknown>) {
  await fetch(`${system.controlUrl}/requests`, { method: "DELETE" });
  await work();
  return logSchema.parse(await (await fetch(`${system.controlUrl}/requests`)).json()).items;
}

async function countCalls(system: LocalSystem, callers: readonly Client[], kind: Kind) {
  let elapsedMs = 0;
  const requests = await requestsDuring(system, async () => {
    elapsedMs = (await issueMany(callers, kind, 1, COUNTED_ISSUES)).seconds * 1000;
  });
  const isWrite = ({ host, method }: { host: string; method: string }) =>
    host.startsWith("latchkeystate.table.") && method !== "GET";
  const others = requests.filter((request) => !isWrite(request));
  const byPath = new Map<string, number>();
  for (const { method, host, path } of others) {
    const name = `${method} ${host}${path.replace(/\(.*$/, "").replace(/\/latchkey-[-0-9a-z]+/, "/{}")}`;
    byPath.set(name, (byPath.get(name) ?? 0) + 1);
  }
  // A refresh that falls into the time is no cost of an issue: it comes by the clock.
  const refreshes = Math.ceil(elapsedMs / REFRESH_MS) * READS_PER_REFRESH;
  return {
    all: requests.length / COUNTED_ISSUES,
    writes: (requests.length - others.length) / COUNTED_ISSUES,
    excess: Math.max(0, others.length - refreshes),
    elseText: [...byPath].map(([name, count]) => `${count} x ${name}`).join("\n") || "none",
  };
}

async function showGroupCommit(system: LocalSystem, callers: readonly Client[]): Promise<void> {
  const level = CALLERS.at(-1) ?? 1;
  const [sas] = KINDS;
  if (sas === undefined) return;
  const requests = await requestsDuring(system, () => issueMany(callers, sas, level, ISSUES_PER_LEVEL));
  const writes = requests.filter(({ host, method }) => host.startsWith("latchkeystate.table.") && method !== "GET");
  console.log(
    `With ${level} callers a SAS is ${(writes.length / ISSUES_PER_LEVEL).toFixed(2)} table writes: they share transactions`,
  );
}

/** Memory of the product's process and of what stands for Azure, and the times, along a long run. */
async function showMemory(system: LocalSystem, callers: readonly Client[]): Promise<void> {
  const [sas] = KINDS;
  if (sas === undefined) return;
  // What the other kinds left in its memory is not what is measured.
  await system.restartHost();
  await issueMany(callers, sas, MEMORY_CALLERS, ISSUES_PER_LEVEL);
  const azurite = azuritePid();
  const rows = table(["ISSUES", "HOST MiB", "AZURITE MiB", "REST OF LOCAL AZURE MiB", "p50 ms", "p99 ms", "ISSUES/s"]);
  const points: { issues: number; bytes: number }[] = [];
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const note = (issues: number, ...times: string[]) => {
    const bytes = residentBytes(system.hostPid());
    points.push({ issues, bytes });
    rows.push([String(issues), ...[bytes, residentBytes(azurite), process.memoryUsage.rss()].map(mib), ...times]);
  };
  note(0, "", "", "");
  const step = Math.ceil(memoryIssues / MEMORY_SAMPLES);
  for (let issues = step; issues <= memoryIssues; issues += step) {
    const { milliseconds, seconds } = await issueMany(callers, sas, MEMORY_CALLERS, step);
    const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => percentile(milliseconds, share));
    note(issues, p50.toFixed(1), p99.toFixed(1), (step / seconds).toFixed(0));
  }
  // The first half fills caches and the heap; what grows after that grows for ever.
  const second = points.slice(Math.floor(points.length / 2));
  const perIssue = slope(second.map(({ issues, bytes }) => [issues, bytes]));
  console.log(`Memory and times along ${memoryIssues} issues of a SAS from ${MEMORY_CALLERS} callers`);
  console.log(rows.toString());
  console.log(`Memory of the host in the second half: ${perIssue.toFixed(0)} bytes an issue`);
}

/** Azurite, which keeps every row in memory, is a child of this process. Source: proc(5), `children`. @throws Error when it does not run */
function azuritePid(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ");
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("azurite.js"));
  if (found === undefined) throw new Error("Azurite does not run.");
  return Number(found);
}

/** Resident set of a process. Source: proc(5), `VmRSS` in kB. */
function residentBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
